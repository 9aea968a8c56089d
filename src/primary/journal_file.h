/*
 * Where the journal of the workers' output lies (core/journal.h): a file in memory,
 * mapped, that somebody else may keep for a successor. It is large and sparse: only
 * what is touched takes memory, and what is no longer needed is given back.
 */
#ifndef BERTH_PRIMARY_JOURNAL_FILE_H
#define BERTH_PRIMARY_JOURNAL_FILE_H

#include "base/buf.h"
#include "core/journal.h"

#define JOURNAL_FILE_WAYS_MAX 2 /* stdout and stderr */

struct journal_memory;

struct journal_file {
	int fd; /* NO_FD where it can have no file: see journal_file_make() */
	unsigned n_ways;
	struct journal_memory *memory;
	struct journal ways[JOURNAL_FILE_WAYS_MAX];
};

/*
 * journal_file_make - begin a journal for @n_ways ways out
 *
 * Where a file of its size is not allowed (RLIMIT_FSIZE) the journal lies in memory
 * without one, and works but for a successor. SIGXFSZ must be ignored.
 *
 * Returns 0; -ENOMEM, -EMFILE and such. The loop's thread only, as for all calls here.
 * Never blocks.
 */
int journal_file_make(struct journal_file *f, unsigned n_ways);

/*
 * journal_file_take - go on with a journal that another process has left
 *
 * @fd:  stays yours
 *
 * Returns 0; -EPROTONOSUPPORT if it is a journal in another form, -EBADMSG if it is
 * none, is damaged, or has another number of ways out; else as journal_file_make().
 */
int journal_file_take(struct journal_file *f, int fd, unsigned n_ways);

/* Unmaps and closes it. Whoever holds another fd of it has it still. */
void journal_file_done(struct journal_file *f);

/*
 * Gives back the memory of @part, as far as it is whole pages: what was in it is then
 * zeroes, and no present state may tell of it.
 */
void journal_file_give_back(struct span part);

#endif
