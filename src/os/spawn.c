/*
 * The child makes itself a worker, step by step, and says over the report
 * socket how far it got. It executes its program when it's told to go: by then
 * everything of it is where a successor of the primary would find it. A
 * successful exec closes the socket, which is the last report.
 */
#include "os/spawn.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/own.h"
#include "os/fault.h"
#include "os/rights.h"

#define REPORT_PLACE 3 /* the child's number of the report socket */

#define DEFAULT_SEARCH "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"

static _Noreturn void fail(int report_fd, enum spawn_stage stage)
{
	struct spawn_failure failure = { .stage = stage, .error = errno };

	(void)rights_send(report_fd, &failure, sizeof(failure), NO_FD, 0);
	_exit(127);
}

/* The primary's handlers and what it ignores are not the worker's. What our user ignores is. */
static void inherit_signals(const sigset_t *ignored)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t none;

	/* Those that have no disposition, or are the C library's own, fail, and may. */
	for (int n = 1; n < NSIG; n++)
		(void)sigaction(n, n != SIGPIPE && sigismember(ignored, n) ? &ignore : &by_default,
				NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Without CAP_SYS_ADMIN the kernel wants the promise that no program gains rights. */
static int install_filter(const struct sock_fprog *filter)
{
	const unsigned flags =
		SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, filter);

	if (fd < 0 && errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, filter);
	return fd;
}

static void set_mark(uint64_t mark)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_RTTIME, &limit) < 0 || limit.rlim_cur != RLIM_INFINITY)
		return;
	limit.rlim_cur = mark;
	(void)setrlimit(RLIMIT_RTTIME, &limit);
}

/* Between clone3 and execve: nothing that could take a lock or allocate. */
static _Noreturn void run_child(const struct spawn_request *r, int report_fd)
{
	int null_fd;
	int notify_fd;
	char go;

	(void)setsid();
	null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(r->stdout_fd, STDOUT_FILENO) < 0 || dup2(r->stderr_fd, STDERR_FILENO) < 0)
		fail(report_fd, SPAWN_STAGE_SETUP);
	/* What else the primary has open is not ours, not even while we wait. */
	if (dup2(report_fd, REPORT_PLACE) < 0 || fcntl(REPORT_PLACE, F_SETFD, FD_CLOEXEC) < 0)
		fail(report_fd, SPAWN_STAGE_SETUP);
	report_fd = REPORT_PLACE;
	(void)close_range(REPORT_PLACE + 1, ~0u, 0);
	(void)setrlimit(RLIMIT_NOFILE, &r->inherited->files);
	set_mark(r->mark);
	notify_fd = install_filter(r->filter);
	if (notify_fd < 0)
		fail(report_fd, SPAWN_STAGE_FILTER);
	if (rights_send(report_fd, "n", 1, notify_fd, 0) < 0)
		fail(report_fd, SPAWN_STAGE_FILTER);
	if (read(report_fd, &go, 1) != 1)
		_exit(127); /* nobody is left who could say it */
	inherit_signals(&r->inherited->ignored);
	(void)execve(r->path, r->argv, r->envp);
	fail(report_fd, SPAWN_STAGE_EXEC);
}

int spawn(const struct spawn_request *request, struct spawned *ret_spawned)
{
	int pidfd = NO_FD;
	/* The keeper's child, as we are. It tells its parent of its end with our own signal. */
	struct clone_args args = {
		.flags = CLONE_PARENT | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
	};
	sigset_t all;
	sigset_t before;
	int pair[2];
	pid_t pid;
	int error;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	/* A handler of ours that ran in the child would write into our own signal pipe. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		run_child(request, pair[1]);
	error = errno;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)close(pair[1]);
	if (pid < 0) {
		(void)close(pair[0]);
		return -error;
	}
	fault_point("spawn");
	ret_spawned->pid = pid;
	ret_spawned->pidfd = pidfd;
	ret_spawned->report_fd = pair[0];
	return 0;
}

enum spawn_report spawn_read_report(int report_fd, int *ret_notify_fd,
				    struct spawn_failure *ret_failure)
{
	struct spawn_failure failure = { 0 };
	own_fd fd = NO_FD;
	ssize_t n = recv(report_fd, &failure, sizeof(failure), MSG_DONTWAIT | MSG_PEEK);

	if (n == (ssize_t)sizeof(failure) && failure.stage >= 0 && failure.stage < SPAWN_STAGES) {
		*ret_failure = failure; /* a successor has to find it, too */
		return SPAWN_REPORT_FAILED;
	}
	n = rights_receive(report_fd, &failure, sizeof(failure), MSG_DONTWAIT, &fd);
	if (n < 0)
		return n == -EAGAIN || n == -EINTR ? SPAWN_REPORT_NOTHING : SPAWN_REPORT_RUNNING;
	if (n == 0)
		return SPAWN_REPORT_RUNNING;
	fault_point("spawn_read_report");
	if (fd >= 0) {
		*ret_notify_fd = take_fd(&fd);
		return SPAWN_REPORT_NOTIFY;
	}
	if ((size_t)n != sizeof(failure) || failure.stage < 0 || failure.stage >= SPAWN_STAGES) {
		/* The descriptor was lost on the way: our own limit was reached. */
		failure.stage = SPAWN_STAGE_FILTER;
		failure.error = EMFILE;
	}
	*ret_failure = failure;
	return SPAWN_REPORT_FAILED;
}

void spawn_go(int report_fd)
{
	(void)send(report_fd, "g", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	fault_point("spawn_go");
}

uint64_t spawn_mark(pid_t origin, uint64_t n_run)
{
	return (uint64_t)1 << 62 | (uint64_t)origin * SPAWN_RUNS_MAX | n_run;
}

void spawn_note_inherited(struct spawn_inherited *ret_inherited)
{
	struct sigaction now;

	(void)getrlimit(RLIMIT_NOFILE, &ret_inherited->files);
	(void)sigemptyset(&ret_inherited->ignored);
	for (int n = 1; n < NSIG; n++)
		if (sigaction(n, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
			(void)sigaddset(&ret_inherited->ignored, n);
}

void spawn_raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

/* Whether the command is the file in this directory; "" for none. */
static int try_file(const char *directory, size_t length, const char *command, char *ret_path,
		    size_t size)
{
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%.*s%s%s", (int)length, directory, length ? "/" : "",
			 command);

	if (n < 0 || (size_t)n >= sizeof(path) || (size_t)n >= size)
		return -ENAMETOOLONG;
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		return -EACCES;
	memcpy(ret_path, path, (size_t)n + 1);
	return 0;
}

int spawn_find(const char *command, const char *search, char *ret_path, size_t size)
{
	int result = -ENOENT;
	const char *at = search ? search : DEFAULT_SEARCH;

	if (command[0] == '\0')
		return -ENOENT;
	if (strchr(command, '/'))
		return try_file("", 0, command, ret_path, size);
	for (;;) {
		size_t length = strcspn(at, ":");
		int r = try_file(at, length, command, ret_path, size);

		if (r == 0)
			return 0;
		if (r == -EACCES)
			result = r;
		if (at[length] == '\0')
			return result;
		at += length + 1;
	}
}
