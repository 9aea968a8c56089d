/*
 * What shows whose worker a process is, of processes that are really there: children of
 * this test, marked as a berth's are.
 */
#include "os/kinship.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "os/spawn.h"
#include "run_suite.h"

#define ORIGIN 4194303 /* the largest pid there can be */

/* Waits until the child has executed its program, which closes the pipe. */
static pid_t start_as(char *argument, char *const *envp, uint64_t mark)
{
	static char program[] = "keeper";
	char *argv[] = { program, argument, NULL };
	struct rlimit limit;
	int line[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe2(line, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)getrlimit(RLIMIT_RTTIME, &limit);
		limit.rlim_cur = mark ? mark : limit.rlim_cur;
		(void)setrlimit(RLIMIT_RTTIME, &limit);
		(void)execve("/proc/self/exe", argv, envp);
		_exit(127);
	}
	(void)close(line[1]);
	ck_assert_int_eq(read(line[0], &byte, 1), 0);
	(void)close(line[0]);
	return pid;
}

static pid_t start(char *const *envp, uint64_t mark)
{
	static char argument[] = "wait";

	return start_as(argument, envp, mark);
}

static void end(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(the_origin_is_read_from_the_mark_also_without_an_environment)
{
	char *none[] = { NULL };
	pid_t pid = start(none, spawn_mark(ORIGIN, SPAWN_RUNS_MAX - 1));

	ck_assert_int_eq(kinship_origin(pid), ORIGIN);
	end(pid);
}
END_TEST

START_TEST(the_origin_is_read_from_the_environment_where_there_is_no_mark)
{
	static char run[] = "BERTH_RUN=812.7";
	char *envp[] = { run, NULL };
	pid_t pid = start(envp, 0);

	ck_assert_int_eq(kinship_origin(pid), 812);
	end(pid);
}
END_TEST

START_TEST(whoever_has_neither_has_no_origin)
{
	static char run[] = "BERTH_RUN=x.7", other[] = "NOT_BERTH_RUN=812.7";
	char *envp[] = { other, run, NULL };
	pid_t pid = start(envp, 1000000);

	ck_assert_int_eq(kinship_origin(pid), 0);
	end(pid);
	ck_assert_int_eq(kinship_origin(pid), 0);
}
END_TEST

START_TEST(the_app_is_read_from_the_environment_and_cut)
{
	static char app[] = "BERTH_APP=web";
	char *envp[] = { app, NULL }, *none[] = { NULL };
	char text[4] = "", cut[3] = "";
	pid_t pid = start(envp, 0);

	ck_assert(kinship_app(pid, text, sizeof(text)));
	ck_assert_str_eq(text, "web");
	ck_assert(kinship_app(pid, cut, sizeof(cut)));
	ck_assert_str_eq(cut, "we");
	end(pid);
	pid = start(none, 0);
	ck_assert(!kinship_app(pid, text, sizeof(text)));
	end(pid);
}
END_TEST

struct watched {
	pid_t pids[8];
	size_t n;
};

static void keep(pid_t pid, void *arg)
{
	struct watched *w = arg;

	ck_assert_uint_lt(w->n, 8);
	w->pids[w->n++] = pid;
}

START_TEST(who_is_watched_is_read_from_pidfds_and_who_was_reaped_is_not)
{
	char *none[] = { NULL };
	pid_t lives = start(none, 0), ends = start(none, 0);
	own_fd one = (int)syscall(SYS_pidfd_open, lives, 0);
	own_fd two = (int)syscall(SYS_pidfd_open, ends, 0);
	struct watched w = { .n = 0 };

	ck_assert_int_ge(one, 0);
	ck_assert_int_ge(two, 0);
	end(ends);
	ck_assert_int_eq(kinship_for_each_watched(getpid(), keep, &w), 0);
	ck_assert_uint_eq(w.n, 1);
	ck_assert_int_eq(w.pids[0], lives);
	end(lives);
	ck_assert_int_lt(kinship_for_each_watched(lives, keep, &w), 0);
}
END_TEST

START_TEST(a_keeper_in_a_dead_ones_place_is_known_by_its_command_line)
{
	static char first[] = "/usr/libexec/berth/berthd", later[] = "--adopt";
	char *none[] = { NULL };
	pid_t pid = start_as(first, none, 0);

	ck_assert(!kinship_was_adopted(pid));
	end(pid);
	pid = start_as(later, none, 0);
	ck_assert(kinship_was_adopted(pid));
	end(pid);
	ck_assert(!kinship_was_adopted(pid));
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *const tests[] = {
		the_origin_is_read_from_the_mark_also_without_an_environment,
		the_origin_is_read_from_the_environment_where_there_is_no_mark,
		whoever_has_neither_has_no_origin,
		the_app_is_read_from_the_environment_and_cut,
		a_keeper_in_a_dead_ones_place_is_known_by_its_command_line,
		who_is_watched_is_read_from_pidfds_and_who_was_reaped_is_not,
	};

	(void)argv;
	if (argc > 1) /* one that the tests look at */
		return pause();
	return RUN_SUITE("kinship", tests);
}
