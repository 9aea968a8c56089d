/*
 * Starting real programs, and what they find when they start.
 */
#include "os/spawn.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "as_primary.h"
#include "base/own.h"
#include "os/filter.h"
#include "os/notif.h"
#include "run_suite.h"

#define NOBODY      65534
#define DEADLINE_MS 5000 /* for what happens at once */
#define OUTPUT_MAX  8192
#define ORIGIN      77

/* A list as exec() takes it. */
#define TEXTS(...) ((char *const *)(const char *const[]){ __VA_ARGS__, NULL })

static struct spawn_inherited inherited;
static struct spawned child;
static int output_fd; /* where we read what it writes */

/* Waits until @fd is readable, or at its end. */
static void await(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ck_assert_int_eq(poll(&p, 1, DEADLINE_MS), 1);
}

static enum spawn_report next_report(int *ret_notify_fd, struct spawn_failure *ret_failure)
{
	await(child.report_fd);
	return spawn_read_report(child.report_fd, ret_notify_fd, ret_failure);
}

/* Its stdout and stderr come to us through one pipe. */
static int try_start(const char *path, char *const *argv)
{
	struct sock_fprog *filter = NULL;
	struct spawn_request request = {
		.path = path,
		.argv = argv,
		.envp = TEXTS("A=1", "B=2"),
		.inherited = &inherited,
		.mark = spawn_mark(ORIGIN, 3),
	};
	int ends[2];
	int r;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(filter_new(&filter), 0);
	request.filter = filter;
	request.stdout_fd = request.stderr_fd = ends[1];
	output_fd = ends[0];
	r = spawn(&request, &child);
	(void)close(ends[1]);
	(void)filter_free(filter);
	return r;
}

/* Starts what becomes a running program when it is told to go. */
static void prepare(const char *path, char *const *argv)
{
	struct spawn_failure failure;
	int notify_fd = NO_FD;

	ck_assert_int_eq(try_start(path, argv), 0);
	ck_assert_int_eq(next_report(&notify_fd, &failure), SPAWN_REPORT_NOTIFY);
	(void)close(notify_fd);
}

/* Starts what becomes a running program. */
static void start(const char *path, char *const *argv)
{
	prepare(path, argv);
	spawn_go(child.report_fd);
}

/* All that it writes until its end. */
static const char *read_output(void)
{
	static char text[OUTPUT_MAX];
	size_t used = 0;
	ssize_t n;

	while ((n = read(output_fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	ck_assert_int_eq(n, 0);
	text[used] = '\0';
	return text;
}

static const char *output_of(const char *script)
{
	start("/bin/sh", TEXTS("sh", "-c", script));
	return read_output();
}

/* Its exit status; it is reaped. */
static int exit_status(void)
{
	int status = as_primary_await_exit(child.pid);

	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* --- what a program finds --- */

START_TEST(a_program_gets_its_arguments_environment_and_pipes)
{
	start("/bin/sh",
	      TEXTS("sh", "-c", "echo $1 $2 $A$B; echo err >&2; exit 7", "sh", "x", "y"));
	ck_assert_str_eq(read_output(), "x y 12\nerr\n");
	ck_assert_int_eq(exit_status(), 7);
}
END_TEST

START_TEST(its_stdin_is_empty)
{
	ck_assert_str_eq(output_of("cat; readlink /proc/self/fd/0"), "/dev/null\n");
}
END_TEST

START_TEST(it_leads_a_session_of_its_own)
{
	prepare("/bin/true", TEXTS("true"));
	ck_assert_int_eq(getsid(child.pid), child.pid);
	spawn_go(child.report_fd);
	ck_assert_int_eq(exit_status(), 0);
}
END_TEST

static void ignore_it(int number)
{
	(void)number;
}

/* What stands behind "SigIgn:" and the like; signal n is bit n - 1. */
static unsigned long long signal_set(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	ck_assert_ptr_nonnull(line);
	return strtoull(line + strlen(name), NULL, 16);
}

START_TEST(its_signals_are_those_of_a_fresh_program)
{
	const char *status;
	sigset_t blocked;

	/* what our user ignores */
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	spawn_note_inherited(&inherited);

	/* what the primary does */
	(void)signal(SIGHUP, ignore_it);
	(void)signal(SIGTERM, ignore_it);
	(void)signal(SIGUSR1, SIG_IGN);
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGUSR2);
	(void)sigprocmask(SIG_SETMASK, &blocked, NULL);

	start("/bin/cat", TEXTS("cat", "/proc/self/status"));
	status = read_output();
	ck_assert_uint_eq(signal_set(status, "SigBlk:"), 0);
	ck_assert_uint_eq(signal_set(status, "SigCgt:"), 0);
	ck_assert_uint_eq(signal_set(status, "SigIgn:"), 1 << (SIGHUP - 1));
}
END_TEST

START_TEST(our_own_signals_stay_as_they_are)
{
	struct sigaction now;
	sigset_t before, after;

	(void)signal(SIGTERM, ignore_it);
	(void)sigemptyset(&before);
	(void)sigaddset(&before, SIGUSR2);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	start("/bin/true", TEXTS("true"));
	(void)sigprocmask(SIG_SETMASK, NULL, &after);
	ck_assert(sigismember(&after, SIGUSR2));
	ck_assert(!sigismember(&after, SIGTERM));
	ck_assert_int_eq(sigaction(SIGTERM, NULL, &now), 0);
	ck_assert(now.sa_handler == ignore_it);
}
END_TEST

START_TEST(it_may_open_as_many_files_as_our_user_may)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 77;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	spawn_note_inherited(&inherited);
	spawn_raise_files();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(limit.rlim_cur, limit.rlim_max);
	ck_assert_str_eq(output_of("ulimit -n"), "77\n");
}
END_TEST

static const char show_mark[] =
	"sed -n 's/^Max realtime timeout *\\([0-9]*\\) .*/\\1/p' /proc/self/limits";

START_TEST(it_has_a_mark_that_no_other_run_has)
{
	char expected[64];

	ck_assert_uint_ne(spawn_mark(ORIGIN, 3), spawn_mark(ORIGIN, 4));
	(void)snprintf(expected, sizeof(expected), "%llu\n",
		       (unsigned long long)spawn_mark(ORIGIN, 3));
	ck_assert_str_eq(output_of(show_mark), expected);
}
END_TEST

START_TEST(a_limit_that_our_user_has_set_stays)
{
	const struct rlimit limit = { .rlim_cur = 1000000, .rlim_max = RLIM_INFINITY };

	ck_assert_int_eq(setrlimit(RLIMIT_RTTIME, &limit), 0);
	ck_assert_str_eq(output_of(show_mark), "1000000\n");
}
END_TEST

START_TEST(an_ordinary_user_can_start_programs)
{
	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
	ck_assert_str_eq(output_of("grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status"),
			 "NoNewPrivs:\t1\nSeccomp:\t2\n");
}
END_TEST

/* --- what is reported --- */

START_TEST(first_comes_the_notify_fd_then_that_the_program_runs)
{
	struct spawn_failure failure;
	int notify_fd = NO_FD;

	ck_assert_int_eq(try_start("/bin/sleep", TEXTS("sleep", "1000")), 0);
	ck_assert_int_eq(next_report(&notify_fd, &failure), SPAWN_REPORT_NOTIFY);
	ck_assert_int_ge(notify_fd, 0);
	ck_assert(fcntl(notify_fd, F_GETFD) & FD_CLOEXEC);
	spawn_go(child.report_fd);
	ck_assert_int_eq(next_report(&notify_fd, &failure), SPAWN_REPORT_RUNNING);
	ck_assert(!notif_is_deserted(notify_fd));

	ck_assert_int_eq(pidfd_send_signal(child.pidfd, SIGKILL, NULL, 0), 0);
	await(child.pidfd);
	ck_assert_int_eq(WTERMSIG(as_primary_await_exit(child.pid)), SIGKILL);
	ck_assert(notif_is_deserted(notify_fd));
}
END_TEST

START_TEST(without_a_report_there_is_nothing_to_wait_for)
{
	struct spawn_failure failure;
	int notify_fd = NO_FD;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	ck_assert_int_eq(spawn_read_report(pair[0], &notify_fd, &failure), SPAWN_REPORT_NOTHING);
	ck_assert_int_eq(notify_fd, NO_FD);
}
END_TEST

/* It gets as far as the notify fd, fails, and that stays the last word. */
static void assert_fails_to_execute(const char *path, int error)
{
	struct spawn_failure failure;
	int notify_fd = NO_FD;

	ck_assert_int_eq(try_start(path, TEXTS("x")), 0);
	ck_assert_int_eq(next_report(&notify_fd, &failure), SPAWN_REPORT_NOTIFY);
	spawn_go(child.report_fd);
	ck_assert_int_eq(next_report(&notify_fd, &failure), SPAWN_REPORT_FAILED);
	ck_assert_int_eq(failure.stage, SPAWN_STAGE_EXEC);
	ck_assert_int_eq(failure.error, error);
	ck_assert_int_eq(next_report(&notify_fd, &failure), SPAWN_REPORT_FAILED);
	ck_assert_int_eq(exit_status(), 127);
}

START_TEST(a_program_that_cannot_be_executed_is_reported)
{
	assert_fails_to_execute("/nowhere/at/all", ENOENT);
	assert_fails_to_execute("/etc/passwd", EACCES);
	assert_fails_to_execute("/", EACCES);
}
END_TEST

START_TEST(a_filter_that_the_kernel_refuses_is_reported)
{
	struct sock_fprog nothing = { 0 };
	struct spawn_request request = {
		.path = "/bin/true",
		.argv = TEXTS("true"),
		.envp = TEXTS("A=1"),
		.inherited = &inherited,
		.filter = &nothing,
		.stdout_fd = STDOUT_FILENO,
		.stderr_fd = STDERR_FILENO,
	};
	struct spawn_failure failure;
	int notify_fd = NO_FD;

	ck_assert_int_eq(spawn(&request, &child), 0);
	ck_assert_int_eq(next_report(&notify_fd, &failure), SPAWN_REPORT_FAILED);
	ck_assert_int_eq(failure.stage, SPAWN_STAGE_FILTER);
	ck_assert_int_eq(failure.error, EINVAL);
	ck_assert_int_eq(exit_status(), 127);
}
END_TEST

START_TEST(a_notify_fd_that_we_have_no_room_for_is_reported_as_a_failure)
{
	struct rlimit none = inherited.files;
	struct spawn_failure failure;
	int notify_fd = NO_FD;

	none.rlim_cur = 0;
	ck_assert_int_eq(try_start("/bin/sleep", TEXTS("sleep", "1000")), 0);
	await(child.report_fd);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(spawn_read_report(child.report_fd, &notify_fd, &failure),
			 SPAWN_REPORT_FAILED);
	ck_assert_int_eq(failure.stage, SPAWN_STAGE_FILTER);
	ck_assert_int_eq(failure.error, EMFILE);
	ck_assert_int_eq(notify_fd, NO_FD);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &inherited.files), 0);
}
END_TEST

/* --- when the primary dies --- */

static void prepare_true(void)
{
	prepare("/bin/true", TEXTS("true"));
}

static void run_sleep(void)
{
	struct spawn_failure failure;
	int notify_fd;

	start("/bin/sleep", TEXTS("sleep", "1000"));
	ck_assert_int_eq(next_report(&notify_fd, &failure), SPAWN_REPORT_RUNNING);
}

/* What a primary has begun that is killed afterwards. Its child is ours, as we are its keeper. */
static pid_t begin_in_a_primary_that_dies(void (*begin)(void))
{
	int line[2];
	pid_t primary;
	pid_t worker;

	ck_assert_int_eq(pipe2(line, O_CLOEXEC), 0);
	primary = fork();
	if (primary == 0) {
		begin();
		(void)!write(line[1], &child.pid, sizeof(child.pid));
		(void)pause();
		_exit(0);
	}
	(void)close(line[1]);
	ck_assert_int_eq(read(line[0], &worker, sizeof(worker)), sizeof(worker));
	ck_assert_int_eq(kill(primary, SIGKILL), 0);
	ck_assert_int_eq(waitpid(primary, NULL, 0), primary);
	return worker;
}

START_TEST(a_child_that_was_not_told_to_go_ends_when_nobody_is_left_to_tell_it)
{
	pid_t worker = begin_in_a_primary_that_dies(prepare_true);
	int status;

	ck_assert_int_eq(waitpid(worker, &status, 0), worker);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 127); /* /bin/true was never executed */
}
END_TEST

START_TEST(a_program_that_runs_survives_the_primary)
{
	pid_t worker = begin_in_a_primary_that_dies(run_sleep);
	int status;

	ck_assert_int_eq(kill(worker, SIGTERM), 0);
	ck_assert_int_eq(waitpid(worker, &status, 0), worker);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGTERM); /* by us, and by nothing before */
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_program_gets_its_arguments_environment_and_pipes,
		its_stdin_is_empty,
		it_leads_a_session_of_its_own,
		its_signals_are_those_of_a_fresh_program,
		our_own_signals_stay_as_they_are,
		it_may_open_as_many_files_as_our_user_may,
		it_has_a_mark_that_no_other_run_has,
		a_limit_that_our_user_has_set_stays,
		an_ordinary_user_can_start_programs,
		first_comes_the_notify_fd_then_that_the_program_runs,
		without_a_report_there_is_nothing_to_wait_for,
		a_program_that_cannot_be_executed_is_reported,
		a_filter_that_the_kernel_refuses_is_reported,
		a_notify_fd_that_we_have_no_room_for_is_reported_as_a_failure,
		a_child_that_was_not_told_to_go_ends_when_nobody_is_left_to_tell_it,
		a_program_that_runs_survives_the_primary,
	};

	spawn_note_inherited(&inherited);
	return RUN_SUITE_AFTER(as_primary_begin, "spawn", tests);
}
