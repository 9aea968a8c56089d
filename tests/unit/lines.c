/*
 * Whole lines out of bytes that arrive in pieces.
 */
#include "core/lines.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SHORT 8 /* a bound that a test can see */

static char memory[LINES_SIZE_MAX]; /* of the stream of a test */

/* What came out, each line between brackets. */
struct seen {
	char text[4096];
	size_t size;
};

static void see(struct seen *seen, struct span line)
{
	ck_assert_uint_lt(seen->size + line.size + 3, sizeof(seen->text));
	seen->text[seen->size++] = '[';
	memcpy(seen->text + seen->size, line.at, line.size);
	seen->size += line.size;
	seen->text[seen->size++] = ']';
	seen->text[seen->size] = '\0';
}

static void feed(struct lines *l, const char *bytes, size_t size, struct seen *seen)
{
	/* In a block of its own, so that what is held must have been copied. */
	char *arrived = malloc(size + 1);
	struct span input = { .at = arrived, .size = size };
	struct span line;

	ck_assert_ptr_nonnull(arrived);
	memcpy(arrived, bytes, size);
	while (input.size > 0) {
		if (lines_next(l, &input, &line))
			see(seen, line);
	}
	free(arrived);
}

static void finish(struct lines *l, struct seen *seen)
{
	struct span line;

	if (lines_last(l, &line))
		see(seen, line);
}

/* All at once, and in pieces of every size: the same must come out. */
static void assert_lines(size_t size_max, const char *bytes, size_t size, const char *lines)
{
	for (size_t piece = 1; piece <= size; piece++) {
		struct seen seen = { .text = "" };
		struct lines l;

		lines_init(&l, memory, size_max);
		for (size_t at = 0; at < size; at += piece)
			feed(&l, bytes + at, size - at < piece ? size - at : piece, &seen);
		finish(&l, &seen);
		ck_assert_msg(strcmp(seen.text, lines) == 0, "by %zu: %s instead of %s", piece,
			      seen.text, lines);
	}
}

static void assert_text_lines(size_t size_max, const char *text, const char *lines)
{
	assert_lines(size_max, text, strlen(text), lines);
}

START_TEST(a_line_ends_with_lf)
{
	assert_text_lines(LINES_SIZE_MAX, "one\ntwo\n\nthree\n", "[one][two][][three]");
}
END_TEST

START_TEST(a_line_ends_with_cr_lf_too)
{
	assert_text_lines(LINES_SIZE_MAX, "one\r\ntwo\r\n\r\n", "[one][two][]");
}
END_TEST

START_TEST(a_cr_elsewhere_belongs_to_the_line)
{
	assert_text_lines(LINES_SIZE_MAX, "1%\r2%\r\r\n\rx\n", "[1%\r2%\r][\rx]");
}
END_TEST

START_TEST(the_last_line_may_lack_its_end)
{
	assert_text_lines(LINES_SIZE_MAX, "one\ntwo", "[one][two]");
	assert_text_lines(LINES_SIZE_MAX, "one\ntwo\r", "[one][two\r]");
}
END_TEST

START_TEST(a_stream_without_bytes_has_no_line)
{
	struct seen seen = { .text = "" };
	struct lines l;

	lines_init(&l, memory, SHORT);
	feed(&l, "", 0, &seen);
	finish(&l, &seen);
	ck_assert_str_eq(seen.text, "");
}
END_TEST

START_TEST(nul_is_a_byte_like_others)
{
	struct seen seen = { .text = "" };
	struct lines l;

	lines_init(&l, memory, LINES_SIZE_MAX);
	feed(&l, "a\0b\n\0", 5, &seen);
	feed(&l, "\n", 1, &seen);
	finish(&l, &seen);
	ck_assert_uint_eq(seen.size, 8);
	ck_assert_mem_eq(seen.text, "[a\0b][\0]", 8);
}
END_TEST

START_TEST(a_line_as_long_as_the_bound_is_whole)
{
	assert_text_lines(SHORT, "12345678\nx\n", "[12345678][x]");
	assert_text_lines(SHORT, "12345678\r\nx\n", "[12345678][x]");
	assert_text_lines(SHORT, "12345678", "[12345678]");
}
END_TEST

START_TEST(a_longer_line_comes_in_pieces)
{
	assert_text_lines(SHORT, "123456789\nx\n", "[12345678][9][x]");
	assert_text_lines(SHORT, "1234567890123456789\n", "[12345678][90123456][789]");
	assert_text_lines(SHORT, "1234567890123456\n\nx", "[12345678][90123456][][x]");
	assert_text_lines(SHORT, "1234567890", "[12345678][90]");
}
END_TEST

START_TEST(a_piece_never_ends_inside_a_character)
{
	assert_text_lines(SHORT, "1234567\u00e9\n", "[1234567][\u00e9]");
	assert_text_lines(SHORT, "123456\u00e9x\n", "[123456\u00e9][x]");
	assert_text_lines(SHORT, "123456\u20acx\n", "[123456][\u20acx]");
	assert_text_lines(SHORT, "12345\U0001f6a2x\n", "[12345][\U0001f6a2x]");
	assert_text_lines(SHORT, "1234567\U0001f6a2\n", "[1234567][\U0001f6a2]");
}
END_TEST

START_TEST(bytes_that_are_no_text_are_cut_at_the_bound)
{
	assert_text_lines(SHORT, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\n",
			  "[\x80\x80\x80\x80\x80\x80\x80\x80][\x80]");
	assert_text_lines(SHORT, "1234567\xe9\n", "[1234567\xe9]");
}
END_TEST

START_TEST(a_line_of_a_mebibyte_loses_nothing)
{
	size_t size = 16 * LINES_SIZE_MAX, n_pieces = 0, n_bytes = 0;
	char *bytes = malloc(size + 1);
	struct span input = { .at = bytes, .size = size + 1 };
	struct span line;
	struct lines l;

	ck_assert_ptr_nonnull(bytes);
	memset(bytes, 'x', size);
	bytes[size] = '\n';
	lines_init(&l, memory, LINES_SIZE_MAX);
	for (; input.size > 1 && lines_next(&l, &input, &line); n_pieces++) {
		ck_assert_uint_eq(line.size, LINES_SIZE_MAX);
		n_bytes += line.size;
	}
	ck_assert_uint_eq(n_pieces, 16);
	ck_assert_uint_eq(n_bytes, size);
	free(bytes);
}
END_TEST

START_TEST(memory_is_touched_only_where_a_line_has_begun)
{
	struct seen seen = { .text = "" };
	struct lines l;

	memory[0] = '?';
	lines_init(&l, memory, LINES_SIZE_MAX);
	feed(&l, "whole\n", 6, &seen);
	ck_assert_int_eq(memory[0], '?');
	feed(&l, "begun", 5, &seen);
	ck_assert_mem_eq(memory, "begun", 6);
	feed(&l, " and ended\n", 11, &seen);
	lines_forget(&l);
	ck_assert_uint_eq(l.size, 0);
	ck_assert_str_eq(seen.text, "[whole][begun and ended]");
}
END_TEST

START_TEST(from_its_numbers_and_its_memory_a_stream_goes_on)
{
	const char *text = "1234567890\u20ac2345678\U0001f6a2\nabc\n";
	struct seen seen = { .text = "" };

	for (size_t at = 0; at < strlen(text); at++) {
		struct span input = { .at = text + at, .size = 1 };
		static struct lines noted;
		struct lines l = noted;
		struct span line;

		if (at == 0)
			lines_init(&l, memory, SHORT);
		while (input.size > 0) {
			if (lines_next(&l, &input, &line))
				see(&seen, line);
			lines_forget(&l);
		}
		noted = l;
	}
	ck_assert_str_eq(seen.text, "[12345678][90\u20ac234][5678\U0001f6a2][abc]");
}
END_TEST

static Suite *suite(void)
{
	const TTest *tests[] = {
		a_line_ends_with_lf,
		a_line_ends_with_cr_lf_too,
		a_cr_elsewhere_belongs_to_the_line,
		the_last_line_may_lack_its_end,
		a_stream_without_bytes_has_no_line,
		nul_is_a_byte_like_others,
		a_line_as_long_as_the_bound_is_whole,
		a_longer_line_comes_in_pieces,
		a_piece_never_ends_inside_a_character,
		bytes_that_are_no_text_are_cut_at_the_bound,
		a_line_of_a_mebibyte_loses_nothing,
		memory_is_touched_only_where_a_line_has_begun,
		from_its_numbers_and_its_memory_a_stream_goes_on,
	};
	Suite *s = suite_create("lines");
	TCase *c = tcase_create("lines");

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(c, tests[i]);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int n_failed;

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
