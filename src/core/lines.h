/*
 * Whole lines out of a stream of bytes that arrives in pieces of any size.
 *
 * A line ends with LF or CR LF; neither belongs to it. Every other byte does, NUL
 * too. A line longer than the bound comes out in pieces, each of which counts as a
 * line of its own; a piece never ends inside a UTF-8 character. How the bytes were
 * cut on their way here makes no difference to what comes out.
 *
 * Only the beginning of a line whose end has not come yet is held, in memory that
 * somebody else gives. What is held there is never written over while it is held, so
 * that whoever notes the numbers of `struct lines` after each call, and finds memory
 * and numbers again, can go on where this one has ended.
 */
#ifndef BERTH_CORE_LINES_H
#define BERTH_CORE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define LINES_SIZE_MAX ((size_t)64 * 1024) /* the bound for workers' lines, in bytes */
#define LINES_SIZE_MIN 4                   /* the smallest bound: one UTF-8 character */

struct lines {
	char *memory;      /* for the beginning of a line */
	size_t size_max;   /* how long a line may be: as long as the memory */
	size_t begin;      /* where in the memory the bytes held begin */
	size_t size;       /* how many are held */
	size_t n_spent;    /* how many of them lines_next() has given out */
	bool is_in_pieces; /* a piece of the present line came out already */
};

/*
 * lines_init - begin a stream
 *
 * @memory:    @size_max bytes, yours; must stay until the stream has ended
 * @size_max:  the longest line, in bytes: LINES_SIZE_MIN or more
 *
 * Does not touch the memory.
 */
void lines_init(struct lines *l, char *memory, size_t size_max);

/*
 * lines_next - take the next line out of what has arrived
 *
 * @input:     the bytes that arrived; what was taken of them is cut off its beginning
 * @ret_line:  the line, valid until the next call and while @input's bytes are
 *
 * Returns false where nothing comes out: @input is used up and its last line is not
 * ended, or what was taken was only the end of a line that came in pieces. Then go on
 * with the rest of @input, or the next bytes. Never fails, never blocks.
 */
bool lines_next(struct lines *l, struct span *input, struct span *ret_line);

/*
 * lines_last - take the line that the end of the stream has cut short
 *
 * @ret_line:  valid as long as the memory is
 *
 * To be called once, when lines_next() has returned false and no more bytes will
 * come. Returns false if the stream ended with a whole line, as most do.
 */
bool lines_last(struct lines *l, struct span *ret_line);

/* Lets go of the line given out last. Changes the numbers, not the memory. */
void lines_forget(struct lines *l);

/*
 * lines_gather - move what is held to the beginning of the memory
 *
 * After lines_forget(). lines_next() does it too, and may then write over the old place:
 * whoever keeps notes must call this first and note what has become of the numbers.
 * Where the bound is 7 bytes or more the new place does not overlap the old. Returns
 * whether anything was moved.
 */
bool lines_gather(struct lines *l);

#endif
