/*
 * What the kernel promises about a worker's trapped call: that it waits for
 * one answer whatever signals come, that nothing hangs when its caller dies,
 * and that the trap follows the worker's descendants until the last has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "kernel_help.h"
#include "net.h"
#include "trap.h"

#define N_SIGNALS     100
#define ANSWER        1000          /* added to a call's number, to tell answers apart */
#define TO_BE_TRAPPED "call-listen" /* argument that makes this program do just that */

static int caller(int line, int argument)
{
	if (!trap_enter(line))
		child_tell(line, trap_call(argument, 1));
	return 0;
}

START_TEST(a_trapped_call_gives_its_caller_the_answer)
{
	struct child c;
	struct seccomp_notif call;
	int notify_fd = trap_start(&c, caller, 7);

	ck_assert_int_eq(trap_receive(notify_fd, &call), 0);
	ck_assert_int_eq(call.pid, c.pid);
	ck_assert_int_eq(call.data.nr, SYS_listen);
	ck_assert_uint_eq(call.data.args[0], 7);
	ck_assert_int_eq(trap_answer(notify_fd, call.id, ANSWER), 0);
	ck_assert_int_eq(child_hear(c.line), ANSWER);
	ck_assert_int_eq(trap_answer(notify_fd, call.id, ANSWER), -ENOENT); /* once only */
}
END_TEST

static volatile sig_atomic_t n_signals; /* a handler has no other way to say it */

static void count_signal(int number)
{
	(void)number;
	n_signals = n_signals + 1;
}

/*
 * Calls with 0, 1, 2... while a timer interrupts it a thousand times a second,
 * until it was interrupted @n_wanted times; then with -1. Tells how many answers
 * were wrong.
 */
static int interrupted_caller(int line, int n_wanted)
{
	static const struct itimerval every_ms = { { 0, 1000 }, { 0, 1000 } };
	struct sigaction action = { .sa_handler = count_signal, .sa_flags = SA_RESTART };
	int n_wrong = 0;

	if (trap_enter(line) || sigaction(SIGALRM, &action, NULL) ||
	    setitimer(ITIMER_REAL, &every_ms, NULL))
		return EXIT_FAILURE;
	for (int i = 0; n_signals < n_wanted; i++)
		n_wrong += trap_call(-1, i) != ANSWER + i;
	n_wrong += trap_call(-1, -1) != ANSWER - 1;
	child_tell(line, n_wrong);
	return 0;
}

START_TEST(a_received_call_is_answered_once_whatever_signals_its_caller_gets)
{
	struct child c;
	int notify_fd = trap_start(&c, interrupted_caller, N_SIGNALS);
	int expected = 0;
	int number;

	do {
		struct seccomp_notif call;

		trap_await(notify_fd, &call);
		number = (int)call.data.args[1];
		if (number >= 0)
			ck_assert_int_eq(number, expected++);
		ck_assert_int_eq(trap_answer(notify_fd, call.id, ANSWER + number), 0);
	} while (number >= 0);
	ck_assert_int_eq(child_hear(c.line), 0);
}
END_TEST

static bool is_pending(pid_t pid, int signal_number)
{
	return help_proc_status(pid, "ShdPnd", 16) & (1ULL << (signal_number - 1));
}

START_TEST(a_received_call_goes_on_waiting_while_a_signal_is_pending)
{
	struct child c;
	struct seccomp_notif call;
	int notify_fd = trap_start(&c, interrupted_caller, 0);

	trap_await(notify_fd, &call);
	help_await(is_pending, c.pid, SIGALRM);
	ck_assert_int_eq(trap_still_waits(notify_fd, call.id), 0);
	ck_assert_int_eq(help_poll(notify_fd, POLLIN, 0) & POLLIN, 0);
	ck_assert_int_eq(trap_answer(notify_fd, call.id, ANSWER - 1), 0);
	ck_assert_int_eq(child_hear(c.line), 0);
}
END_TEST

START_TEST(an_answer_to_a_killed_caller_fails_with_enoent)
{
	struct child c;
	struct seccomp_notif call;
	int notify_fd = trap_start(&c, caller, 0);

	ck_assert_int_eq(trap_receive(notify_fd, &call), 0);
	child_kill(&c);
	ck_assert_int_ne(help_poll(c.pidfd, POLLIN, HELP_DEADLINE_MS), 0);
	ck_assert_int_eq(trap_still_waits(notify_fd, call.id), -ENOENT);
	ck_assert_int_eq(trap_answer(notify_fd, call.id, ANSWER), -ENOENT);
}
END_TEST

START_TEST(receiving_from_a_caller_that_died_meanwhile_fails_with_enoent)
{
	struct child c;
	struct seccomp_notif call;
	int notify_fd = trap_start(&c, caller, 0);

	ck_assert_int_eq(help_poll(notify_fd, POLLIN, HELP_DEADLINE_MS), POLLIN);
	child_kill(&c);
	ck_assert_int_ne(help_poll(c.pidfd, POLLIN, HELP_DEADLINE_MS), 0);
	ck_assert_int_eq(trap_receive(notify_fd, &call), -ENOENT);
}
END_TEST

/* A caller with a child that shares its filter and lives until the line ends or says so. */
static int caller_with_child(int line, int makes_call)
{
	if (trap_enter(line))
		return EXIT_FAILURE;
	switch (fork()) {
	case -1: return EXIT_FAILURE;
	case 0: (void)child_hear(line); return 0;
	default: return makes_call ? trap_call(0, 0) : 0;
	}
}

START_TEST(receiving_from_a_dead_caller_does_not_block_while_others_share_its_filter)
{
	struct child c;
	struct seccomp_notif call;
	int notify_fd = trap_start(&c, caller_with_child, true);

	ck_assert_int_eq(help_poll(notify_fd, POLLIN, HELP_DEADLINE_MS), POLLIN);
	child_kill(&c);
	ck_assert_int_ne(help_poll(c.pidfd, POLLIN, HELP_DEADLINE_MS), 0);
	ck_assert_int_eq(trap_receive(notify_fd, &call), -ENOENT);
	ck_assert_int_eq(help_poll(notify_fd, POLLIN, 0), 0);
}
END_TEST

START_TEST(the_notify_fd_hangs_up_when_the_last_task_of_the_filter_has_ended)
{
	struct child c;
	int notify_fd = trap_start(&c, caller_with_child, false);
	int line = dup(c.line); /* its grandchild still listens there */

	ck_assert_int_eq(child_end(&c), 0);
	ck_assert_int_eq(help_poll(notify_fd, POLLIN, 0), 0);
	child_tell(line, 0);
	ck_assert_int_eq(help_poll(notify_fd, POLLIN, HELP_DEADLINE_MS), POLLHUP);
}
END_TEST

START_TEST(an_answer_of_continue_lets_the_kernel_do_the_call)
{
	struct child c;
	struct seccomp_notif call;
	struct seccomp_notif_resp go_on = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
	int notify_fd = trap_start(&c, caller, -1);

	ck_assert_int_eq(trap_receive(notify_fd, &call), 0);
	go_on.id = call.id;
	ck_assert_int_eq(ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_SEND, &go_on), 0);
	ck_assert_int_eq(child_hear(c.line), -EBADF);
}
END_TEST

START_TEST(a_call_fails_with_enosys_when_nobody_holds_the_notify_fd_any_more)
{
	struct child c;
	struct seccomp_notif call;
	int notify_fd = trap_start(&c, caller, 0);

	ck_assert_int_eq(trap_receive(notify_fd, &call), 0);
	(void)close(notify_fd);
	ck_assert_int_eq(child_hear(c.line), -ENOSYS);
}
END_TEST

static int call_after_exec(int line, int argument)
{
	(void)argument;
	if (trap_enter(line))
		return EXIT_FAILURE;
	(void)execl("/proc/self/exe", "kernel-notif", TO_BE_TRAPPED, NULL);
	return EXIT_FAILURE;
}

START_TEST(a_program_that_the_caller_becomes_is_trapped_too)
{
	struct child c;
	struct seccomp_notif call;
	int notify_fd = trap_start(&c, call_after_exec, 0);

	ck_assert_int_eq(trap_receive(notify_fd, &call), 0);
	ck_assert_int_eq(call.pid, c.pid);
	ck_assert_int_eq(trap_answer(notify_fd, call.id, ANSWER), 0);
	ck_assert_int_eq(child_end(&c), 0);
}
END_TEST

static int call_in_child(int line, int argument)
{
	int status = 0;
	pid_t pid;

	if (trap_enter(line))
		return EXIT_FAILURE;
	pid = fork();
	if (!pid)
		_exit(trap_call(argument, 0) == ANSWER ? 0 : EXIT_FAILURE);
	child_tell(line, pid);
	return waitpid(pid, &status, 0) == pid && !status ? 0 : EXIT_FAILURE;
}

START_TEST(a_child_of_the_caller_is_trapped_too)
{
	struct child c;
	struct seccomp_notif call;
	int notify_fd = trap_start(&c, call_in_child, 0);

	ck_assert_int_eq(trap_receive(notify_fd, &call), 0);
	ck_assert_int_eq(child_hear(c.line), (int)call.pid);
	ck_assert_int_eq(trap_answer(notify_fd, call.id, ANSWER), 0);
	ck_assert_int_eq(child_end(&c), 0);
}
END_TEST

static void *tell_tid_and_call(void *line)
{
	child_tell(*(int *)line, gettid());
	(void)trap_call(0, 0);
	return NULL;
}

static int call_in_thread(int line, int argument)
{
	pthread_t thread;

	(void)argument;
	if (trap_enter(line) || pthread_create(&thread, NULL, tell_tid_and_call, &line))
		return EXIT_FAILURE;
	return pthread_join(thread, NULL);
}

START_TEST(a_notification_names_the_thread_that_called)
{
	struct child c;
	struct seccomp_notif call;
	int notify_fd = trap_start(&c, call_in_thread, 0);
	int tid = child_hear(c.line);

	ck_assert_int_ne(tid, c.pid);
	ck_assert_int_eq(trap_receive(notify_fd, &call), 0);
	ck_assert_int_eq((int)call.pid, tid);
	ck_assert_int_eq(trap_answer(notify_fd, call.id, 0), 0);
	ck_assert_int_eq(child_end(&c), 0);
}
END_TEST

static int filter_again(int line, int argument)
{
	(void)argument;
	if (trap_enter(line))
		return EXIT_FAILURE;
	child_tell(line, trap_filter(SYS_listen, SECCOMP_RET_USER_NOTIF,
				     SECCOMP_FILTER_FLAG_NEW_LISTENER));
	return 0;
}

START_TEST(a_second_listener_in_one_chain_of_filters_is_refused_with_ebusy)
{
	struct child c;

	(void)trap_start(&c, filter_again, 0);
	ck_assert_int_eq(child_hear(c.line), -EBUSY);
}
END_TEST

/* Tells what setsockopt() returned, and whether it was done. */
static int set_option(int line, int argument)
{
	int fd = net_socket(AT_V4, 0);
	int value = 1;
	socklen_t length = sizeof(value);

	(void)argument;
	if (trap_filter(SYS_setsockopt, SECCOMP_RET_ERRNO | 0, 0))
		return EXIT_FAILURE;
	child_tell(line, setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)));
	(void)getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &length);
	child_tell(line, value);
	return 0;
}

START_TEST(a_filter_that_returns_errno_0_answers_success_and_does_nothing)
{
	struct child c;

	child_start(&c, set_option, 0);
	ck_assert_int_eq(child_hear(c.line), 0);
	ck_assert_int_eq(child_hear(c.line), 0);
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *const tests[] = {
		a_trapped_call_gives_its_caller_the_answer,
		a_received_call_is_answered_once_whatever_signals_its_caller_gets,
		a_received_call_goes_on_waiting_while_a_signal_is_pending,
		an_answer_to_a_killed_caller_fails_with_enoent,
		receiving_from_a_caller_that_died_meanwhile_fails_with_enoent,
		receiving_from_a_dead_caller_does_not_block_while_others_share_its_filter,
		the_notify_fd_hangs_up_when_the_last_task_of_the_filter_has_ended,
		an_answer_of_continue_lets_the_kernel_do_the_call,
		a_call_fails_with_enosys_when_nobody_holds_the_notify_fd_any_more,
		a_program_that_the_caller_becomes_is_trapped_too,
		a_child_of_the_caller_is_trapped_too,
		a_notification_names_the_thread_that_called,
		a_second_listener_in_one_chain_of_filters_is_refused_with_ebusy,
		a_filter_that_returns_errno_0_answers_success_and_does_nothing,
	};

	if (argc == 2 && !strcmp(argv[1], TO_BE_TRAPPED))
		return trap_call(0, 0) == ANSWER ? EXIT_SUCCESS : EXIT_FAILURE;
	return help_run("notif", tests, ARRAY_SIZE(tests));
}
