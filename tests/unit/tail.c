/*
 * The last lines of a worker: whose they are, which are kept, and that they may be shown.
 */
#include "core/tail.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "run_suite.h"

static struct tail tail;

static void add(pid_t pid, const char *line)
{
	tail_add(&tail, pid, (struct span){ line, strlen(line) });
}

static void assert_text(pid_t pid, const char *wanted)
{
	char text[256];

	ck_assert_str_eq(tail_text(&tail, pid, text, sizeof(text)), wanted);
}

START_TEST(a_worker_that_has_written_nothing_has_no_last_lines)
{
	assert_text(7, "");
	add(8, "hello");
	assert_text(7, "");
}
END_TEST

START_TEST(the_last_four_lines_are_told_in_their_order_and_each_workers_apart)
{
	add(7, "one");
	add(8, "other");
	add(7, "two");
	assert_text(7, "one | two");
	assert_text(8, "other");
	add(7, "three");
	add(7, "four");
	add(7, "five");
	assert_text(7, "two | three | four | five");
}
END_TEST

START_TEST(lines_of_a_worker_are_forgotten_only_after_many_of_all)
{
	char line[16];

	add(7, "mine");
	for (int i = 1; i < TAIL_LINES; i++) {
		(void)snprintf(line, sizeof(line), "%d", i);
		add(8, line);
	}
	assert_text(7, "mine");
	add(8, "last");
	assert_text(7, "");
	assert_text(8, "61 | 62 | 63 | last");
}
END_TEST

START_TEST(where_there_is_no_room_for_all_the_last_line_stays)
{
	char text[16];

	add(7, "first line");
	add(7, "second");
	add(7, "last");
	ck_assert_str_eq(tail_text(&tail, 7, text, sizeof(text)), "second | last");
	ck_assert_str_eq(tail_text(&tail, 7, text, 8), "last");
	add(7, "a line that is too long");
	ck_assert_str_eq(tail_text(&tail, 7, text, sizeof(text)), "a line that ...");
}
END_TEST

START_TEST(whatever_was_written_is_fit_to_be_shown_at_every_size)
{
	char line[3 * TAIL_LINE_SIZE];
	char text[2048];

	for (size_t i = 0; i + 2 < sizeof(line); i += 2)
		(void)snprintf(line + i, 3, "%s", i % 6 ? "\xc3\xa9" : "\x1b\xff");
	for (int i = 0; i < 4; i++)
		tail_add(&tail, 7, (struct span){ line, sizeof(line) - 1 });
	for (size_t size = 4; size <= sizeof(text); size++) {
		const size_t length = strlen(tail_text(&tail, 7, text, size));

		ck_assert_uint_lt(length, size);
		for (size_t at = 0; at < length;) {
			const size_t n = utf8_printable(text + at, length - at);

			ck_assert_uint_gt(n, 0);
			at += n;
		}
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_worker_that_has_written_nothing_has_no_last_lines,
		the_last_four_lines_are_told_in_their_order_and_each_workers_apart,
		lines_of_a_worker_are_forgotten_only_after_many_of_all,
		where_there_is_no_room_for_all_the_last_line_stays,
		whatever_was_written_is_fit_to_be_shown_at_every_size,
	};

	return RUN_SUITE("tail", tests);
}
