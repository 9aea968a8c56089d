/*
 * Writing without waiting, and without changing what others share with us.
 */
#include "os/sink.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY     65534
#define TIMEOUT_S  10
#define N_REFILLED 4 /* times that a terminal is filled and read */

static char block[8192];

/* Writes until there is no room, and returns how much was taken. */
static size_t fill(struct sink *s)
{
	size_t size = 0;
	ssize_t n;

	while ((n = sink_write(s, block, sizeof(block))) > 0)
		size += (size_t)n;
	ck_assert_int_eq(n, -EAGAIN);
	return size;
}

static size_t read_all_there_is(int fd)
{
	char bytes[65536];
	size_t size = 0;
	ssize_t n;

	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		size += (size_t)n;
	return size;
}

/* Waits for as many bytes as there must be. */
static void read_exactly(int fd, size_t size)
{
	char bytes[4096];

	while (size > 0) {
		ssize_t n = read(fd, bytes, size < sizeof(bytes) ? size : sizeof(bytes));

		ck_assert_int_gt(n, 0);
		size -= (size_t)n;
	}
}

static bool has_room(const struct sink *s)
{
	struct pollfd room = { .fd = s->wait_fd, .events = POLLIN };

	return poll(&room, 1, 0) == 1;
}

/* Fills what is behind @fd, lets @reader read it, and fills it again. */
static void assert_never_waits(int fd, int reader, enum sink_way way)
{
	int flags_before = fcntl(fd, F_GETFL);
	struct sink s;

	ck_assert_int_eq(sink_init(&s, fd), 0);
	ck_assert_int_eq(s.way, way);
	for (int round = 0; round < 3; round++) {
		size_t size;

		ck_assert(has_room(&s));
		ck_assert(sink_wait(&s, 0));
		size = fill(&s);
		ck_assert_uint_gt(size, 0);
		ck_assert(!has_room(&s));
		ck_assert(!sink_wait(&s, 0));
		ck_assert_uint_eq(read_all_there_is(reader), size);
	}
	sink_done(&s);
	ck_assert_int_eq(fcntl(fd, F_GETFL), flags_before);
	ck_assert_int_eq(flags_before & O_NONBLOCK, 0);
}

/*
 * The same for a terminal, where bytes reach the reader some time after they were
 * taken: so it may have room again at any time. Newlines are the hardest, as each
 * becomes two bytes on its way.
 */
static void assert_terminal_is_never_waited_for(int fd, int display, enum sink_way way)
{
	int flags_before = fcntl(fd, F_GETFL);
	struct sink s;

	memset(block, '\n', sizeof(block));
	ck_assert_int_eq(sink_init(&s, fd), 0);
	ck_assert_int_eq(s.way, way);
	for (int round = 0; round < N_REFILLED; round++) {
		ck_assert(sink_wait(&s, -1));
		read_exactly(display, 2 * fill(&s));
	}
	sink_done(&s);
	ck_assert_int_eq(fcntl(fd, F_GETFL), flags_before);
	ck_assert_int_eq(flags_before & O_NONBLOCK, 0);
}

/* As after sudo: what is behind @fd belongs to somebody else, and cannot be opened again. */
static void give_away(int fd)
{
	ck_assert_int_eq(fchmod(fd, 0), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
}

/*
 * Goes on in a child: only who leads no process group may begin a session. There
 * Check's timeout does not reach it, so it has one of its own.
 */
static void be_controlled_by(int terminal)
{
	pid_t child = check_fork();

	ck_assert_int_ge(child, 0);
	if (child > 0)
		check_waitpid_and_exit(child);
	(void)signal(SIGALRM, SIG_DFL); /* not Check's handler */
	(void)alarm(TIMEOUT_S);
	ck_assert_int_ge(setsid(), 0);
	ck_assert_int_eq(ioctl(terminal, TIOCSCTTY, 0), 0);
}

START_TEST(a_full_pipe_is_not_waited_for)
{
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	assert_never_waits(ends[1], ends[0], SINK_PRIVATE);
}
END_TEST

START_TEST(a_full_socket_is_not_waited_for)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_never_waits(ends[1], ends[0], SINK_SOCKET);
}
END_TEST

START_TEST(a_terminal_that_shows_nothing_is_not_waited_for)
{
	int display, terminal;

	ck_assert_int_eq(openpty(&display, &terminal, NULL, NULL, NULL), 0);
	assert_terminal_is_never_waited_for(terminal, display, SINK_PRIVATE);
}
END_TEST

START_TEST(a_full_pipe_of_another_user_is_not_waited_for)
{
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	give_away(ends[1]);
	assert_never_waits(ends[1], ends[0], SINK_SHARED);
}
END_TEST

START_TEST(a_terminal_of_another_user_is_not_waited_for)
{
	int display, terminal;

	ck_assert_int_eq(openpty(&display, &terminal, NULL, NULL, NULL), 0);
	give_away(terminal);
	assert_terminal_is_never_waited_for(terminal, display, SINK_SHARED);
}
END_TEST

START_TEST(the_terminal_that_controls_us_is_our_own_whoever_owns_it)
{
	int display, terminal;

	ck_assert_int_eq(openpty(&display, &terminal, NULL, NULL, NULL), 0);
	be_controlled_by(terminal);
	give_away(terminal);
	assert_terminal_is_never_waited_for(terminal, display, SINK_PRIVATE);
}
END_TEST

START_TEST(another_terminal_is_not_taken_for_the_one_that_controls_us)
{
	int display, terminal, other_display, other;

	ck_assert_int_eq(openpty(&display, &terminal, NULL, NULL, NULL), 0);
	ck_assert_int_eq(openpty(&other_display, &other, NULL, NULL, NULL), 0);
	be_controlled_by(terminal);
	give_away(other);
	assert_terminal_is_never_waited_for(other, other_display, SINK_SHARED);
}
END_TEST

START_TEST(a_pipe_without_reader_says_so)
{
	struct sink s;
	int ends[2];

	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(sink_init(&s, ends[1]), 0);
	(void)fill(&s);
	(void)close(ends[0]);
	ck_assert(has_room(&s)); /* to write, and be told */
	ck_assert_int_eq(sink_write(&s, "x", 1), -EPIPE);
	sink_done(&s);
}
END_TEST

START_TEST(a_pipe_that_has_lost_its_reader_before_can_be_begun)
{
	struct sink s;
	int ends[2];

	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	(void)close(ends[0]);
	ck_assert_int_eq(sink_init(&s, ends[1]), 0);
	ck_assert_int_eq(sink_write(&s, "x", 1), -EPIPE);
	sink_done(&s);
}
END_TEST

START_TEST(a_file_is_written_where_others_left_off)
{
	char path[] = "/tmp/berth-sink-XXXXXX";
	int fd = mkstemp(path);
	char text[16] = "";
	struct sink s;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(write(fd, "one ", 4), 4);
	ck_assert_int_eq(sink_init(&s, fd), 0);
	ck_assert_int_eq(s.way, SINK_PLAIN);
	ck_assert_int_lt(s.wait_fd, 0);
	ck_assert_int_eq(sink_write(&s, "two ", 4), 4);
	ck_assert_int_eq(write(fd, "three", 5), 5);
	sink_done(&s);
	ck_assert_int_eq(pread(fd, text, sizeof(text) - 1, 0), 13);
	ck_assert_str_eq(text, "one two three");
}
END_TEST

START_TEST(a_full_disk_says_so)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct sink s;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(sink_init(&s, fd), 0);
	ck_assert_int_eq(sink_write(&s, "x", 1), -ENOSPC);
	sink_done(&s);
}
END_TEST

START_TEST(a_closed_fd_is_refused)
{
	struct sink s;
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	(void)close(ends[1]);
	ck_assert_int_eq(sink_init(&s, ends[1]), -EBADF);
}
END_TEST

START_TEST(two_fds_are_the_same_if_they_lead_to_the_same_place)
{
	int one[2], two[2];
	int again;

	ck_assert_int_eq(pipe2(one, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(two, O_CLOEXEC), 0);
	again = dup(one[1]);
	ck_assert(sink_is_same(one[1], again));
	ck_assert(!sink_is_same(one[1], two[1]));
	ck_assert(!sink_is_same(one[1], -1));
}
END_TEST

static Suite *suite(void)
{
	const TTest *tests[] = {
		a_full_pipe_is_not_waited_for,
		a_full_socket_is_not_waited_for,
		a_terminal_that_shows_nothing_is_not_waited_for,
		a_full_pipe_of_another_user_is_not_waited_for,
		a_terminal_of_another_user_is_not_waited_for,
		the_terminal_that_controls_us_is_our_own_whoever_owns_it,
		another_terminal_is_not_taken_for_the_one_that_controls_us,
		a_pipe_without_reader_says_so,
		a_pipe_that_has_lost_its_reader_before_can_be_begun,
		a_file_is_written_where_others_left_off,
		a_full_disk_says_so,
		a_closed_fd_is_refused,
		two_fds_are_the_same_if_they_lead_to_the_same_place,
	};
	Suite *s = suite_create("sink");
	TCase *c = tcase_create("sink");

	tcase_set_timeout(c, 2 * TIMEOUT_S);
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
