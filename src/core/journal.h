/*
 * The journal: everything that the primary has read of its workers' output and not
 * written yet, in memory that outlives it. A successor that finds the journal goes on
 * exactly where the dead one was stopped.
 *
 * Each way out (stdout, stderr) has a block of its own: the input that was read last,
 * the beginnings of lines whose ends have not come, and the queue of lines to write.
 * What is valid of these is told by one small state. The next state is written beside
 * the present one, and a count of commits, stored last, makes it the present one. So a
 * step happens wholly or not at all, however much it changes: a line is in the queue
 * exactly when its bytes are in the input no more.
 *
 * Bytes are only ever put where the present state says that nothing is. The process
 * may be killed at any instruction; a machine that fails is another matter: the
 * journal is memory and dies with it.
 *
 * A block is checked when it is opened; from then on its owner goes by his own copy of
 * the state. All calls: one thread. None blocks.
 */
#ifndef BERTH_CORE_JOURNAL_H
#define BERTH_CORE_JOURNAL_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/app_config.h"
#include "core/lines.h"
#include "core/message.h"

#define JOURNAL_VERSION 1 /* changes with anything below */

#define JOURNAL_PAGE        4096
#define JOURNAL_STREAMS_MAX 4096                  /* for each way out */
#define JOURNAL_INPUT_SIZE  ((size_t)64 * 1024)   /* a pipe's usual capacity */
#define JOURNAL_QUEUE_MAX   ((size_t)1024 * 1024) /* bytes that may wait */
#define JOURNAL_QUEUE_KEPT  ((size_t)256 * 1024)  /* memory that an empty queue may keep */
#define JOURNAL_NO_STREAM   UINT32_MAX
#define JOURNAL_ENDED       (UINT64_C(1) << 63) /* in place of what is held: no stream any more */
#define JOURNAL_PATTERN     0xff                /* no byte of any UTF-8 text */

struct journal_state {
	uint32_t queue_begin; /* what waits to be written: whole lines, but for is_in_line */
	uint32_t queue_end;
	uint32_t input_begin; /* what was read and is not in lines yet */
	uint32_t input_end;
	uint32_t input_stream; /* whose that is, or who is being read; or JOURNAL_NO_STREAM */
	uint32_t read_size;    /* of a read() that was begun, or 0 */
	uint32_t held_stream;  /* of whom this step has changed what is held, or none */
	uint32_t is_in_line;   /* a part of the first line in the queue was written */
	uint64_t held;         /* what is held of held_stream now; see journal_held() */
	uint64_t n_dropped;    /* lines that could not be written since `error` began */
	int32_t error;         /* why lines are being dropped, or 0 */
	uint32_t unused;
};

struct journal_stream {
	uint64_t id;   /* 0: nobody's */
	uint64_t held; /* which bytes are held of a line, see journal_held() */
	uint32_t is_stderr;
	uint32_t slot;
	uint32_t pid;
	uint32_t generation;
	char app[APP_NAME_MAX + 1];
	uint64_t unused[4];
};

struct journal_block {
	uint64_t n_commits; /* the last bit tells which state is the present one */
	uint64_t n_streams; /* how many of them were ever used */
	struct journal_state states[2];
	alignas(JOURNAL_PAGE) struct journal_stream streams[JOURNAL_STREAMS_MAX];
	alignas(JOURNAL_PAGE) char input[JOURNAL_INPUT_SIZE];
	alignas(JOURNAL_PAGE) char queue[2 * JOURNAL_QUEUE_MAX];
	alignas(JOURNAL_PAGE) char held[JOURNAL_STREAMS_MAX][LINES_SIZE_MAX];
};

/* One way out, as its owner has it. */
struct journal {
	struct journal_block *block;
	struct journal_state now; /* as it was committed */
	uint32_t n_streams;
	uint32_t queue_peak; /* how far the queue has reached since journal_idle_queue() */
};

/* Begins in a block that is all zeroes. */
void journal_begin(struct journal *j, struct journal_block *block);

/*
 * journal_open - go on in a block that another process has left
 *
 * Its last step is finished, and a read() that was begun counts as done or not done:
 * see journal_begin_read(). Returns false if the block is malformed in any way; it may
 * have been changed then and is of no use any more.
 */
bool journal_open(struct journal *j, struct journal_block *block);

/* The present state as the beginning of the next. */
struct journal_state journal_next(const struct journal *j);

/* Makes @next the present state, in one step. */
void journal_commit(struct journal *j, const struct journal_state *next);

/* --- the queue --- */

/* What waits to be written; valid until the next call for @j. */
struct span journal_queued(const struct journal *j);

/*
 * Makes room behind the queue, which may take a commit: call it before journal_next().
 * Returns false if more than JOURNAL_QUEUE_MAX bytes would wait.
 */
bool journal_make_room(struct journal *j, size_t size);

/* Puts @text behind the queue of @next, where room was made. */
void journal_append(const struct journal *j, struct journal_state *next, struct span text);

/* What an empty queue needs no more of its memory, from page to page; may be none. */
struct span journal_idle_queue(struct journal *j);

/* --- the input --- */

/*
 * journal_begin_read - note that up to @size bytes are about to be read
 *
 * @size:  1 to JOURNAL_INPUT_SIZE, and no more than are there, but that 1 is allowed
 *
 * Returns where to read them to. The input must be used up. The kernel may have read
 * when we are killed and have not noted how much: therefore the place is filled with
 * JOURNAL_PATTERN first. A successor that finds anything else there knows that all
 * @size bytes were read. If it finds the pattern only, it takes it that nothing was
 * read: wrong, and @size bytes lost, only if each of them was that very byte.
 */
char *journal_begin_read(struct journal *j, uint32_t stream, size_t size);

/* That read() has read @size bytes, maybe none. */
void journal_end_read(struct journal *j, size_t size);

/* What was read and is not used up. */
struct span journal_input(const struct journal *j);

/* All but the last @n_left bytes of the input are used up. */
void journal_use_input(struct journal_state *next, size_t n_left);

/* --- the streams --- */

/*
 * journal_add_stream - note one more stream
 *
 * @id:      not 0, and no other's
 * @source:  copied; its app's name has at most APP_NAME_MAX bytes
 *
 * Returns its number, or JOURNAL_NO_STREAM if there are JOURNAL_STREAMS_MAX.
 */
uint32_t journal_add_stream(struct journal *j, uint64_t id, const struct message_source *source,
			    bool is_stderr);

/* What `held` is for @l, once lines_forget() was called. */
uint64_t journal_held(const struct lines *l);

/* The lines of stream @number, as far as they have come. */
void journal_lines(const struct journal *j, uint32_t number, struct lines *ret_lines);

/* Whose stream @number is; valid as long as that is noted. */
struct message_source journal_source(const struct journal *j, uint32_t number);

#endif
