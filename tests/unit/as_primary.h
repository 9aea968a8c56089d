/*
 * A keeper for a test that does what only a primary does: the test's process becomes
 * the keeper, and its child goes on with the test. The keeper reaps all, tells of it
 * over a pipe, and ends as its child did.
 */
#ifndef BERTH_TESTS_AS_PRIMARY_H
#define BERTH_TESTS_AS_PRIMARY_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/procfs.h"

struct as_primary_exit {
	pid_t pid;
	int status; /* as wait() gives it */
};

static int as_primary_exits; /* where the keeper's child hears of exits */

static inline int as_primary_kill_child(const struct procfs_process *process, void *arg)
{
	(void)arg;
	if (process->parent == getpid())
		(void)kill(process->pid, SIGKILL);
	return 0;
}

/* Nothing that a test has started outlives it. What loses its parent comes to us. */
static inline void as_primary_end_all(void)
{
	do
		(void)procfs_for_each_process(as_primary_kill_child, NULL);
	while (waitpid(-1, NULL, 0) > 0);
}

static inline _Noreturn void as_primary_end_with(int status)
{
	const struct rlimit no_core = { 0 };

	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)signal(WTERMSIG(status), SIG_DFL);
	(void)raise(WTERMSIG(status));
	_exit(EXIT_FAILURE);
}

static inline _Noreturn void as_primary_keep(pid_t primary, int line)
{
	struct as_primary_exit e;

	for (;;) {
		e.pid = waitpid(-1, &e.status, 0);
		if (e.pid == primary)
			break;
		(void)!write(line, &e, sizeof(e));
	}
	as_primary_end_all();
	as_primary_end_with(e.status);
}

/* The caller goes on as the child of a keeper, in a process of its own. */
static inline void as_primary_begin(void)
{
	int line[2];
	pid_t primary;

	ck_assert_int_eq(pipe2(line, O_CLOEXEC), 0);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	primary = fork();
	ck_assert_int_ge(primary, 0);
	if (primary > 0)
		as_primary_keep(primary, line[1]);
	(void)close(line[1]);
	as_primary_exits = line[0];
}

/* Waits until the keeper has reaped @pid; forgets whose exit it told of before. */
static inline int as_primary_await_exit(pid_t pid)
{
	struct as_primary_exit e;

	do
		ck_assert_int_eq(read(as_primary_exits, &e, sizeof(e)), sizeof(e));
	while (e.pid != pid);
	return e.status;
}

/* As fork(), but for the child being the keeper's. */
static inline pid_t as_primary_fork(void)
{
	struct clone_args args = { .flags = CLONE_PARENT };

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

#endif
