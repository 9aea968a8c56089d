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

void lines_init(struct lines *l, size_t size_max)
{
	assert(size_max >= LINES_SIZE_MIN);
	*l = (struct lines){ 0 };
	buf_init(&l->held, size_max);
}

void lines_done(struct lines *l)
{
	buf_done(&l->held);
	l->n_spent = 0;
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
	return (struct span){ .at = buf_span(&l->held).at, .size = size };
}

static void forget_spent(struct lines *l)
{
	buf_consume(&l->held, l->n_spent);
	l->n_spent = 0;
	if (l->held.size == 0)
		buf_done(&l->held);
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
	size_t room = l->held.max - l->held.size;
	struct span piece = { .at = input->at, .size = room };

	if (l->held.size == 0)
		return take(input, whole_characters(piece));
	if (!buf_append(&l->held, input->at, room))
		return spend(l, l->held.size);

	advance(input, room);
	return spend(l, whole_characters(buf_span(&l->held)));
}

static enum step step(struct lines *l, struct span *input, struct span *ret_piece)
{
	const char *newline = input->size ? memchr(input->at, '\n', input->size) : NULL;
	size_t size = newline ? (size_t)(newline - input->at) : input->size;

	if (size > l->held.max - l->held.size) {
		*ret_piece = cut(l, input);
		return STEP_PIECE;
	}
	if (newline && l->held.size == 0) {
		*ret_piece = take(input, size);
		advance(input, 1);
		return STEP_LINE;
	}
	if (!buf_append(&l->held, input->at, size)) {
		*ret_piece = l->held.size ? spend(l, l->held.size) : take(input, size);
		return STEP_PIECE;
	}
	advance(input, newline ? size + 1 : size);
	if (!newline)
		return STEP_MORE;
	*ret_piece = spend(l, l->held.size);
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
	for (;;) {
		struct span line;

		forget_spent(l);
		switch (step(l, input, &line)) {
		case STEP_MORE: return false;
		case STEP_PIECE:
			l->is_in_pieces = true;
			*ret_line = line;
			return true;
		case STEP_LINE:
			if (!end_line(l, &line))
				break;
			*ret_line = line;
			return true;
		}
	}
}

bool lines_last(struct lines *l, struct span *ret_line)
{
	forget_spent(l);
	if (l->held.size == 0)
		return false;
	*ret_line = spend(l, l->held.size);
	return true;
}
