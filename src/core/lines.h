/*
 * Whole lines out of a stream of bytes that arrives in pieces of any size.
 *
 * A line ends with LF or CR LF; neither belongs to it. Every other byte does, NUL
 * too. A line longer than the bound comes out in pieces, each of which counts as a
 * line of its own; a piece never ends inside a UTF-8 character. How the bytes were
 * cut on their way here makes no difference to what comes out.
 *
 * Only the beginning of a line whose end has not come yet is kept in memory. Where
 * that memory cannot be had, the line comes out in pieces too, and nothing is lost.
 */
#ifndef BERTH_CORE_LINES_H
#define BERTH_CORE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define LINES_SIZE_MAX ((size_t)64 * 1024) /* the bound for workers' lines, in bytes */
#define LINES_SIZE_MIN 4                   /* the smallest bound: one UTF-8 character */

struct lines {
	struct buf held;   /* the beginning of a line; its bound is that of a line */
	size_t n_spent;    /* bytes of it that lines_next() has given out */
	bool is_in_pieces; /* a piece of the present line came out already */
};

/*
 * lines_init - begin a stream
 *
 * @size_max:  the longest line, in bytes: LINES_SIZE_MIN or more
 */
void lines_init(struct lines *l, size_t size_max);

/* Frees what is held. */
void lines_done(struct lines *l);

/*
 * lines_next - take the next line out of what has arrived
 *
 * @input:     the bytes that arrived; what was taken of them is cut off its beginning
 * @ret_line:  the line, valid until the next call and while @input's bytes are
 *
 * Returns false when @input is used up and its last line is not ended: go on with
 * the next bytes. Call it until then: memory that held a line is freed by the call
 * after the one that gave it out. Never fails, never blocks.
 */
bool lines_next(struct lines *l, struct span *input, struct span *ret_line);

/*
 * lines_last - take the line that the end of the stream has cut short
 *
 * @ret_line:  valid until lines_done()
 *
 * To be called once, when lines_next() has returned false and no more bytes will
 * come. Returns false if the stream ended with a whole line, as most do.
 */
bool lines_last(struct lines *l, struct span *ret_line);

#endif
