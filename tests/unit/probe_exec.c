/*
 * Probes by a command: how it ends, what it knows, and that nothing of it is left.
 */
#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "os/command.h"
#include "primary/probe.h"
#include "probe_stage.h"
#include "run_suite.h"

#define DEADLINE_MS 5000 /* for what happens at once */

static struct stage st;

static unsigned start_that_fails; /* the first, the second; 0: none */

/* Stands before libuv's. */
int uv_poll_start(uv_poll_t *handle, int events, uv_poll_cb callback)
{
	int (*libuvs)(uv_poll_t *, int, uv_poll_cb) = NULL;

	if (start_that_fails && --start_that_fails == 0)
		return UV_ENOMEM;
	*(void **)&libuvs = dlsym(RTLD_NEXT, "uv_poll_start");
	return libuvs(handle, events, callback);
}

static void init(const char *probe)
{
	struct addr port = stage_addr("127.0.0.1:8000");

	stage_init(&st, probe, &port);
}

static void assert_command(const char *probe, enum probe_outcome outcome, const char *sentence)
{
	init(probe);
	stage_run(&st);
	stage_assert_said(&st, outcome, "%s", sentence);
	ck_assert_uint_eq(st.n_announced, 0);
}

/* Waits for the end of a process that may have ended long ago. */
static void await_end(pid_t pid)
{
	own_fd fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : NO_FD;
	struct pollfd end = { .fd = fd, .events = POLLIN };

	ck_assert_int_gt(pid, 0);
	ck_assert(fd >= 0 || errno == ESRCH);
	if (fd >= 0)
		ck_assert_int_eq(poll(&end, 1, DEADLINE_MS), 1);
}

/* The number that a sentence with @before ends with. */
static pid_t pid_said(const char *before)
{
	ck_assert_int_eq(strncmp(st.text, before, strlen(before)), 0);
	return (pid_t)strtol(st.text + strlen(before), NULL, 10);
}

START_TEST(one_that_cannot_be_watched_leaves_nothing)
{
	for (unsigned n = 1; n <= 2; n++) {
		init("exec:sleep 1000");
		start_that_fails = n;
		ck_assert_int_eq(probe_start(&st.request, &st.run), UV_ENOMEM);
		ck_assert_int_gt(waitpid(-1, NULL, 0), 0); /* it was killed, and is the keeper's */
		stage_end(&st);
		ck_assert_uint_eq(st.n_done, 0);
	}
}
END_TEST

START_TEST(exit_code_0_passes)
{
	assert_command("exec:true", PROBE_PASSED, "exit code 0");
	assert_command("exec:echo fine", PROBE_PASSED, "exit code 0: fine");
}
END_TEST

START_TEST(another_exit_code_fails_with_the_last_line)
{
	assert_command("exec:exit 3", PROBE_FAILED, "exit code 3");
	assert_command("exec:echo one; echo two >&2; echo; exit 1", PROBE_FAILED,
		       "exit code 1: two");
	assert_command("exec:printf 'a\\033[2Jb'; exit 1", PROBE_FAILED, "exit code 1: a\\x1b[2Jb");
	assert_command("exec:printf 'a\\000'; false", PROBE_FAILED, "exit code 1: a\\x00");
}
END_TEST

START_TEST(a_command_that_is_missing_says_so)
{
	init("exec:/no/such/command");
	stage_run(&st);
	ck_assert_int_eq(st.outcome, PROBE_FAILED);
	ck_assert_ptr_nonnull(strstr(st.text, "exit code 127: "));
	ck_assert_ptr_nonnull(strstr(st.text, "/no/such/command"));
}
END_TEST

START_TEST(a_signal_fails)
{
	assert_command("exec:echo x; kill -TERM $$", PROBE_FAILED, "ended by signal 15 (TERM): x");
}
END_TEST

START_TEST(it_knows_which_worker_is_meant)
{
	assert_command("exec:echo $BERTH_APP $BERTH_SLOT $BERTH_GENERATION $BERTH_PID $BERTH_PORT "
		       "$BERTH_ADDRESS",
		       PROBE_PASSED, "exit code 0: web 2 7 1234 8000 127.0.0.1:8000");
}
END_TEST

START_TEST(of_much_output_the_end_is_kept)
{
	assert_command("exec:head -c 5000000 /dev/zero | tr '\\0' x; echo; echo end; exit 1",
		       PROBE_FAILED, "exit code 1: end");
}
END_TEST

START_TEST(a_long_line_is_cut)
{
	init("exec:head -c 5000 /dev/zero | tr '\\0' x");
	stage_run(&st);
	ck_assert_uint_lt(strlen(st.text), 300);
	ck_assert_str_eq(st.text + strlen(st.text) - 4, "x...");
}
END_TEST

START_TEST(it_has_no_input_and_nothing_else_of_ours)
{
	own_fd ours = dup(0); /* not closed on exec */

	assert_command("exec:cat; ls /proc/self/fd | wc -l", PROBE_PASSED, "exit code 0: 4");
	ck_assert_int_ge(ours, 0);
}
END_TEST

START_TEST(at_its_deadline_it_is_killed_with_all_it_has_started)
{
	init("exec:sleep 1000 & echo $!; wait");
	st.request.timeout_ms = 1500;
	stage_run(&st);
	ck_assert_int_eq(st.outcome, PROBE_FAILED);
	await_end(pid_said("no end within 1500 ms, its last line is: "));
}
END_TEST

START_TEST(what_it_leaves_running_is_killed_and_not_waited_for)
{
	init("exec:sleep 1000 & echo $!");
	stage_run(&st);
	ck_assert_int_eq(st.outcome, PROBE_PASSED);
	await_end(pid_said("exit code 0: "));
}
END_TEST

START_TEST(a_probe_may_be_given_up)
{
	init("exec:sleep 1000");
	stage_start(&st);
	st.run = probe_free(st.run);
	stage_end(&st);
	ck_assert_uint_eq(st.n_done, 0);
}
END_TEST

START_TEST(a_command_ends_with_us)
{
	static char shell[] = "/bin/sh", option[] = "-c", what[] = "exec sleep 1000";
	char *argv[] = { shell, option, what, NULL };
	const struct command_request request = { .path = shell, .argv = argv, .envp = environ };
	struct command c;
	pid_t ours, pid;
	int line[2];

	ck_assert_int_eq(pipe2(line, O_CLOEXEC), 0);
	ours = fork();
	if (ours == 0) {
		if (command_start(&request, &c) == 0)
			(void)!write(line[1], &c.pid, sizeof(c.pid));
		_exit(0);
	}
	ck_assert_int_gt(ours, 0);
	ck_assert_int_eq(read(line[0], &pid, sizeof(pid)), sizeof(pid));
	ck_assert_int_eq(waitpid(ours, NULL, 0), ours);
	await_end(pid);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		one_that_cannot_be_watched_leaves_nothing,
		exit_code_0_passes,
		another_exit_code_fails_with_the_last_line,
		a_command_that_is_missing_says_so,
		a_signal_fails,
		it_knows_which_worker_is_meant,
		of_much_output_the_end_is_kept,
		a_long_line_is_cut,
		it_has_no_input_and_nothing_else_of_ours,
		at_its_deadline_it_is_killed_with_all_it_has_started,
		what_it_leaves_running_is_killed_and_not_waited_for,
		a_probe_may_be_given_up,
		a_command_ends_with_us,
	};

	return RUN_SUITE("probe_exec", tests);
}
