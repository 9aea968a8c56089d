/*
 * Bytes that are collected at one end and used up at the other: a buffer that
 * grows as it must, up to a bound that its owner sets.
 */
#ifndef BERTH_BASE_BUF_H
#define BERTH_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

/* Some bytes that belong to somebody else. */
struct span {
	const char *at;
	size_t size;
};

struct buf {
	char *block; /* NULL while nothing is allocated */
	size_t capacity;
	size_t begin; /* where in the block the bytes held begin */
	size_t size;  /* how many are held */
	size_t max;   /* how many may be */
};

/* Makes an empty buffer for at most @max_bytes. Allocates nothing. */
void buf_init(struct buf *b, size_t max_bytes);

/* Forgets the bytes and frees the memory; the buffer may be used again, as after buf_init(). */
void buf_done(struct buf *b);

/*
 * buf_append - put bytes behind those that are held
 *
 * @bytes:  not from @b itself; may be NULL if @size is 0
 * @size:   in bytes
 *
 * All or nothing: returns false, and leaves @b as it was, if @b would hold more
 * than its bound or if there is no memory. Spans of @b become invalid. Never blocks.
 */
bool buf_append(struct buf *b, const void *bytes, size_t size);

/* Lets go of the first @size bytes, at most all. Keeps the memory. */
void buf_consume(struct buf *b, size_t size);

/* Lets go of all but the first @size bytes, which must be held. Keeps the memory. */
void buf_truncate(struct buf *b, size_t size);

/* What is held; valid until the next change. */
struct span buf_span(const struct buf *b);

#endif
