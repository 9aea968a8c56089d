/*
 * A worker that installs the filter and waits, and a primary that looks into it once.
 */
#include "os/worker_try.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "os/filter.h"
#include "os/peek.h"

#define MARK 0x62657274u /* what is looked for in the worker's memory */

static const volatile unsigned mark = MARK;

/* As spawn() does it for a worker. */
static int install(const struct sock_fprog *filter)
{
	const unsigned flags =
		SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, filter) >= 0)
		return 0;
	if (errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, filter) >= 0)
		return 0;
	return errno;
}

/* Says what became of the filter, and waits until nobody is at the other end. */
static _Noreturn void be_worker(const struct sock_fprog *filter, int fd)
{
	int error;
	char none;

	/* A program with capabilities of its own may not be looked into; a worker is none. */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	error = filter ? install(filter) : 0;
	_exit(write(fd, &error, sizeof(error)) != sizeof(error) ||
	      read(fd, &none, sizeof(none)) != 0);
}

static _Noreturn void be_primary(pid_t worker, int worker_fd, int fd)
{
	struct machine_worker_try found = { 0 };
	unsigned copy = 0;
	int taken = NO_FD;

	found.memory_error = -peek_memory(worker, (uint64_t)(uintptr_t)&mark, &copy, sizeof(copy));
	if (found.memory_error == 0 && copy != MARK)
		found.memory_error = EIO;
	found.fd_error = -peek_fd(worker, worker_fd, &taken);
	_exit(write(fd, &found, sizeof(found)) == sizeof(found) ? 0 : 1);
}

/* Returns the child's pid or -errno. It gets one end of a new pair; @ret_fd is the other. */
static pid_t fork_with_pair(int *ret_fd, int *ret_child_fd)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		pid = -errno;
		(void)close(pair[0]);
		(void)close(pair[1]);
		return pid;
	}
	(void)close(pid == 0 ? pair[0] : pair[1]);
	*ret_fd = pid == 0 ? NO_FD : pair[0];
	*ret_child_fd = pair[1];
	return pid;
}

/* Reads what a child says; it may have died without a word. */
static int hear(int fd, void *ret_word, size_t size)
{
	ssize_t n;

	do
		n = read(fd, ret_word, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

static void wait_for(pid_t child)
{
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static int look_into(pid_t worker, int worker_fd, struct machine_worker_try *ret_found)
{
	own_fd fd = NO_FD;
	int child_fd = NO_FD;
	pid_t primary = fork_with_pair(&fd, &child_fd);
	int r;

	if (primary < 0)
		return primary;
	if (primary == 0)
		be_primary(worker, worker_fd, child_fd);
	r = hear(fd, ret_found, sizeof(*ret_found));
	wait_for(primary);
	return r;
}

static int run_worker(const struct sock_fprog *filter, struct machine_worker_try *ret_try)
{
	struct machine_worker_try found = { 0 };
	int fd = NO_FD;
	int child_fd = NO_FD;
	int filter_error = 0;
	pid_t worker = fork_with_pair(&fd, &child_fd);
	int r;

	if (worker < 0)
		return worker;
	if (worker == 0)
		be_worker(filter, child_fd);
	r = hear(fd, &filter_error, sizeof(filter_error));
	if (r == 0)
		r = look_into(worker, child_fd, &found);
	(void)close(fd); /* the worker ends now */
	wait_for(worker);
	if (r < 0)
		return r;
	found.filter_error = filter_error;
	*ret_try = found;
	return 0;
}

int worker_try(struct machine_worker_try *ret_try)
{
	struct sock_fprog *filter = NULL;
	struct machine_worker_try found;
	int filter_error = -filter_new(&filter);
	int r = run_worker(filter, &found);

	(void)filter_free(filter);
	if (r < 0)
		return r;
	if (filter_error)
		found.filter_error = filter_error;
	*ret_try = found;
	return 0;
}
