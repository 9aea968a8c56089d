/*
 * What the kernel promises about finding a worker's process and its
 * descriptors: by process and not by thread, and never stale.
 */
#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "kernel_help.h"
#include "net.h"

#define EXIT_STATUS 42

static void *tell_tid_and_wait(void *line)
{
	child_tell(*(int *)line, gettid());
	(void)child_hear(*(int *)line);
	return NULL;
}

static int process_with_thread(int line, int argument)
{
	pthread_t thread;

	(void)argument;
	child_tell(line, net_socket(AT_V4, 0));
	if (pthread_create(&thread, NULL, tell_tid_and_wait, &line))
		return EXIT_FAILURE;
	return pthread_join(thread, NULL);
}

START_TEST(a_pidfd_is_found_through_the_thread_group_and_not_through_a_thread)
{
	struct child c;
	int fd;
	int tid;
	int pidfd;
	pid_t tgid;

	child_start(&c, process_with_thread, 0);
	fd = child_hear(c.line);
	tid = child_hear(c.line);
	ck_assert_int_ne(tid, c.pid);
	ck_assert_int_lt(pidfd_open(tid, 0), 0);

	tgid = (pid_t)help_proc_status(tid, "Tgid", 10);
	ck_assert_int_eq(tgid, c.pid);
	pidfd = pidfd_open(tgid, 0);
	ck_assert_int_ge(pidfd, 0);
	ck_assert_int_ge(pidfd_getfd(pidfd, fd, 0), 0);
}
END_TEST

static int closer(int line, int argument)
{
	int fd = net_socket(AT_V4, 0);

	(void)argument;
	child_tell(line, fd);
	(void)child_hear(line);
	child_tell(line, close(fd));
	return child_hear(line);
}

START_TEST(a_copy_of_a_closed_descriptor_fails_with_ebadf)
{
	struct child c;
	int fd;

	child_start(&c, closer, 0);
	fd = child_hear(c.line);
	ck_assert_int_ge(child_copy_fd(&c, fd), 0);
	child_tell(c.line, 0);
	ck_assert_int_eq(child_hear(c.line), 0);
	ck_assert_int_eq(child_copy_fd(&c, fd), -EBADF);
	ck_assert_int_eq(child_copy_fd(&c, -1), -EBADF);
}
END_TEST

START_TEST(a_copy_of_a_descriptor_of_an_ended_process_fails_with_esrch)
{
	struct child c;
	int fd;

	child_start(&c, closer, 0);
	fd = child_hear(c.line);
	child_kill(&c);
	ck_assert_int_ne(help_poll(c.pidfd, POLLIN, HELP_DEADLINE_MS), 0);
	ck_assert_int_eq(child_copy_fd(&c, fd), -ESRCH);
}
END_TEST

/* As fork(), with a pidfd that can mean no other process. */
static pid_t clone_with_pidfd(int *ret_pidfd)
{
	struct clone_args arguments = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};

	return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

START_TEST(a_child_made_with_a_pidfd_makes_it_readable_by_ending)
{
	siginfo_t info = { 0 };
	int line[2];
	int pidfd = -1;
	pid_t pid;

	ck_assert_int_eq(pipe(line), 0);
	pid = clone_with_pidfd(&pidfd);
	if (!pid) {
		char byte;

		(void)close(line[1]);
		_exit(read(line[0], &byte, 1) ? EXIT_FAILURE : EXIT_STATUS);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_ge(pidfd, 0);

	ck_assert_int_eq(help_poll(pidfd, POLLIN, 0), 0);
	(void)close(line[1]);
	ck_assert_int_eq(help_poll(pidfd, POLLIN, HELP_DEADLINE_MS) & POLLIN, POLLIN);
	ck_assert_int_eq(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED), 0);
	ck_assert_int_eq(info.si_pid, pid);
	ck_assert_int_eq(info.si_status, EXIT_STATUS);
}
END_TEST

START_TEST(a_signal_through_a_pidfd_of_an_ended_process_fails_with_esrch)
{
	struct child c;

	child_start(&c, closer, 0);
	child_kill(&c);
	ck_assert_int_eq(waitpid(c.pid, NULL, 0), c.pid);
	ck_assert_int_eq(pidfd_send_signal(c.pidfd, SIGTERM, NULL, 0), -1);
	ck_assert_int_eq(errno, ESRCH);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_pidfd_is_found_through_the_thread_group_and_not_through_a_thread,
		a_copy_of_a_closed_descriptor_fails_with_ebadf,
		a_copy_of_a_descriptor_of_an_ended_process_fails_with_esrch,
		a_child_made_with_a_pidfd_makes_it_readable_by_ending,
		a_signal_through_a_pidfd_of_an_ended_process_fails_with_esrch,
	};

	return help_run("process", tests, ARRAY_SIZE(tests));
}
