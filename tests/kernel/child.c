/* See child.h. */
#include "child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel_help.h"

void child_start(struct child *c, int (*body)(int line, int argument), int argument)
{
	int ends[2];
	pid_t parent = getpid();

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	c->pid = fork();
	ck_assert_int_ge(c->pid, 0);
	if (!c->pid) {
		(void)close(ends[0]);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(getppid() == parent ? body(ends[1], argument) : EXIT_FAILURE);
	}
	(void)close(ends[1]);
	c->line = ends[0];
	c->pidfd = pidfd_open(c->pid, 0);
	ck_assert_int_ge(c->pidfd, 0);
}

int child_end(struct child *c)
{
	int status = 0;

	ck_assert_int_eq(waitpid(c->pid, &status, 0), c->pid);
	(void)close(c->line);
	(void)close(c->pidfd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void child_kill(struct child *c)
{
	ck_assert_int_eq(pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0), 0);
}

int child_copy_fd(const struct child *c, int fd)
{
	int copy = pidfd_getfd(c->pidfd, fd, 0);

	return copy < 0 ? -errno : copy;
}

void child_tell(int line, int value)
{
	(void)send(line, &value, sizeof(value), MSG_NOSIGNAL);
}

int child_hear(int line)
{
	int value;

	return recv(line, &value, sizeof(value), 0) == sizeof(value) ? value : -EPIPE;
}
