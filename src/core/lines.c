/*
 * Cuts a stream into lines. A line that lies whole in the bytes that arrived is
 * given out where it lies; only what spans two arrivals is copied.
 */
#include "core/lines.h"

#include <assert.h>
#include <string.h>

enum step {
	STEP_MORE,  /* the input is used up */
	STEP_PIECE, /* a part of a line whose end was not seen */
	STEP_LINE,
};

void lines_init(struct lines *l, char *memory, size_t size_max)
{
	assert(size_max >= LINES_SIZE_MIN);
	*l = (struct lines){ .memory = memory, .size_max = size_max };
}

static void advance(struct span *input, size_t size)
{
	input->at += size;
	input->size -= size;
}

static struct span take(struct span *input, size_t size)
{
	struct span taken = { .at = input->at, .size = size };

	advance(input, size);
	return taken;
}

/* The first @size bytes held. They stay where they are until the next call. */
static struct span spend(struct lines *l, size_t size)
{
	l->n_spent = size;
	return (struct span){ .at = l->memory + l->begin, .size = size };
}

void lines_forget(struct lines *l)
{
	l->begin += l->n_spent;
	l->size -= l->n_spent;
	l->n_spent = 0;
	if (l->size == 0)
		l->begin = 0;
}

bool lines_gather(struct lines *l)
{
	if (l->begin == 0)
		return false;
	memmove(l->memory, l->memory + l->begin, l->size);
	l->begin = 0;
	return true;
}

/* There is room: never more is held than a line may have. */
static void hold(struct lines *l, struct span *input, size_t size)
{
	if (size > 0)
		memcpy(l->memory + l->size, input->at, size);
	l->size += size;
	advance(input, size);
}

static size_t character_size(unsigned char first)
{
	if (first >= 0xf0)
		return 4;
	if (first >= 0xe0)
		return 3;
	return first >= 0xc0 ? 2 : 1;
}

/* How much of @text, 4 bytes or more, can be cut off without splitting a character. */
static size_t whole_characters(struct span text)
{
	for (size_t back = 1; back <= 3; back++) {
		unsigned char c = (unsigned char)text.at[text.size - back];

		if ((c & 0xc0) == 0x80)
			continue; /* its first byte is further back, if it has one */
		return character_size(c) > back ? text.size - back : text.size;
	}
	return text.size;
}

/* The line goes on for longer than it may: fills a piece and gives it out. */
static struct span cut(struct lines *l, struct span *input)
{
	size_t room = l->size_max - l->size;
	struct span piece = { .at = input->at, .size = room };

	if (l->size == 0)
		return take(input, whole_characters(piece));
	hold(l, input, room);
	return spend(l, whole_characters((struct span){ .at = l->memory, .size = l->size }));
}

static enum step step(struct lines *l, struct span *input, struct span *ret_piece)
{
	const char *newline = input->size ? memchr(input->at, '\n', input->size) : NULL;
	size_t size = newline ? (size_t)(newline - input->at) : input->size;

	if (size > l->size_max - l->size) {
		*ret_piece = cut(l, input);
		return STEP_PIECE;
	}
	if (newline && l->size == 0) {
		*ret_piece = take(input, size);
		advance(input, 1);
		return STEP_LINE;
	}
	hold(l, input, size);
	if (!newline)
		return STEP_MORE;
	advance(input, 1);
	*ret_piece = spend(l, l->size);
	return STEP_LINE;
}

/* Where nothing is left of a line but its end, the pieces before held all of it. */
static bool end_line(struct lines *l, struct span *line)
{
	bool was_in_pieces = l->is_in_pieces;

	if (line->size > 0 && line->at[line->size - 1] == '\r')
		line->size--;
	l->is_in_pieces = false;
	return line->size > 0 || !was_in_pieces;
}

bool lines_next(struct lines *l, struct span *input, struct span *ret_line)
{
	struct span line;

	lines_forget(l);
	(void)lines_gather(l);
	switch (step(l, input, &line)) {
	case STEP_MORE: return false;
	case STEP_PIECE: l->is_in_pieces = true; break;
	case STEP_LINE:
		if (!end_line(l, &line))
			return false;
		break;
	}
	*ret_line = line;
	return true;
}

bool lines_last(struct lines *l, struct span *ret_line)
{
	lines_forget(l);
	if (l->size == 0)
		return false;
	*ret_line = spend(l, l->size);
	return true;
}
