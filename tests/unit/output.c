/*
 * What berth shows, and where: workers' lines and its own messages, over real pipes.
 */
#include "primary/output.h"

#include <check.h>
#include <jansson.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "stage.h"

#define N_WRITERS    8
#define WRITER_BYTES ((size_t)1280 * 1024)

START_TEST(a_workers_stdout_and_stderr_go_to_ours)
{
	struct stage st;

	stage_init(&st);
	stage_begin(&st);
	stage_play(&st, STDOUT_FILENO, "out 1\nout 2\n", 12);
	stage_play(&st, STDERR_FILENO, "err\n", 4);
	stage_assert_shown(st.out, "web.1 | out 1\nweb.1 | out 2\n");
	stage_assert_shown(st.err, "web.1 | err\n");
	stage_end(&st);
}
END_TEST

START_TEST(text_lines_up_behind_labels_of_different_width)
{
	struct output_stream *stream;
	struct stage st;
	int fd;

	stage_init(&st);
	stage_begin(&st);
	output_fit(st.output, "web", 12);
	output_fit(st.output, "web", 4);
	stage_play(&st, STDOUT_FILENO, "one\n", 4);
	fd = stage_worker(&st, 12, STDOUT_FILENO, &stream);
	ck_assert_int_eq(write(fd, "two\n", 4), 4);
	(void)close(fd);
	output_stream_finish(stream);
	stage_run_until_idle(&st);
	stage_assert_shown(st.out, "web.1  | one\nweb.12 | two\n");
	stage_end(&st);
}
END_TEST

START_TEST(a_line_is_shown_when_it_is_whole)
{
	struct output_stream *stream;
	struct stage st;
	int fd;

	stage_init(&st);
	stage_begin(&st);
	fd = stage_worker(&st, 1, STDOUT_FILENO, &stream);
	ck_assert_int_eq(write(fd, "one\ntw", 6), 6);
	stage_run_until_shown(&st, st.out, 1);
	stage_assert_shown(st.out, "web.1 | one\n");
	ck_assert_int_eq(write(fd, "o\n", 2), 2);
	stage_run_until_shown(&st, st.out, 1);
	stage_assert_shown(st.out, "web.1 | two\n");
	(void)close(fd);
	output_stream_finish(stream);
	stage_run_until_idle(&st);
	stage_end(&st);
}
END_TEST

START_TEST(the_last_line_of_a_dead_worker_is_shown_though_it_lacks_its_end)
{
	struct stage st;

	stage_init(&st);
	stage_begin(&st);
	stage_play(&st, STDOUT_FILENO, "last words", 10);
	stage_assert_shown(st.out, "web.1 | last words\n");
	stage_end(&st);
}
END_TEST

START_TEST(a_grandchild_may_go_on_writing_after_the_workers_death)
{
	struct output_stream *stream;
	struct stage st;
	int fd;

	stage_init(&st);
	stage_begin(&st);
	fd = stage_worker(&st, 1, STDOUT_FILENO, &stream);
	output_stream_finish(stream);
	ck_assert_int_eq(write(fd, "still here\n", 11), 11);
	stage_run_until_shown(&st, st.out, 1);
	stage_assert_shown(st.out, "web.1 | still here\n");
	ck_assert(uv_loop_alive(&st.loop)); /* more may come */
	(void)close(fd);
	stage_run_until_idle(&st);
	stage_end(&st);
}
END_TEST

START_TEST(a_worker_may_close_its_stdout_and_live_on)
{
	struct output_stream *stream;
	struct stage st;
	int fd;

	stage_init(&st);
	stage_begin(&st);
	fd = stage_worker(&st, 1, STDOUT_FILENO, &stream);
	ck_assert_int_eq(write(fd, "bye", 3), 3);
	(void)close(fd);
	stage_run_until_shown(&st, st.out, 1);
	stage_run_until_idle(&st); /* nothing keeps it running any more */
	output_stream_finish(stream);
	stage_assert_shown(st.out, "web.1 | bye\n");
	stage_end(&st);
}
END_TEST

START_TEST(streams_that_nobody_finished_end_with_the_output)
{
	struct output_stream *open_one, *ended_one;
	struct stage st;
	int fd;

	stage_init(&st);
	stage_begin(&st);
	fd = stage_worker(&st, 1, STDOUT_FILENO, &ended_one);
	(void)close(fd);
	(void)uv_run(&st.loop, UV_RUN_DEFAULT);
	fd = stage_worker(&st, 2, STDOUT_FILENO, &open_one);
	ck_assert_int_eq(write(fd, "half a line", 11), 11);
	st.output = output_free(st.output);
	stage_assert_shown(st.out, "web.2 | half a line\n");
	(void)close(fd);
	stage_end(&st);
}
END_TEST

static void write_huge_line(void *fd)
{
	char block[4096];

	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(write(*(int *)fd, block, sizeof(block)), sizeof(block));
	ck_assert_int_eq(write(*(int *)fd, "\nend\n", 5), 5);
	(void)close(*(int *)fd);
}

START_TEST(a_huge_line_comes_in_pieces_with_a_label_each)
{
	size_t sizes[] = { 65536, 65536, 65536, 200 * 1024 - 3 * 65536, 3 };
	struct output_stream *stream;
	struct span rest, line;
	uv_thread_t writer;
	struct stage st;
	int fd;

	stage_init(&st);
	stage_begin(&st);
	stage_read_out(&st);
	fd = stage_worker(&st, 1, STDOUT_FILENO, &stream);
	output_stream_finish(stream);
	ck_assert_int_eq(uv_thread_create(&writer, write_huge_line, &fd), 0);
	stage_run_until_idle(&st);
	ck_assert_int_eq(uv_thread_join(&writer), 0);
	stage_stop_reading_out(&st);

	rest = buf_span(&st.shown);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		ck_assert(stage_next_line(&rest, &line));
		ck_assert_uint_eq(line.size, strlen("web.1 | ") + sizes[i]);
		ck_assert_mem_eq(line.at, i < 4 ? "web.1 | x" : "web.1 | e", 9);
	}
	ck_assert_uint_eq(rest.size, 0);
	stage_end(&st);
}
END_TEST

START_TEST(nul_and_bytes_that_are_no_text_pass_as_they_are)
{
	static const char shown[] = "web.1 | a\0b\xff\xfe\n";
	struct stage st;

	stage_init(&st);
	stage_begin(&st);
	stage_play(&st, STDOUT_FILENO, "a\0b\xff\xfe\n", 6);
	stage_take(st.out, &st.shown);
	ck_assert_uint_eq(st.shown.size, sizeof(shown) - 1);
	ck_assert_mem_eq(buf_span(&st.shown).at, shown, sizeof(shown) - 1);
	stage_end(&st);
}
END_TEST

START_TEST(in_json_every_line_is_an_object_whatever_the_worker_writes)
{
	struct span rest, line;
	unsigned n_lines = 0;
	struct stage st;

	stage_init(&st);
	st.options.is_json = true;
	stage_begin(&st);
	stage_play(&st, STDERR_FILENO, "fine\n\xff\xc3(\0\x1b\n\"\\\n\xe2\x82", 16);
	stage_take(st.err, &st.shown);
	for (rest = buf_span(&st.shown); stage_next_line(&rest, &line); n_lines++) {
		json_auto_t *object = json_loadb(line.at, line.size, JSON_ALLOW_NUL, NULL);

		ck_assert_ptr_nonnull(object);
		ck_assert_uint_eq(strlen(json_string_value(json_object_get(object, "ts"))), 24);
		ck_assert_str_eq(json_string_value(json_object_get(object, "app")), "web");
		ck_assert_int_eq(json_integer_value(json_object_get(object, "pid")), 1001);
		ck_assert_str_eq(json_string_value(json_object_get(object, "stream")), "stderr");
	}
	ck_assert_uint_eq(n_lines, 4);
	ck_assert_uint_eq(rest.size, 0);
	stage_end(&st);
}
END_TEST

static size_t nth_size(unsigned n)
{
	return n * 7919 % 1500;
}

/* Numbered lines of all sizes, in writes that end anywhere. */
static void write_lines(int fd, char letter)
{
	char line[2048];
	size_t total = 0;

	for (unsigned n = 0; total < WRITER_BYTES; n++) {
		size_t size = (size_t)snprintf(line, sizeof(line), "%u ", n);
		size_t middle;

		memset(line + size, letter, nth_size(n));
		size += nth_size(n);
		line[size++] = '\n';
		middle = size * (n % 5) / 5;
		if (write(fd, line, middle) != (ssize_t)middle ||
		    write(fd, line + middle, size - middle) != (ssize_t)(size - middle))
			_exit(EXIT_FAILURE);
		total += size;
	}
	_exit(EXIT_SUCCESS);
}

static void assert_nth_line(struct span line, unsigned slot, unsigned n)
{
	char begin[64];
	int size = snprintf(begin, sizeof(begin), "web.%u | %u ", slot, n);
	size_t n_strange = 0;

	ck_assert_uint_eq(line.size, (size_t)size + nth_size(n));
	ck_assert_mem_eq(line.at, begin, (size_t)size);
	for (size_t i = (size_t)size; i < line.size; i++)
		n_strange += line.at[i] != 'a' + (char)slot;
	ck_assert_uint_eq(n_strange, 0);
}

START_TEST(ten_megabytes_from_eight_writers_arrive_whole_and_no_line_is_torn)
{
	unsigned n_seen[N_WRITERS + 1] = { 0 };
	pid_t writers[N_WRITERS];
	struct span rest, line;
	size_t total = 0;
	struct stage st;

	stage_init(&st);
	stage_begin(&st);
	stage_read_out(&st);
	for (unsigned i = 0; i < N_WRITERS; i++) {
		struct output_stream *stream;
		int fd = stage_worker(&st, i + 1, STDOUT_FILENO, &stream);

		writers[i] = fork();
		if (writers[i] == 0)
			write_lines(fd, (char)('a' + i + 1));
		ck_assert_int_gt(writers[i], 0);
		(void)close(fd);
		output_stream_finish(stream);
	}
	stage_run_until_idle(&st);
	stage_stop_reading_out(&st);
	for (unsigned i = 0; i < N_WRITERS; i++) {
		int status;

		ck_assert_int_eq(waitpid(writers[i], &status, 0), writers[i]);
		ck_assert_int_eq(status, 0);
	}

	for (rest = buf_span(&st.shown); stage_next_line(&rest, &line);) {
		unsigned slot = (unsigned)(line.at[4] - '0');

		ck_assert_uint_le(slot, N_WRITERS);
		assert_nth_line(line, slot, n_seen[slot]++);
		total += line.size + 1 - strlen("web.1 | ");
	}
	ck_assert_uint_eq(rest.size, 0);
	ck_assert_uint_ge(total, N_WRITERS * WRITER_BYTES);
	stage_end(&st);
}
END_TEST

START_TEST(berths_messages_go_to_stderr)
{
	struct message_source source = { .app = "web", .slot = 2, .pid = 7, .generation = 1 };
	struct stage st;

	stage_init(&st);
	stage_begin(&st);
	output_say(st.output, MESSAGE_INFO, "tier", "the %s tier runs", "steered");
	output_say_worker(st.output, &source, MESSAGE_WARNING, "worker_ended",
			  "ended, starting again in %d s", 2);
	stage_assert_shown(st.out, "");
	stage_assert_shown(st.err, "berth: the steered tier runs\n"
				   "berth: web.2 ended, starting again in 2 s\n");
	stage_end(&st);
}
END_TEST

START_TEST(quiet_hides_what_is_neither_warning_nor_error)
{
	struct stage st;

	stage_init(&st);
	st.options.is_quiet = true;
	stage_begin(&st);
	output_say(st.output, MESSAGE_INFO, "a", "info");
	output_say(st.output, MESSAGE_WARNING, "b", "warning");
	output_say(st.output, MESSAGE_ERROR, "c", "error");
	stage_play(&st, STDOUT_FILENO, "shown\n", 6);
	stage_assert_shown(st.err, "berth: warning\nberth: error\n");
	stage_assert_shown(st.out, "web.1 | shown\n");
	stage_end(&st);
}
END_TEST

START_TEST(a_message_longer_than_the_bound_is_cut_and_says_so)
{
	char text[2 * MESSAGE_TEXT_MAX];
	struct stage st;
	struct span b;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	stage_init(&st);
	stage_begin(&st);
	output_say(st.output, MESSAGE_INFO, "long", "%s", text);
	stage_take(st.err, &st.shown);
	b = buf_span(&st.shown);
	ck_assert_uint_le(b.size, strlen("berth: \n") + MESSAGE_TEXT_MAX);
	ck_assert_mem_eq(b.at + b.size - 4, "...\n", 4);
	stage_end(&st);
}
END_TEST

/* A terminal in place of our stdout, as a terminal program sees it. */
static void begin_on_terminal(struct stage *st)
{
	stage_init(st);
	(void)close(st->out);
	(void)close(st->options.stdout_fd);
	ck_assert_int_eq(openpty(&st->out, &st->options.stdout_fd, NULL, NULL, NULL), 0);
	ck_assert_int_eq(fcntl(st->out, F_SETFL, O_NONBLOCK), 0);
	stage_begin(st);
	stage_play(st, STDOUT_FILENO, "up\n", 3);
}

/* A terminal shows what it was given some time later: waits for as much as there must be. */
static void assert_terminal_shows(int display, const char *text)
{
	size_t size = strlen(text), at = 0;
	char shown[256];

	ck_assert_uint_lt(size, sizeof(shown));
	ck_assert_int_eq(fcntl(display, F_SETFL, 0), 0);
	while (at < size) {
		ssize_t n = read(display, shown + at, sizeof(shown) - at);

		ck_assert_int_gt(n, 0);
		at += (size_t)n;
	}
	ck_assert_uint_eq(at, size);
	ck_assert_mem_eq(shown, text, size);
}

START_TEST(on_a_terminal_there_is_colour)
{
	struct stage st;

	(void)unsetenv("NO_COLOR");
	(void)setenv("TERM", "xterm", 1);
	begin_on_terminal(&st);
	assert_terminal_shows(st.out, "\x1b[0;36mweb.1 |\x1b[0m up\r\n");
	stage_end(&st);
}
END_TEST

START_TEST(no_color_takes_the_colour_away)
{
	struct stage st;

	(void)setenv("NO_COLOR", "1", 1);
	(void)setenv("TERM", "xterm", 1);
	begin_on_terminal(&st);
	assert_terminal_shows(st.out, "web.1 | up\r\n");
	stage_end(&st);
}
END_TEST

START_TEST(a_dumb_terminal_gets_no_colour)
{
	struct stage st;

	(void)unsetenv("NO_COLOR");
	(void)setenv("TERM", "dumb", 1);
	begin_on_terminal(&st);
	assert_terminal_shows(st.out, "web.1 | up\r\n");
	stage_end(&st);
}
END_TEST

START_TEST(options_that_were_forgotten_are_refused)
{
	struct output_options options = { .journal_fd = NO_FD };
	struct output *o;
	struct stage st;

	stage_init(&st);
	ck_assert_int_eq(output_new(&st.loop, &options, &o), -EINVAL);
	options.stdout_fd = st.options.stdout_fd;
	options.stderr_fd = 1000000;
	ck_assert_int_eq(output_new(&st.loop, &options, &o), -EBADF);
	stage_end(&st);
}
END_TEST

static Suite *suite(void)
{
	const TTest *tests[] = {
		a_workers_stdout_and_stderr_go_to_ours,
		text_lines_up_behind_labels_of_different_width,
		a_line_is_shown_when_it_is_whole,
		the_last_line_of_a_dead_worker_is_shown_though_it_lacks_its_end,
		a_grandchild_may_go_on_writing_after_the_workers_death,
		a_worker_may_close_its_stdout_and_live_on,
		streams_that_nobody_finished_end_with_the_output,
		a_huge_line_comes_in_pieces_with_a_label_each,
		nul_and_bytes_that_are_no_text_pass_as_they_are,
		in_json_every_line_is_an_object_whatever_the_worker_writes,
		ten_megabytes_from_eight_writers_arrive_whole_and_no_line_is_torn,
		berths_messages_go_to_stderr,
		quiet_hides_what_is_neither_warning_nor_error,
		a_message_longer_than_the_bound_is_cut_and_says_so,
		on_a_terminal_there_is_colour,
		no_color_takes_the_colour_away,
		a_dumb_terminal_gets_no_colour,
		options_that_were_forgotten_are_refused,
	};
	Suite *s = suite_create("output");
	TCase *c = tcase_create("output");

	tcase_set_timeout(c, 30); /* megabytes, also where the machine is busy */
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
