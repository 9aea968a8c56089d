/*
 * The primary is killed at any instruction, hundreds of times, while workers write; each
 * time a successor takes over the journal and the pipes. Every byte must be shown, once
 * and in order.
 *
 * The one thing that a reader may see: the bytes of a write() that a kill fell into are
 * written again. The test finds these by the journal, and takes them out.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/own.h"
#include "primary/journal_file.h"
#include "primary/output.h"

#define N_WRITERS   4 /* the last one writes to stderr */
#define N_LINES     40000
#define N_KILLS     400
#define LIFE_NS     700000 /* at most */
#define LINE_MAX_AT 100000 /* longer than a line may be: comes in pieces */
#define SINK_SIZE   8192   /* of our pipes: less than is written at once */
#define SHOWN_MAX   ((size_t)64 * 1024 * 1024)
#define REPEAT_MIN  4 /* fewer equal bytes are chance */

enum {
	OUT,
	ERR,
	N_WAYS
};

struct way {
	int reader; /* non-blocking */
	int writer;
	struct buf shown;
};

struct play {
	struct way ways[N_WAYS];
	int pipes[N_WRITERS];
	pid_t writers[N_WRITERS];
	struct journal_file journal;
	unsigned n_kills;
	unsigned n_repeats;
	size_t n_repeated; /* bytes */
	uint64_t chance;
};

static uint64_t stir(uint64_t x)
{
	x ^= x >> 31;
	x *= UINT64_C(0x9e3779b97f4a7c15);
	x ^= x >> 29;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	return x ^ x >> 32;
}

static uint64_t chance(struct play *play)
{
	return stir(++play->chance);
}

/* --- what the workers write --- */

/* Line @n of a writer, without its end: its number, and bytes of all kinds. */
static size_t make_line(unsigned writer, unsigned n, char ret_line[LINE_MAX_AT])
{
	uint64_t seed = stir((uint64_t)writer << 32 | n);
	size_t size = seed % 300;
	size_t at;

	if (seed >> 32 & 1 && n % 64 == 5)
		size = seed % 9000;
	if (n % 3000 == 7)
		size = LINE_MAX_AT - 100;
	at = (size_t)snprintf(ret_line, 64, "%u ", n);
	for (size_t end = at + size; at < end; at++) {
		if (at % 8 == 0)
			seed = stir(seed + 1);
		ret_line[at] = (char)(seed >> at % 8 * 8);
		if (ret_line[at] == '\n')
			ret_line[at] = (char)0xff;
	}
	ret_line[at++] = '.'; /* the CR of a CR LF would not be shown */
	return at;
}

static void write_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0)
			_exit(EXIT_FAILURE);
		bytes += n;
		size -= (size_t)n;
	}
}

/* In writes that end anywhere; the last line has no end. */
static void write_lines(int fd, unsigned writer)
{
	static char line[LINE_MAX_AT + 1];

	for (unsigned n = 0; n < N_LINES; n++) {
		size_t size = make_line(writer, n, line);
		size_t middle = size * (n % 5) / 5;

		line[size] = '\n';
		write_all(fd, line, middle);
		write_all(fd, line + middle, size - middle + (n + 1 < N_LINES));
	}
	_exit(EXIT_SUCCESS);
}

/* --- those who are killed --- */

static struct output *begin_output(const struct play *play, uv_loop_t *loop)
{
	struct output_options options = {
		.stdout_fd = play->ways[OUT].writer,
		.stderr_fd = play->ways[ERR].writer,
		.journal_fd = play->journal.fd,
	};
	struct output *o;

	if (uv_loop_init(loop) != 0 || output_new(loop, &options, &o) != 0)
		_exit(EXIT_FAILURE);
	return o;
}

static void be_primary(const struct play *play)
{
	uv_loop_t loop;
	struct output *o = begin_output(play, &loop);

	for (unsigned i = 0; i < N_WRITERS; i++) {
		struct message_source source = {
			.app = "web",
			.slot = i + 1,
			.pid = play->writers[i],
			.generation = 1,
		};
		struct output_stream_name name = { .id = i + 1, .is_stderr = i == N_WRITERS - 1 };
		struct output_stream *stream;

		if (output_stream_open(o, &source, &name, play->pipes[i], &stream) != 0)
			_exit(EXIT_FAILURE);
		output_stream_finish(stream);
	}
	output_adopted(o);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	_exit(EXIT_SUCCESS);
}

/* --- what is shown --- */

static size_t take(struct way *way)
{
	static char bytes[65536];
	size_t total = 0;
	ssize_t n;

	while ((n = read(way->reader, bytes, sizeof(bytes))) > 0) {
		ck_assert(buf_append(&way->shown, bytes, (size_t)n));
		total += (size_t)n;
	}
	return total;
}

/* Reads, or is a slow reader that does not, until @end can be read. */
static void read_until(struct play *play, int end, bool is_slow)
{
	struct pollfd polls[] = {
		{ .fd = end, .events = POLLIN },
		{ .fd = play->ways[OUT].reader, .events = POLLIN },
		{ .fd = play->ways[ERR].reader, .events = POLLIN },
	};

	do {
		ck_assert_int_gt(poll(polls, is_slow ? 1 : 3, -1), 0);
		for (unsigned i = 0; !is_slow && i < N_WAYS; i++)
			(void)take(&play->ways[i]);
	} while (polls[0].revents == 0);
}

/* What can be read at any moment from now on. */
static int some_time(struct play *play)
{
	struct itimerspec when = { .it_value.tv_nsec = 1 + (long)(chance(play) % LIFE_NS) };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(timerfd_settime(fd, 0, &when, NULL), 0);
	return fd;
}

/* What the dead one has written and not noted: the journal has it still. */
static void forget_repeat(struct play *play, struct way *way, const struct journal *j)
{
	struct span queued = journal_queued(j);
	struct span shown = buf_span(&way->shown);
	size_t size = queued.size < shown.size ? queued.size : shown.size;

	while (size >= REPEAT_MIN && memcmp(shown.at + shown.size - size, queued.at, size) != 0)
		size--;
	if (size < REPEAT_MIN)
		return;
	buf_truncate(&way->shown, shown.size - size);
	play->n_repeats++;
	play->n_repeated += size;
}

/* Returns false once a primary has come to the end of all pipes. */
static bool live_and_die(struct play *play)
{
	struct journal_file taken;
	pid_t pid = fork();
	own_fd end = NO_FD;
	int status;

	if (pid == 0)
		be_primary(play);
	ck_assert_int_gt(pid, 0);
	if (play->n_kills < N_KILLS) {
		end = some_time(play);
		read_until(play, end, play->n_kills % 4 == 0);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
	} else {
		end = (int)syscall(SYS_pidfd_open, pid, 0);
		ck_assert_int_ge(end, 0);
		read_until(play, end, false);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);

	(void)take(&play->ways[OUT]);
	(void)take(&play->ways[ERR]);
	if (WIFEXITED(status)) {
		ck_assert_int_eq(WEXITSTATUS(status), EXIT_SUCCESS);
		return false;
	}
	play->n_kills++;
	ck_assert_int_eq(journal_file_take(&taken, play->journal.fd, N_WAYS), 0);
	for (unsigned i = 0; i < N_WAYS; i++)
		forget_repeat(play, &play->ways[i], &taken.ways[i]);
	journal_file_done(&taken);
	return true;
}

/* --- whether it is what was written --- */

struct expected {
	unsigned n; /* the line to come */
	size_t at;  /* how much of it has come in pieces */
};

static void assert_next(unsigned writer, struct expected *expected, struct span piece)
{
	static char line[LINE_MAX_AT];
	size_t size = make_line(writer, expected->n, line) - expected->at;

	ck_assert_msg(piece.size == size || (piece.size < size && piece.size + 4 > LINES_SIZE_MAX),
		      "writer %u, line %u from byte %zu: %zu bytes instead of %zu", writer,
		      expected->n, expected->at, piece.size, size);
	ck_assert_msg(memcmp(piece.at, line + expected->at, piece.size) == 0,
		      "writer %u, line %u from byte %zu is damaged", writer, expected->n,
		      expected->at);
	expected->at += piece.size;
	if (piece.size < size)
		return;
	expected->n++;
	expected->at = 0;
}

static void assert_shown(struct way *way, struct expected expected[N_WRITERS])
{
	struct span rest = buf_span(&way->shown);

	while (rest.size > 0) {
		const char *end = memchr(rest.at, '\n', rest.size);
		struct span line = { .at = rest.at };
		unsigned writer;

		ck_assert_ptr_nonnull(end);
		line.size = (size_t)(end - rest.at);
		ck_assert_msg(line.size > 8 && memcmp(line.at, "web.", 4) == 0 &&
				      memcmp(line.at + 5, " | ", 3) == 0,
			      "a damaged line: %.*s", (int)line.size, line.at);
		writer = (unsigned)(line.at[4] - '1');
		ck_assert_uint_lt(writer, N_WRITERS);
		assert_next(writer, &expected[writer],
			    (struct span){ .at = line.at + 8, .size = line.size - 8 });
		rest.at += line.size + 1;
		rest.size -= line.size + 1;
	}
}

static void begin(struct play *play)
{
	int ends[2];

	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(journal_file_make(&play->journal, N_WAYS), 0);
	for (unsigned i = 0; i < N_WAYS; i++) {
		ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
		ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
		ck_assert_int_gt(fcntl(ends[1], F_SETPIPE_SZ, SINK_SIZE), 0);
		play->ways[i].reader = ends[0];
		play->ways[i].writer = ends[1];
		buf_init(&play->ways[i].shown, SHOWN_MAX);
	}
	for (unsigned i = 0; i < N_WRITERS; i++) {
		ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
		play->pipes[i] = ends[0];
		play->writers[i] = fork();
		if (play->writers[i] == 0)
			write_lines(ends[1], i);
		ck_assert_int_gt(play->writers[i], 0);
		(void)close(ends[1]);
	}
}

START_TEST(whenever_the_primary_is_killed_no_byte_is_lost_and_no_line_is_torn)
{
	struct expected expected[N_WRITERS] = { { 0 } };
	struct play play = { .chance = (uint64_t)getpid() << 32 };

	begin(&play);
	while (live_and_die(&play))
		continue;
	for (unsigned i = 0; i < N_WRITERS; i++) {
		int status;

		ck_assert_int_eq(waitpid(play.writers[i], &status, 0), play.writers[i]);
		ck_assert_int_eq(status, 0);
		(void)close(play.pipes[i]);
	}
	for (unsigned i = 0; i < N_WAYS; i++) {
		assert_shown(&play.ways[i], expected);
		buf_done(&play.ways[i].shown);
	}
	for (unsigned i = 0; i < N_WRITERS; i++)
		ck_assert_uint_eq(expected[i].n, N_LINES);
	ck_assert_uint_ge(play.n_kills, N_KILLS / 2);
	(void)fprintf(stderr, "%u kills, %u times bytes were written again, %zu in all\n",
		      play.n_kills, play.n_repeats, play.n_repeated);
	journal_file_done(&play.journal);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("output_kill");
	TCase *c = tcase_create("output_kill");

	tcase_set_timeout(c, 50);
	tcase_add_test(c, whenever_the_primary_is_killed_no_byte_is_lost_and_no_line_is_torn);
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
