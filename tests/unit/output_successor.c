/*
 * What a successor makes of the journal that a dead primary has left: one test for each
 * state that it can be in, and what is no good journal.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "primary/journal_file.h"
#include "stage.h"

#define N_WAYS 2

static const struct message_source web = { .app = "web", .slot = 1, .pid = 7, .generation = 1 };

/* A dead primary's journal, step by step; its way out is stdout. */
struct dead {
	struct journal_file file;
	struct journal *journal;
	uint32_t stream;
	struct lines lines;
};

static void dead_begin(struct dead *d)
{
	ck_assert_int_eq(journal_file_make(&d->file, N_WAYS), 0);
	d->journal = &d->file.ways[0];
	d->stream = journal_add_stream(d->journal, 1, &web, false);
	ck_assert_uint_eq(d->stream, 0);
	journal_lines(d->journal, d->stream, &d->lines);
}

static void dead_read(struct dead *d, const char *text)
{
	memcpy(journal_begin_read(d->journal, d->stream, strlen(text)), text, strlen(text));
}

static void dead_queue(struct dead *d, const char *text)
{
	struct span line = { .at = text, .size = strlen(text) };
	struct journal_state next;

	ck_assert(journal_make_room(d->journal, line.size));
	next = journal_next(d->journal);
	journal_append(d->journal, &next, line);
	journal_commit(d->journal, &next);
}

/* The successor; the worker's pipe is opened again, and its write end returned. */
static int succeed(struct stage *st, struct dead *d)
{
	struct output_stream *stream;
	int fd;

	stage_init(st);
	st->options.journal_fd = d->file.fd;
	stage_begin(st);
	fd = stage_worker(st, 1, STDOUT_FILENO, &stream);
	output_stream_finish(stream);
	output_adopted(st->output);
	return fd;
}

static void assert_successor_shows(struct dead *d, const char *more, const char *shown)
{
	struct stage st;
	int fd = succeed(&st, d);

	ck_assert_int_eq(write(fd, more, strlen(more)), (ssize_t)strlen(more));
	(void)close(fd);
	stage_run_until_idle(&st);
	stage_assert_shown(st.out, shown);
	stage_assert_shown(st.err, "");
	ck_assert_uint_eq(st.last_id, 1);
	stage_end(&st);
	journal_file_done(&d->file);
}

START_TEST(a_read_that_was_begun_and_not_made_is_made_again)
{
	struct dead d;

	dead_begin(&d);
	(void)journal_begin_read(d.journal, d.stream, 4);
	assert_successor_shows(&d, "one\n", "web.1 | one\n");
}
END_TEST

START_TEST(a_read_that_was_made_and_not_noted_counts)
{
	struct dead d;

	dead_begin(&d);
	dead_read(&d, "one\ntw");
	assert_successor_shows(&d, "o\n", "web.1 | one\nweb.1 | two\n");
}
END_TEST

START_TEST(a_read_of_bytes_like_the_pattern_counts_if_one_byte_differs)
{
	struct dead d;

	dead_begin(&d);
	dead_read(&d, "\xff\xff\xff\n");
	assert_successor_shows(&d, "", "web.1 | \xff\xff\xff\n");
}
END_TEST

START_TEST(input_that_is_half_used_up_is_used_from_there)
{
	struct journal_state next;
	struct dead d;

	dead_begin(&d);
	dead_read(&d, "one\ntwo\nth");
	journal_end_read(d.journal, 10);
	next = journal_next(d.journal);
	journal_append(d.journal, &next, (struct span){ "web.1 | one\n", 12 });
	journal_use_input(&next, 6);
	journal_commit(d.journal, &next);
	assert_successor_shows(&d, "ree\n", "web.1 | one\nweb.1 | two\nweb.1 | three\n");
}
END_TEST

START_TEST(a_line_that_was_not_committed_is_made_again_and_shown_once)
{
	struct journal_state next;
	struct dead d;

	dead_begin(&d);
	dead_read(&d, "one\n");
	journal_end_read(d.journal, 4);
	next = journal_next(d.journal);
	journal_append(d.journal, &next, (struct span){ "web.1 | one\n", 12 });
	journal_use_input(&next, 0);
	assert_successor_shows(&d, "", "web.1 | one\n");
}
END_TEST

static void dead_hold(struct dead *d, const char *text)
{
	struct span input = { .at = text, .size = strlen(text) };
	struct journal_state next = journal_next(d->journal);
	struct span line;

	ck_assert(!lines_next(&d->lines, &input, &line));
	next.held_stream = d->stream;
	next.held = journal_held(&d->lines);
	journal_commit(d->journal, &next);
}

START_TEST(the_beginning_of_a_line_is_continued)
{
	struct dead d;

	dead_begin(&d);
	dead_hold(&d, "hel");
	assert_successor_shows(&d, "lo\n", "web.1 | hello\n");
}
END_TEST

START_TEST(what_a_stream_holds_is_as_the_last_step_says)
{
	struct dead d;

	dead_begin(&d);
	dead_hold(&d, "hel");
	d.journal->block->streams[d.stream].held = 0; /* killed right after the commit */
	assert_successor_shows(&d, "lo\n", "web.1 | hello\n");
}
END_TEST

START_TEST(what_is_left_of_a_piece_is_found_where_it_was)
{
	struct journal_state next;
	struct dead d;

	dead_begin(&d);
	memcpy(d.lines.memory + LINES_SIZE_MAX - 2, "\xe2\x82", 2); /* of a character of three */
	d.lines.begin = LINES_SIZE_MAX - 2;
	d.lines.size = 2;
	d.lines.is_in_pieces = true;
	next = journal_next(d.journal);
	next.held_stream = d.stream;
	next.held = journal_held(&d.lines);
	journal_commit(d.journal, &next);
	assert_successor_shows(&d, "\xac\n", "web.1 | \u20ac\n");
}
END_TEST

START_TEST(a_torn_line_is_completed)
{
	struct journal_state next;
	struct dead d;

	dead_begin(&d);
	dead_queue(&d, "web.1 | one\nweb.1 | two\n");
	next = journal_next(d.journal);
	next.queue_begin += 10; /* "web.1 | on" was written */
	next.is_in_line = true;
	journal_commit(d.journal, &next);
	assert_successor_shows(&d, "three\n", "e\nweb.1 | two\nweb.1 | three\n");
}
END_TEST

START_TEST(lines_that_were_dropped_are_counted_further)
{
	struct journal_state next;
	struct stage st;
	struct dead d;
	int fd;

	dead_begin(&d);
	next = journal_next(d.journal);
	next.error = ENOSPC;
	next.n_dropped = 3;
	journal_commit(d.journal, &next);
	fd = succeed(&st, &d);
	ck_assert_int_eq(write(fd, "one\n", 4), 4);
	(void)close(fd);
	stage_run_until_idle(&st);
	stage_assert_shown(st.out, "web.1 | one\n");
	stage_assert_shown(st.err, "berth: standard output works again, lines dropped: 3\n");
	stage_end(&st);
	journal_file_done(&d.file);
}
END_TEST

START_TEST(streams_that_nobody_opens_again_are_shown_and_forgotten)
{
	struct journal_file taken;
	struct dead d;
	struct stage st;

	dead_begin(&d);
	dead_hold(&d, "last words");
	d.stream = journal_add_stream(d.journal, 2, &web, true);
	dead_read(&d, "one\ntwo");
	stage_init(&st);
	st.options.journal_fd = d.file.fd;
	stage_begin(&st);
	stage_run_until_idle(&st);
	stage_assert_shown(st.out, "web.1 | one\n"); /* the rest may be continued */
	output_adopted(st.output);
	stage_run_until_idle(&st);
	stage_assert_shown(st.out, "web.1 | last words\nweb.1 | two\n");
	ck_assert_int_eq(journal_file_take(&taken, output_journal_fd(st.output), N_WAYS), 0);
	ck_assert_uint_eq(taken.ways[0].block->streams[0].id, 0);
	ck_assert_uint_eq(taken.ways[0].block->streams[1].id, 0);
	journal_file_done(&taken);
	stage_end(&st);
	journal_file_done(&d.file);
}
END_TEST

START_TEST(a_stream_that_has_ended_leaves_its_place_to_the_next)
{
	struct journal_file taken;
	struct stage st;

	stage_init(&st);
	stage_begin(&st);
	for (unsigned i = 0; i < 3; i++)
		stage_play(&st, STDOUT_FILENO, "no end", 6);
	stage_assert_shown(st.out, "web.1 | no end\nweb.1 | no end\nweb.1 | no end\n");
	ck_assert_int_eq(journal_file_take(&taken, output_journal_fd(st.output), N_WAYS), 0);
	ck_assert_uint_eq(taken.ways[0].n_streams, 1);
	journal_file_done(&taken);
	stage_end(&st);
}
END_TEST

static size_t memory_used(int fd)
{
	struct stat about;

	ck_assert_int_eq(fstat(fd, &about), 0);
	return (size_t)about.st_blocks * 512;
}

START_TEST(memory_is_what_is_in_use_and_comes_back)
{
	static char text[60000];
	struct output_stream *stream;
	struct stage st;
	int fds[20];

	memset(text, 'x', sizeof(text));
	stage_init(&st);
	stage_begin(&st);
	ck_assert_uint_le(memory_used(output_journal_fd(st.output)), 16384);
	for (unsigned i = 0; i < 20; i++) {
		fds[i] = stage_worker(&st, i + 1, STDOUT_FILENO, &stream);
		output_stream_finish(stream);
		ck_assert_int_eq(write(fds[i], text, sizeof(text)), sizeof(text));
		while (stage_unread(fds[i]) > 0)
			(void)uv_run(&st.loop, UV_RUN_ONCE);
	}
	ck_assert_uint_ge(memory_used(output_journal_fd(st.output)), 20 * sizeof(text));
	stage_read_out(&st);
	for (unsigned i = 0; i < 20; i++)
		(void)close(fds[i]);
	stage_run_until_idle(&st);
	stage_stop_reading_out(&st);
	ck_assert_uint_gt(st.shown.size, 20 * sizeof(text));
	ck_assert_uint_le(memory_used(output_journal_fd(st.output)), (size_t)512 * 1024);
	stage_end(&st);
}
END_TEST

static void assert_refused(int fd, const char *why)
{
	char expected[128];
	struct stage st;

	stage_init(&st);
	st.options.journal_fd = fd;
	stage_begin(&st);
	(void)snprintf(expected, sizeof(expected),
		       "berth: the journal of the output is %s: what was not shown yet is lost\n",
		       why);
	stage_assert_shown(st.err, expected);
	stage_play(&st, STDOUT_FILENO, "one\n", 4);
	stage_assert_shown(st.out, "web.1 | one\n");
	stage_end(&st);
}

START_TEST(a_journal_of_another_version_is_refused_with_a_word)
{
	uint32_t version = JOURNAL_VERSION + 1;
	struct dead d;

	dead_begin(&d);
	ck_assert_int_eq(pwrite(d.file.fd, &version, sizeof(version), 8), sizeof(version));
	assert_refused(d.file.fd, "of another version of berth");
	journal_file_done(&d.file);
}
END_TEST

START_TEST(a_journal_that_is_none_or_damaged_or_of_other_ways_out_is_refused)
{
	int empty = memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct journal_file file;
	int ends[2];
	struct dead d;

	assert_refused(empty, "damaged");
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	assert_refused(ends[0], "damaged");
	assert_refused(1000000, "damaged");

	dead_begin(&d);
	d.journal->now.queue_end = UINT32_MAX;
	journal_commit(d.journal, &d.journal->now);
	assert_refused(d.file.fd, "damaged");
	journal_file_done(&d.file);

	ck_assert_int_eq(journal_file_make(&file, 1), 0);
	assert_refused(file.fd, "damaged");
	journal_file_done(&file);
}
END_TEST

START_TEST(where_no_file_of_its_size_is_allowed_output_goes_on_without)
{
	struct rlimit limit = { .rlim_cur = 4096, .rlim_max = 4096 };
	struct stage st;

	(void)signal(SIGXFSZ, SIG_IGN);
	stage_init(&st);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	stage_begin(&st);
	ck_assert_int_eq(output_journal_fd(st.output), NO_FD);
	stage_play(&st, STDOUT_FILENO, "one\ntwo", 7);
	stage_assert_shown(st.out, "web.1 | one\nweb.1 | two\n");
	stage_end(&st);
}
END_TEST

static Suite *suite(void)
{
	const TTest *tests[] = {
		a_read_that_was_begun_and_not_made_is_made_again,
		a_read_that_was_made_and_not_noted_counts,
		a_read_of_bytes_like_the_pattern_counts_if_one_byte_differs,
		input_that_is_half_used_up_is_used_from_there,
		a_line_that_was_not_committed_is_made_again_and_shown_once,
		the_beginning_of_a_line_is_continued,
		what_a_stream_holds_is_as_the_last_step_says,
		what_is_left_of_a_piece_is_found_where_it_was,
		a_torn_line_is_completed,
		lines_that_were_dropped_are_counted_further,
		streams_that_nobody_opens_again_are_shown_and_forgotten,
		a_stream_that_has_ended_leaves_its_place_to_the_next,
		memory_is_what_is_in_use_and_comes_back,
		where_no_file_of_its_size_is_allowed_output_goes_on_without,
		a_journal_of_another_version_is_refused_with_a_word,
		a_journal_that_is_none_or_damaged_or_of_other_ways_out_is_refused,
	};
	Suite *s = suite_create("output_successor");
	TCase *c = tcase_create("output_successor");

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
