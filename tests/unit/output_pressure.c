/*
 * Readers of ours that are slow, gone or full, and workers that write a lot: nothing
 * is lost that somebody takes, memory stays bounded, and nobody is held up.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "os/clock.h"
#include "primary/output.h"
#include "stage.h"

/* "00000000\n". With its label it is no part of a page: pipes fill up inside a line. */
#define LINE_SIZE  9
#define LABEL_SIZE strlen("web.1 | ")
#define MEBIBYTE   ((size_t)1024 * 1024)

/* A worker that writes numbered lines whenever its pipe takes bytes. */
struct player {
	struct output_stream *stream;
	int fd; /* non-blocking */
	size_t n_written;
};

static void player_begin(struct stage *st, unsigned slot, int which, struct player *player)
{
	player->n_written = 0;
	player->fd = stage_worker(st, slot, which, &player->stream);
	ck_assert_int_eq(fcntl(player->fd, F_SETFL, O_NONBLOCK), 0);
}

static void player_end(struct player *player)
{
	(void)close(player->fd);
	output_stream_finish(player->stream);
}

/* Writes as much as the pipe takes; returns how much. */
static size_t player_write(struct player *player)
{
	size_t before = player->n_written;
	char lines[4096 + LINE_SIZE + 1];
	ssize_t n;

	do {
		size_t skip = player->n_written % LINE_SIZE;
		size_t number = player->n_written / LINE_SIZE;

		for (size_t at = 0; at + LINE_SIZE < sizeof(lines); at += LINE_SIZE)
			(void)snprintf(lines + at, LINE_SIZE + 1, "%08zu\n", number++ % 100000000);
		n = write(player->fd, lines + skip, 4096);
		player->n_written += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	ck_assert_int_eq(errno, EAGAIN);
	return player->n_written - before;
}

/* Until neither the worker's pipe takes more nor berth does anything. */
static void player_write_until_stuck(struct stage *st, struct player *player)
{
	for (int n_quiet_rounds = 0; n_quiet_rounds < 5;) {
		n_quiet_rounds = player_write(player) > 0 ? 0 : n_quiet_rounds + 1;
		(void)uv_run(&st->loop, UV_RUN_NOWAIT);
	}
}

static void player_write_all(struct stage *st, struct player *player, size_t size)
{
	while (player->n_written < size) {
		(void)player_write(player);
		(void)uv_run(&st->loop, UV_RUN_NOWAIT);
	}
}

/* All that a player in slot 1 has written, no line missing, none torn. */
static void assert_all_shown(struct span shown, size_t n_written)
{
	struct span line = { .at = "" };
	char expected[64];

	for (size_t n = 0; n * LINE_SIZE < n_written; n++) {
		size_t n_left = n_written - n * LINE_SIZE;
		size_t size = LABEL_SIZE + (n_left < LINE_SIZE ? n_left : LINE_SIZE - 1);

		(void)snprintf(expected, sizeof(expected), "web.1 | %08zu", n);
		if (!stage_next_line(&shown, &line) || line.size != size ||
		    memcmp(line.at, expected, size) != 0)
			ck_abort_msg("line %zu is '%.*s'", n, (int)line.size, line.at);
	}
	ck_assert_uint_eq(shown.size, 0);
}

/* Out to whatever @st has: gets stuck, is read, and nothing is lost. */
static void assert_slow_reader_gets_all(struct stage *st)
{
	struct player player;

	stage_begin(st);
	player_begin(st, 1, STDOUT_FILENO, &player);
	player_write_until_stuck(st, &player);
	ck_assert_uint_lt(player.n_written, MEBIBYTE);
	ck_assert(uv_loop_alive(&st->loop));

	stage_read_out(st);
	player_write_all(st, &player, 4 * MEBIBYTE);
	player_end(&player);
	stage_run_until_idle(st);
	stage_stop_reading_out(st);
	assert_all_shown(buf_span(&st->shown), player.n_written);
}

START_TEST(a_slow_reader_makes_the_workers_wait_and_loses_nothing)
{
	struct stage st;

	stage_init(&st);
	assert_slow_reader_gets_all(&st);
	stage_end(&st);
}
END_TEST

START_TEST(a_slow_reader_of_a_socket_loses_nothing_either)
{
	struct stage st;
	int ends[2];

	stage_init(&st);
	(void)close(st.out);
	(void)close(st.options.stdout_fd);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	st.out = ends[0];
	st.options.stdout_fd = ends[1];
	assert_slow_reader_gets_all(&st);
	ck_assert_int_eq(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	stage_end(&st);
}
END_TEST

START_TEST(while_stdout_is_stuck_stderr_goes_on)
{
	struct player player;
	struct stage st;

	stage_init(&st);
	stage_begin(&st);
	player_begin(&st, 1, STDOUT_FILENO, &player);
	player_write_until_stuck(&st, &player);

	output_say(st.output, MESSAGE_INFO, "x", "one");
	player_begin(&st, 2, STDERR_FILENO, &player);
	ck_assert_int_eq(write(player.fd, "two\n", 4), 4);
	stage_run_until_shown(&st, st.err, strlen("berth: one\nweb.2 | two\n"));
	stage_assert_shown(st.err, "berth: one\nweb.2 | two\n");
	stage_read_out(&st);
	stage_stop_reading_out(&st);
	(void)close(st.out);
	st.out = -1;
	stage_end(&st);
}
END_TEST

START_TEST(messages_wait_before_a_stuck_stderr_and_too_many_are_counted)
{
	struct player player;
	struct span rest, line;
	unsigned n_shown = 0;
	struct stage st;

	stage_init(&st);
	stage_begin(&st);
	player_begin(&st, 1, STDERR_FILENO, &player);
	player_write_until_stuck(&st, &player);
	for (unsigned n = 0; n < 20000; n++)
		output_say(st.output, MESSAGE_INFO, "x", "message %040u", n);

	/* The rest of the test reads stderr as it does stdout elsewhere. */
	(void)close(st.out);
	st.out = dup(st.err);
	stage_read_out(&st);
	player_end(&player);
	stage_run_until_idle(&st);
	stage_stop_reading_out(&st);
	for (rest = buf_span(&st.shown); stage_next_line(&rest, &line);) {
		char expected[96];

		if (memcmp(line.at, "berth: message", 14) != 0)
			continue;
		(void)snprintf(expected, sizeof(expected), "berth: message %040u", n_shown++);
		if (memcmp(line.at, expected, line.size) != 0)
			ck_abort_msg("message %u is '%.*s'", n_shown, (int)line.size, line.at);
	}
	ck_assert_uint_gt(n_shown, 5000);
	ck_assert_uint_lt(n_shown, 20000);
	ck_assert_ptr_nonnull(memmem(buf_span(&st.shown).at, st.shown.size,
				     "berth: standard error works again, lines dropped: ", 50));
	stage_end(&st);
}
END_TEST

START_TEST(when_the_reader_is_gone_workers_go_on_and_it_is_said_once)
{
	struct player player;
	struct stage st;

	stage_init(&st);
	stage_begin(&st);
	player_begin(&st, 1, STDOUT_FILENO, &player);
	player_write_until_stuck(&st, &player);
	(void)close(st.out);
	st.out = -1;
	player_write_all(&st, &player, MEBIBYTE);
	player_end(&player);
	stage_run_until_idle(&st);
	stage_assert_shown(st.err, "berth: standard output: Broken pipe, dropping worker output\n");
	stage_end(&st);
}
END_TEST

START_TEST(a_fifo_that_gets_a_new_reader_works_again)
{
	char dir[] = "/tmp/berth-output-XXXXXX";
	char path[64];
	struct stage st;

	stage_init(&st);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/fifo", dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	(void)close(st.out);
	(void)close(st.options.stdout_fd);
	st.out = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	st.options.stdout_fd = open(path, O_WRONLY | O_CLOEXEC);
	stage_begin(&st);
	stage_play(&st, STDOUT_FILENO, "one\n", 4);
	stage_assert_shown(st.out, "web.1 | one\n");

	(void)close(st.out);
	stage_play(&st, STDOUT_FILENO, "two\nthree\n", 10);
	st.out = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	stage_play(&st, STDOUT_FILENO, "four\n", 5);
	stage_assert_shown(st.out, "web.1 | four\n");
	stage_assert_shown(st.err, "berth: standard output: Broken pipe, dropping worker output\n"
				   "berth: standard output works again, lines dropped: 2\n");
	(void)unlink(path);
	(void)rmdir(dir);
	stage_end(&st);
}
END_TEST

static void set_file_size_limit(rlim_t size)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit on the file's size in place of a full disk: it ends in the middle of a line. */
START_TEST(a_disk_that_gets_space_again_has_no_torn_line)
{
	char path[] = "/tmp/berth-output-XXXXXX";
	struct stage st;

	(void)signal(SIGXFSZ, SIG_IGN);
	stage_init(&st);
	(void)close(st.out);
	(void)close(st.options.stdout_fd);
	st.options.stdout_fd = mkstemp(path);
	st.out = open(path, O_RDONLY | O_CLOEXEC);
	(void)unlink(path);
	stage_begin(&st);

	set_file_size_limit(16);
	stage_play(&st, STDOUT_FILENO, "one\ntwo\nthree\n", 14);
	stage_play(&st, STDOUT_FILENO, "four\n", 5);
	set_file_size_limit(RLIM_INFINITY);
	stage_play(&st, STDOUT_FILENO, "five\n", 5);
	stage_assert_shown(st.out, "web.1 | one\nweb.1 | two\nweb.1 | five\n");
	stage_assert_shown(st.err,
			   "berth: standard output: File too large, dropping worker output\n"
			   "berth: standard output works again, lines dropped: 2\n");
	stage_end(&st);
}
END_TEST

START_TEST(at_the_end_it_is_said_how_much_a_full_disk_has_cost)
{
	struct stage st;

	stage_init(&st);
	(void)close(st.options.stdout_fd);
	st.options.stdout_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	stage_begin(&st);
	stage_play(&st, STDOUT_FILENO, "one\ntwo\n", 8);
	st.output = output_free(st.output);
	stage_assert_shown(
		st.err, "berth: standard output: No space left on device, dropping worker output\n"
			"berth: standard output took no more, lines lost: at least 2\n");
	stage_end(&st);
}
END_TEST

START_TEST(stdout_and_stderr_may_be_the_same_pipe_and_no_line_is_torn)
{
	struct player players[2];
	size_t n_lines[2] = { 0 };
	struct span rest, line;
	struct stage st;

	stage_init(&st);
	(void)close(st.options.stderr_fd);
	st.options.stderr_fd = dup(st.options.stdout_fd);
	stage_begin(&st);
	player_begin(&st, 1, STDOUT_FILENO, &players[0]);
	player_begin(&st, 2, STDERR_FILENO, &players[1]);
	player_write_until_stuck(&st, &players[0]);
	output_say(st.output, MESSAGE_INFO, "x", "in between");
	stage_read_out(&st);
	for (int i = 0; i < 2; i++) {
		player_write_all(&st, &players[i], MEBIBYTE);
		player_end(&players[i]);
	}
	stage_run_until_idle(&st);
	stage_stop_reading_out(&st);
	for (rest = buf_span(&st.shown); stage_next_line(&rest, &line);) {
		unsigned slot = memcmp(line.at, "web.1", 5) == 0 ? 0 : 1;
		size_t number = n_lines[slot];

		if (memcmp(line.at, "berth: in between", 17) == 0)
			continue;
		n_lines[slot]++;
		if (number <
		    players[slot].n_written / LINE_SIZE) /* the last one may be cut short */
			ck_assert_uint_eq(strtoul(line.at + LABEL_SIZE, NULL, 10), number);
	}
	ck_assert_uint_eq(n_lines[0], (players[0].n_written + LINE_SIZE - 1) / LINE_SIZE);
	ck_assert_uint_eq(n_lines[1], (players[1].n_written + LINE_SIZE - 1) / LINE_SIZE);
	(void)close(st.options.stderr_fd);
	st.options.stderr_fd = st.options.stdout_fd;
	stage_end(&st);
}
END_TEST

#define N_CHATTY 200

START_TEST(two_hundred_chatty_workers_are_shown_alike)
{
	struct player players[N_CHATTY];
	size_t n_lines[N_CHATTY + 1] = { 0 };
	size_t least = SIZE_MAX, most = 0;
	char lines[4096];
	struct span rest, line;
	struct stage st;

	for (size_t i = 0; i < sizeof(lines); i++)
		lines[i] = i % LINE_SIZE == LINE_SIZE - 1 ? '\n' : 'x';
	stage_init(&st);
	stage_begin(&st);
	for (unsigned i = 0; i < N_CHATTY; i++) {
		player_begin(&st, i + 1, STDOUT_FILENO, &players[i]);
		/* Smaller pipes than usual, so that the test does not need much memory. */
		ck_assert_int_gt(fcntl(players[i].fd, F_SETPIPE_SZ, 4096), 0);
	}
	stage_read_out(&st);
	while (st.shown.size < (size_t)N_CHATTY * 40960) {
		for (unsigned i = 0; i < N_CHATTY; i++)
			(void)!write(players[i].fd, lines, sizeof(lines)); /* or it is full */
		(void)uv_run(&st.loop, UV_RUN_NOWAIT);
	}
	for (rest = buf_span(&st.shown); stage_next_line(&rest, &line);)
		n_lines[strtoul(line.at + strlen("web."), NULL, 10)]++;
	for (unsigned i = 1; i <= N_CHATTY; i++) {
		least = n_lines[i] < least ? n_lines[i] : least;
		most = n_lines[i] > most ? n_lines[i] : most;
	}
	ck_assert_uint_gt(least, 0);
	/* Nobody is ahead by more than what one pipe holds, in lines. */
	ck_assert_uint_le(most - least, 4096 / LINE_SIZE + 1);

	for (unsigned i = 0; i < N_CHATTY; i++)
		player_end(&players[i]);
	stage_run_until_idle(&st);
	stage_stop_reading_out(&st);
	stage_end(&st);
}
END_TEST

static void count_round(uv_check_t *check)
{
	(*(unsigned *)check->data)++;
}

START_TEST(a_flood_of_empty_lines_does_not_hold_up_the_loop)
{
	struct output_stream *stream;
	char flood[65536];
	unsigned n_rounds = 0;
	uv_check_t rounds = { .data = &n_rounds };
	struct stage st;
	int fd;

	memset(flood, '\n', sizeof(flood));
	stage_init(&st);
	stage_begin(&st);
	stage_read_out(&st);
	fd = stage_worker(&st, 1, STDOUT_FILENO, &stream);
	ck_assert_int_eq(write(fd, flood, sizeof(flood)), sizeof(flood));
	(void)close(fd);
	output_stream_finish(stream);
	(void)uv_check_init(&st.loop, &rounds);
	(void)uv_check_start(&rounds, count_round);
	uv_unref((uv_handle_t *)&rounds);
	stage_run_until_idle(&st);
	uv_close((uv_handle_t *)&rounds, NULL);
	stage_stop_reading_out(&st);
	ck_assert_uint_eq(st.shown.size, sizeof(flood) * (LABEL_SIZE + 1));
	ck_assert_uint_ge(n_rounds, sizeof(flood) / 1024);
	stage_end(&st);
}
END_TEST

START_TEST(a_flood_of_empty_lines_in_json_waits_for_a_slow_reader)
{
	struct output_stream *stream;
	struct span rest, line;
	struct player player;
	size_t n_lines = 0;
	char flood[65536];
	struct stage st;
	int fd;

	memset(flood, '\n', sizeof(flood));
	stage_init(&st);
	st.options.is_json = true;
	stage_begin(&st);
	player_begin(&st, 1, STDOUT_FILENO, &player);
	player_write_until_stuck(&st, &player);
	fd = stage_worker(&st, 2, STDOUT_FILENO, &stream);
	ck_assert_int_eq(write(fd, flood, sizeof(flood)), sizeof(flood));
	(void)close(fd);
	output_stream_finish(stream);
	player_end(&player);

	stage_read_out(&st);
	stage_run_until_idle(&st);
	stage_stop_reading_out(&st);
	for (rest = buf_span(&st.shown); stage_next_line(&rest, &line);)
		n_lines += memmem(line.at, line.size, "\"slot\":2", 8) != NULL;
	ck_assert_uint_eq(n_lines, sizeof(flood));
	stage_assert_shown(st.err, "");
	stage_end(&st);
}
END_TEST

static void read_to_end(void *st)
{
	struct stage *stage = st;
	char bytes[4096];
	ssize_t n;

	while ((n = read(stage->out, bytes, sizeof(bytes))) > 0)
		ck_assert(buf_append(&stage->shown, bytes, (size_t)n));
}

START_TEST(the_end_waits_for_a_slow_reader)
{
	uv_thread_t reader;
	struct player player;
	struct stage st;

	stage_init(&st);
	stage_begin(&st);
	player_begin(&st, 1, STDOUT_FILENO, &player);
	player_write_until_stuck(&st, &player);
	player_end(&player);

	ck_assert_int_eq(fcntl(st.out, F_SETFL, 0), 0);
	ck_assert_int_eq(uv_thread_create(&reader, read_to_end, &st), 0);
	st.output = output_free(st.output);
	(void)uv_run(&st.loop, UV_RUN_DEFAULT);
	(void)close(st.options.stdout_fd);
	ck_assert_int_eq(uv_thread_join(&reader), 0);
	assert_all_shown(buf_span(&st.shown), player.n_written);
	stage_assert_shown(st.err, "");
	st.options.stdout_fd = -1;
	stage_end(&st);
}
END_TEST

START_TEST(the_end_does_not_wait_for_a_reader_that_takes_nothing)
{
	struct player player;
	int64_t before_ms;
	struct stage st;

	stage_init(&st);
	stage_begin(&st);
	player_begin(&st, 1, STDOUT_FILENO, &player);
	player_write_until_stuck(&st, &player);
	before_ms = clock_ms();
	st.output = output_free(st.output);
	ck_assert_int_ge(clock_ms() - before_ms, 1000);
	ck_assert_int_lt(clock_ms() - before_ms, 3000);
	stage_take(st.err, &st.shown);
	ck_assert_ptr_nonnull(memmem(buf_span(&st.shown).at, st.shown.size,
				     "berth: standard output took no more", 35));
	(void)close(player.fd);
	stage_end(&st);
}
END_TEST

static Suite *suite(void)
{
	const TTest *tests[] = {
		a_slow_reader_makes_the_workers_wait_and_loses_nothing,
		a_slow_reader_of_a_socket_loses_nothing_either,
		while_stdout_is_stuck_stderr_goes_on,
		messages_wait_before_a_stuck_stderr_and_too_many_are_counted,
		when_the_reader_is_gone_workers_go_on_and_it_is_said_once,
		a_fifo_that_gets_a_new_reader_works_again,
		a_disk_that_gets_space_again_has_no_torn_line,
		at_the_end_it_is_said_how_much_a_full_disk_has_cost,
		stdout_and_stderr_may_be_the_same_pipe_and_no_line_is_torn,
		two_hundred_chatty_workers_are_shown_alike,
		a_flood_of_empty_lines_does_not_hold_up_the_loop,
		a_flood_of_empty_lines_in_json_waits_for_a_slow_reader,
		the_end_waits_for_a_slow_reader,
		the_end_does_not_wait_for_a_reader_that_takes_nothing,
	};
	Suite *s = suite_create("output_pressure");
	TCase *c = tcase_create("output_pressure");

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
