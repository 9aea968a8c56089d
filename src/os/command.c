/*
 * Children of our own. Their group is killed while the leader is not reaped yet: till
 * then no other group can have its number.
 */
#include "os/command.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/own.h"

#define EXIT_NO_EXEC 127 /* as shells have it */

static void inherit(const struct spawn_inherited *inherited)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t none;

	/* Those that have no disposition, or are the C library's own, fail, and may. */
	for (int n = 1; n < NSIG; n++) {
		bool is_ignored =
			inherited && n != SIGPIPE && sigismember(&inherited->ignored, n) == 1;

		(void)sigaction(n, is_ignored ? &ignore : &by_default, NULL);
	}
	if (inherited)
		(void)setrlimit(RLIMIT_NOFILE, &inherited->files);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Between clone3 and execve: nothing that could take a lock or allocate. */
static _Noreturn void run_child(const struct command_request *r, int output_fd, pid_t parent)
{
	int null_fd;

	(void)setsid();
	/* Who has died before this cannot be the one who signals us. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(EXIT_NO_EXEC);
	null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 ||
	    dup2(output_fd, STDERR_FILENO) < 0)
		_exit(EXIT_NO_EXEC);
	(void)close_range(STDERR_FILENO + 1, ~0u, 0);
	inherit(r->inherited);
	(void)execve(r->path, r->argv, r->envp);
	_exit(EXIT_NO_EXEC);
}

int command_start(const struct command_request *request, struct command *ret_command)
{
	int pidfd = NO_FD;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t self = getpid();
	sigset_t all, before;
	int ends[2];
	pid_t pid;
	int error;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	/* A handler of ours that ran in the child would write into our own signal pipe. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		run_child(request, ends[1], self);
	error = errno;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)close(ends[1]);
	if (pid < 0) {
		(void)close(ends[0]);
		return -error;
	}
	ret_command->pid = pid;
	ret_command->pidfd = pidfd;
	ret_command->output_fd = ends[0];
	return 0;
}

void command_kill(const struct command *c)
{
	/* Itself, too: it may not have got as far as to lead a group. */
	(void)syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0);
	(void)kill(-c->pid, SIGKILL);
}

int command_reap(const struct command *c, int *ret_status)
{
	struct pollfd end = { .fd = c->pidfd, .events = POLLIN };
	int status = 0;
	pid_t pid;

	if (poll(&end, 1, 0) != 1)
		return -EAGAIN;
	(void)kill(-c->pid, SIGKILL);
	pid = waitpid(c->pid, &status, WNOHANG);
	if (pid == 0)
		return -EAGAIN;
	if (pid < 0)
		return -errno;
	*ret_status = status;
	return 0;
}
