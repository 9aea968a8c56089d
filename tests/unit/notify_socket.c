/*
 * Notifications of real processes: who they are, what they send along, and what
 * happens while nobody reads.
 */
#include "primary/notify_socket.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "run_suite.h"

#define DEADLINE_MS 5000 /* for what happens at once */

static uv_loop_t loop;
static struct notify_socket *ears;
static unsigned n_told;
static unsigned frees_at; /* in which telling it is freed; 0: in none */
static struct notify_told last;
static struct notify_message message; /* of the last */

static void on_told(void *data, const struct notify_told *told)
{
	ck_assert_ptr_eq(data, &loop);
	last = *told;
	ck_assert_int_eq(told->message != NULL, told->verdict == NOTIFY_OK);
	if (told->message)
		message = *told->message;
	if (++n_told == frees_at)
		ears = notify_socket_free(ears);
}

static const struct notify_events events = { on_told };

static void hear(int fd)
{
	ck_assert_int_eq(notify_socket_new(&loop, fd, &events, &loop, &ears), 0);
}

static void begin(void)
{
	int fd;

	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(notify_socket_open("web", &fd), 0);
	hear(fd);
}

static void end(void)
{
	ears = notify_socket_free(ears);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* Waits for the next one. */
static void await_told(void)
{
	unsigned before = n_told;

	while (n_told == before)
		(void)uv_run(&loop, UV_RUN_ONCE);
}

/* As sd_notify() does it, with @fd unless that is NO_FD. */
static int try_notify(const char *name, const void *bytes, size_t size, int fd)
{
	own_fd s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct iovec data = { (void *)bytes, size };
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr aligned;
	} control = { 0 };
	struct msghdr h = { .msg_name = &to, .msg_iov = &data, .msg_iovlen = 1 };

	memcpy(to.sun_path, name, strlen(name));
	to.sun_path[0] = '\0'; /* for its '@' */
	h.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	if (fd >= 0) {
		struct cmsghdr *c;

		h.msg_control = control.room;
		h.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	return sendmsg(s, &h, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void notify(const char *text)
{
	ck_assert_int_eq(try_notify(notify_socket_name(ears), text, strlen(text), NO_FD), 0);
}

static unsigned count_fds(void)
{
	DIR *all = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(all))
		n++;
	(void)closedir(all);
	return n;
}

START_TEST(a_child_that_says_it_is_ready_is_known_by_its_pid)
{
	pid_t pid;

	begin();
	ck_assert_int_eq(strncmp(notify_socket_name(ears), "@berth/web/", 11), 0);
	pid = fork();
	if (pid == 0)
		_exit(try_notify(notify_socket_name(ears), "READY=1\nSTATUS=up", 17, NO_FD) < 0);
	await_told();
	ck_assert_int_eq(last.verdict, NOTIFY_OK);
	ck_assert_int_eq(last.sender.pid, pid);
	ck_assert_int_eq(last.sender.uid, getuid());
	ck_assert(!last.had_descriptors);
	ck_assert(message.is_ready);
	ck_assert_str_eq(message.status, "up");
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	end();
	ck_assert_uint_eq(n_told, 1);
}
END_TEST

START_TEST(any_user_reaches_it)
{
	pid_t pid;

	if (getuid() != 0) {
		skip_test(__func__, "not root");
		return;
	}
	begin();
	pid = fork();
	if (pid == 0)
		_exit(chroot("/proc/self/fdinfo") < 0 || setuid(65534) < 0 ||
		      try_notify(notify_socket_name(ears), "READY=1", 7, NO_FD) < 0);
	await_told();
	ck_assert_int_eq(last.sender.pid, pid);
	ck_assert_uint_eq(last.sender.uid, 65534);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	end();
}
END_TEST

START_TEST(what_is_malformed_is_told_and_passed)
{
	char longest[NOTIFY_SIZE_MAX + 1] = "READY=1\n";
	const char *name;

	begin();
	name = notify_socket_name(ears);
	notify("MAINPID=1");
	await_told();
	ck_assert_int_eq(last.verdict, NOTIFY_NOTHING);
	ck_assert_int_eq(try_notify(name, "", 0, NO_FD), 0);
	await_told();
	ck_assert_int_eq(last.verdict, NOTIFY_NOTHING);
	ck_assert_int_eq(try_notify(name, "READY=1\0x", 9, NO_FD), 0);
	await_told();
	ck_assert_int_eq(last.verdict, NOTIFY_HAS_NUL);
	memset(longest + 8, 'x', sizeof(longest) - 8);
	ck_assert_int_eq(try_notify(name, longest, sizeof(longest), NO_FD), 0);
	await_told();
	ck_assert_int_eq(last.verdict, NOTIFY_TOO_LONG);
	ck_assert_int_eq(try_notify(name, longest, NOTIFY_SIZE_MAX, NO_FD), 0);
	await_told();
	ck_assert_int_eq(last.verdict, NOTIFY_OK);
	end();
	ck_assert_uint_eq(n_told, 5);
}
END_TEST

START_TEST(descriptors_are_refused_and_closed)
{
	unsigned n_fds;
	int line[2];

	begin();
	ck_assert_int_eq(pipe2(line, O_CLOEXEC), 0);
	ck_assert_int_eq(try_notify(notify_socket_name(ears), "FDSTORE=1", 9, line[1]), 0);
	(void)close(line[1]);
	n_fds = count_fds();
	await_told();
	ck_assert(last.had_descriptors);
	ck_assert(message.wants_storage);
	ck_assert_uint_eq(count_fds(), n_fds);
	/* The other end is closed, too: nobody has it any more. */
	ck_assert_int_eq(poll(&(struct pollfd){ .fd = line[0], .events = POLLIN }, 1, DEADLINE_MS),
			 1);
	ck_assert_int_eq(read(line[0], &n_fds, 1), 0);
	(void)close(line[0]);
	end();
}
END_TEST

START_TEST(a_barrier_opens_when_all_before_it_was_dealt_with)
{
	char byte;
	int line[2];

	begin();
	ck_assert_int_eq(pipe2(line, O_CLOEXEC | O_NONBLOCK), 0);
	notify("READY=1");
	ck_assert_int_eq(try_notify(notify_socket_name(ears), "BARRIER=1", 9, line[1]), 0);
	(void)close(line[1]);
	ck_assert_int_eq(read(line[0], &byte, 1), -1);
	while (n_told < 2)
		await_told();
	ck_assert_int_eq(read(line[0], &byte, 1), 0);
	(void)close(line[0]);
	end();
}
END_TEST

START_TEST(what_was_sent_while_there_was_no_primary_is_heard_by_the_next)
{
	char name[NOTIFY_NAME_MAX];
	int kept;

	begin();
	kept = dup(notify_socket_fd(ears));
	memcpy(name, notify_socket_name(ears), sizeof(name));
	ears = notify_socket_free(ears);
	ck_assert_int_eq(try_notify(name, "READY=1", 7, NO_FD), 0);

	hear(kept);
	ck_assert_str_eq(notify_socket_name(ears), name);
	await_told();
	ck_assert(message.is_ready);
	ck_assert_int_eq(last.sender.pid, getpid());
	end();
}
END_TEST

START_TEST(what_was_not_dealt_with_to_the_end_is_told_again)
{
	int kept;

	begin();
	kept = dup(notify_socket_fd(ears));
	notify("READY=1");
	frees_at = 1; /* as if we died in the midst of it */
	await_told();
	ck_assert_ptr_null(ears);

	message.is_ready = false;
	hear(kept);
	await_told();
	ck_assert_uint_eq(n_told, 2);
	ck_assert(message.is_ready);
	end();
}
END_TEST

START_TEST(a_flood_leaves_time_for_others)
{
	unsigned n_turns = 0;
	pid_t pid;

	begin();
	pid = fork();
	if (pid == 0)
		while (try_notify(notify_socket_name(ears), "WATCHDOG=1", 10, NO_FD) == 0)
			;
	ck_assert_int_gt(pid, 0);
	while (n_told < 500) {
		unsigned before = n_told;

		(void)uv_run(&loop, UV_RUN_ONCE);
		ck_assert_uint_le(n_told - before, NOTIFY_AT_ONCE);
		n_turns++;
	}
	ck_assert_uint_ge(n_turns, 500 / NOTIFY_AT_ONCE);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	end();
}
END_TEST

START_TEST(another_kind_of_socket_is_refused)
{
	int pair[2], r;

	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	r = notify_socket_new(&loop, pair[0], &events, &loop, &ears);
	ck_assert_int_eq(r, -EINVAL);
	ck_assert_int_eq(close(pair[0]), 0); /* still ours */
	ck_assert_int_eq(close(pair[1]), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	r = notify_socket_new(&loop, pair[0], &events, &loop, &ears);
	ck_assert_int_eq(r, -EINVAL); /* it has no name */
	ck_assert_int_lt(notify_socket_open("a-name-that-is-longer-than-any-app-may-have-and-so-"
					    "does-not-fit-into-the-name-of-a-socket-of-this-kind",
					    &r),
			 0);
	end();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_child_that_says_it_is_ready_is_known_by_its_pid,
		any_user_reaches_it,
		what_is_malformed_is_told_and_passed,
		descriptors_are_refused_and_closed,
		a_barrier_opens_when_all_before_it_was_dealt_with,
		what_was_sent_while_there_was_no_primary_is_heard_by_the_next,
		what_was_not_dealt_with_to_the_end_is_told_again,
		a_flood_leaves_time_for_others,
		another_kind_of_socket_is_refused,
	};

	return RUN_SUITE("notify_socket", tests);
}
