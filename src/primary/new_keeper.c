/*
 * Forked twice, so that the keeper is nobody's child but the system's.
 */
#include "primary/new_keeper.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/own.h"
#include "os/fault.h"
#include "os/keeper_link.h"
#include "os/sibling.h"

#define ARGUMENTS_MAX 512  /* of our own command line that are passed on */
#define MESSAGE_COST  1024 /* to the channel, in bytes; it is somewhat less */
#define CHANNEL_PLACE 3    /* the keeper's number of its end */

struct keeper_command {
	const struct spawn_inherited *inherited;
	char path[PATH_MAX];
	char ours[PATH_MAX];
	char *argv[ARGUMENTS_MAX + 5];
};

static int make_command(char *const *argv, struct keeper_command *c)
{
	static char adopt[] = "--adopt";
	static char place[] = "3";
	size_t n = 0;
	int r = sibling_path("berth-keeper", c->path, sizeof(c->path));

	if (r == 0)
		r = sibling_path("berthd", c->ours, sizeof(c->ours));
	if (r < 0)
		return r;
	c->argv[n++] = c->path;
	c->argv[n++] = adopt;
	c->argv[n++] = place;
	c->argv[n++] = c->ours;
	for (size_t i = 1; argv[i]; i++) {
		if (i >= ARGUMENTS_MAX)
			return -E2BIG;
		c->argv[n++] = argv[i];
	}
	c->argv[n] = NULL;
	return 0;
}

/* In the child: nothing that could take a lock or allocate. */
static _Noreturn void run_child(const struct keeper_command *c, int channel, int report)
{
	pid_t pid = fork();

	if (pid != 0) {
		(void)!write(report, &pid, sizeof(pid));
		_exit(0);
	}
	(void)setsid();
	if (dup2(channel, CHANNEL_PLACE) < 0 || fcntl(CHANNEL_PLACE, F_SETFD, 0) < 0)
		_exit(127);
	(void)close_range(CHANNEL_PLACE + 1, ~0u, 0);
	for (int n = 1; n < NSIG; n++)
		(void)signal(n, sigismember(&c->inherited->ignored, n) ? SIG_IGN : SIG_DFL);
	(void)setrlimit(RLIMIT_NOFILE, &c->inherited->files);
	(void)execv(c->path, c->argv);
	_exit(127);
}

int new_keeper_channel(int *ret_ours, int *ret_theirs, size_t *ret_n_messages)
{
	struct keeper_message m = { .type = KEEPER_ADOPT, .pid = getpid() };
	own_fd self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	own_fd ours = NO_FD;
	own_fd theirs = NO_FD;
	const int wanted = MESSAGE_COST * KEEPER_ITEMS_MAX / 2; /* the kernel doubles it */
	socklen_t size = sizeof(int);
	int given;
	int pair[2];
	int r;

	if (self < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	(void)setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted));
	if (getsockopt(ours, SOL_SOCKET, SO_SNDBUF, &given, &size) < 0)
		return -errno;
	r = keeper_link_send(ours, &m, self);
	if (r < 0)
		return r;
	*ret_n_messages = (size_t)given / MESSAGE_COST;
	*ret_ours = take_fd(&ours);
	*ret_theirs = take_fd(&theirs);
	return 0;
}

static int fork_twice(const struct keeper_command *c, int channel, pid_t *ret_pid)
{
	int report[2];
	pid_t child;
	pid_t pid = 0;
	ssize_t n;

	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		run_child(c, channel, report[1]);
	fault_point("new_keeper_fork");
	(void)close(report[1]);
	n = child < 0 ? -1 : read(report[0], &pid, sizeof(pid));
	(void)close(report[0]);
	if (child > 0)
		(void)waitpid(child, NULL, 0);
	if (n != (ssize_t)sizeof(pid) || pid <= 0)
		return -EAGAIN;
	*ret_pid = pid;
	return 0;
}

int new_keeper_start(char *const *argv, const struct spawn_inherited *inherited, int channel_fd,
		     pid_t *ret_pid)
{
	own_free struct keeper_command *c = calloc(1, sizeof(*c));
	int r = c ? make_command(argv, c) : -ENOMEM;

	if (r < 0)
		return r;
	c->inherited = inherited;
	return fork_twice(c, channel_fd, ret_pid);
}
