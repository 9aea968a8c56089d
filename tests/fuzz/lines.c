/*
 * Lines out of a worker's bytes: how they are cut on their way makes no difference,
 * no byte is lost or made up, and no line is longer than the bound.
 *
 * The first byte chooses the bound, the second how the rest is cut.
 */
#include "core/lines.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What came out: each line with an LF behind it. */
struct seen {
	char *text;
	size_t size;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void see(struct seen *seen, struct span line)
{
	memcpy(seen->text + seen->size, line.at, line.size);
	seen->size += line.size;
	seen->text[seen->size++] = '\n';
}

static void feed(struct lines *l, struct span input, size_t size_max, struct seen *seen)
{
	char *arrived = malloc(input.size + 1); /* so that a read beyond its end is seen */
	struct span line;

	assert(arrived);
	memcpy(arrived, input.at, input.size);
	input.at = arrived;
	while (input.size > 0) {
		if (!lines_next(l, &input, &line))
			continue;
		assert(line.size <= size_max);
		assert(!memchr(line.at, '\n', line.size));
		see(seen, line);
	}
	free(arrived);
}

/* @step: 0 for all at once, else the seed of the sizes of the pieces. */
static void split(struct span input, size_t size_max, unsigned step, struct seen *ret_seen)
{
	char *memory = malloc(size_max); /* so that a write beyond its end is seen */
	struct span line;
	struct lines l;

	assert(memory);
	ret_seen->size = 0;
	ret_seen->text = malloc(2 * input.size + 1); /* at worst every byte is a line */
	assert(ret_seen->text);
	lines_init(&l, memory, size_max);
	while (input.size > 0) {
		size_t size = step ? 1 + (step = step * 5 + 3) % 7 : input.size;
		struct span piece = { .at = input.at, .size = size };

		if (piece.size > input.size)
			piece.size = input.size;
		feed(&l, piece, size_max, ret_seen);
		input.at += piece.size;
		input.size -= piece.size;
	}
	if (lines_last(&l, &line))
		see(ret_seen, line);
	free(memory);
}

static size_t without_line_ends(const char *text, size_t size, char *ret_text)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		bool is_cr_lf = text[i] == '\r' && i + 1 < size && text[i + 1] == '\n';

		if (text[i] != '\n' && !is_cr_lf)
			ret_text[n++] = text[i];
	}
	return n;
}

static void assert_nothing_is_lost(struct span input, const struct seen *seen)
{
	char *before = malloc(input.size + 1);
	char *after = malloc(seen->size + 1);
	size_t n_before, n_after = 0;

	assert(before && after);
	n_before = without_line_ends(input.at, input.size, before);
	for (size_t i = 0; i < seen->size; i++) {
		if (seen->text[i] != '\n')
			after[n_after++] = seen->text[i];
	}
	assert(n_before == n_after && memcmp(before, after, n_after) == 0);
	free(before);
	free(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct seen whole, pieces;
	struct span input;
	size_t size_max;

	if (size < 2)
		return 0;
	size_max = LINES_SIZE_MIN + bytes[0] % 64;
	input = (struct span){ .at = (const char *)bytes + 2, .size = size - 2 };

	split(input, size_max, 0, &whole);
	split(input, size_max, bytes[1] + 1U, &pieces);
	assert(whole.size == pieces.size && memcmp(whole.text, pieces.text, whole.size) == 0);
	assert_nothing_is_lost(input, &whole);
	free(whole.text);
	free(pieces.text);
	return 0;
}
