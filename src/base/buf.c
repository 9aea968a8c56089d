/*
 * The growable buffer: one block, whose used part slides from its beginning
 * towards its end and is moved back when that is cheaper than growing.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MIN 128

void buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf){ .max = max_bytes };
}

void buf_done(struct buf *b)
{
	free(b->block);
	buf_init(b, b->max);
}

static bool grow(struct buf *b, size_t needed)
{
	size_t capacity = needed > b->max / 2 ? b->max : 2 * needed;
	char *block;

	if (capacity < BLOCK_MIN)
		capacity = BLOCK_MIN;
	block = malloc(capacity);
	if (!block)
		return false;

	if (b->size)
		memcpy(block, b->block + b->begin, b->size);
	free(b->block);
	b->block = block;
	b->capacity = capacity;
	b->begin = 0;
	return true;
}

/* Makes room for @needed bytes in all. */
static bool make_room(struct buf *b, size_t needed)
{
	if (b->begin + needed <= b->capacity)
		return true;

	/* Moving fewer bytes than were used up before costs nothing in the long run. */
	if (needed <= b->capacity && (b->begin >= b->size || b->capacity >= b->max)) {
		memmove(b->block, b->block + b->begin, b->size);
		b->begin = 0;
		return true;
	}
	return grow(b, needed);
}

bool buf_append(struct buf *b, const void *bytes, size_t size)
{
	if (size == 0)
		return true;
	if (size > b->max - b->size || !make_room(b, b->size + size))
		return false;

	memcpy(b->block + b->begin + b->size, bytes, size);
	b->size += size;
	return true;
}

void buf_consume(struct buf *b, size_t size)
{
	assert(size <= b->size);
	b->begin += size;
	b->size -= size;
	if (b->size == 0)
		b->begin = 0;
}

void buf_truncate(struct buf *b, size_t size)
{
	assert(size <= b->size);
	b->size = size;
	if (b->size == 0)
		b->begin = 0;
}

struct span buf_span(const struct buf *b)
{
	if (b->size == 0)
		return (struct span){ .at = "", .size = 0 };
	return (struct span){ .at = b->block + b->begin, .size = b->size };
}
