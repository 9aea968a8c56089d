#include "os/spawn.h"

#include <fcntl.h>
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

#define DEFAULT_SEARCH "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"

/* Sends bytes, and a descriptor with them unless it is NO_FD. */
static int send_report(int report_fd, const void *bytes, size_t size, int fd)
{
	struct iovec data = { (void *)bytes, size };
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr aligned;
	} control = { 0 };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = control.room;
		m.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	return sendmsg(report_fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static _Noreturn void fail(int report_fd, enum spawn_stage stage)
{
	struct spawn_failure failure = { .stage = stage, .error = errno };

	(void)send_report(report_fd, &failure, sizeof(failure), NO_FD);
	_exit(127);
}

/* The primary's handlers and its ignored SIGPIPE are not the worker's. What our user ignores stays. */
static void default_signals(void)
{
	struct sigaction now;
	struct sigaction def = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int n = 1; n < NSIG; n++) {
		if (sigaction(n, NULL, &now) < 0)
			continue;
		if (n == SIGPIPE || (now.sa_handler != SIG_IGN && now.sa_handler != SIG_DFL))
			(void)sigaction(n, &def, NULL);
	}
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

/* Between clone3 and execve: nothing that could take a lock or allocate. */
static _Noreturn void run_child(const struct spawn_request *r, int report_fd)
{
	int null_fd;
	int notify_fd;

	(void)setsid();
	null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(r->stdout_fd, STDOUT_FILENO) < 0 || dup2(r->stderr_fd, STDERR_FILENO) < 0)
		fail(report_fd, SPAWN_STAGE_SETUP);
	(void)setrlimit(RLIMIT_NOFILE, &r->files);
	/* Until a keeper holds the ports, workers must not outlive the primary unseen. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	notify_fd = install_filter(r->filter);
	if (notify_fd < 0)
		fail(report_fd, SPAWN_STAGE_FILTER);
	if (send_report(report_fd, "n", 1, notify_fd) < 0)
		fail(report_fd, SPAWN_STAGE_FILTER);
	default_signals();
	(void)execve(r->path, r->argv, r->envp);
	fail(report_fd, SPAWN_STAGE_EXEC);
}

int spawn(const struct spawn_request *request, struct spawned *ret_spawned)
{
	int pidfd = NO_FD;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	sigset_t all;
	sigset_t before;
	int pair[2];
	pid_t pid;
	int error;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
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
	ret_spawned->pid = pid;
	ret_spawned->pidfd = pidfd;
	ret_spawned->report_fd = pair[0];
	return 0;
}

static int received_fd(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int fd = NO_FD;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

enum spawn_report spawn_read_report(int report_fd, int *ret_notify_fd,
				    struct spawn_failure *ret_failure)
{
	struct spawn_failure failure = { 0 };
	struct iovec data = { &failure, sizeof(failure) };
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr aligned;
	} control;
	struct msghdr m = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	ssize_t n = recvmsg(report_fd, &m, MSG_CMSG_CLOEXEC);
	int fd;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? SPAWN_REPORT_NOTHING :
							   SPAWN_REPORT_RUNNING;
	if (n == 0)
		return SPAWN_REPORT_RUNNING;
	fd = received_fd(&m);
	if (fd >= 0) {
		*ret_notify_fd = fd;
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

void spawn_raise_files(struct rlimit *ret_before)
{
	struct rlimit raised;

	(void)getrlimit(RLIMIT_NOFILE, ret_before);
	raised = *ret_before;
	raised.rlim_cur = raised.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &raised);
}

static int check_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || access(path, X_OK) < 0)
		return -EACCES;
	return 0;
}

int spawn_find(const char *command, const char *search, char *ret_path, size_t size)
{
	int result = -ENOENT;
	const char *at = search ? search : DEFAULT_SEARCH;

	if (strchr(command, '/')) {
		if ((size_t)snprintf(ret_path, size, "%s", command) >= size)
			return -ENAMETOOLONG;
		return check_file(command);
	}
	for (;;) {
		size_t length = strcspn(at, ":");
		int n = snprintf(ret_path, size, "%.*s%s%s", (int)length, at, length ? "/" : "",
				 command);
		int r = n < 0 || (size_t)n >= size ? -ENAMETOOLONG : check_file(ret_path);

		if (r == 0)
			return 0;
		if (r == -EACCES)
			result = r;
		if (at[length] == '\0')
			return result;
		at += length + 1;
	}
}
