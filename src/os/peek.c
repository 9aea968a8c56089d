/*
 * Looks into another process by its memory, its pidfd and its files in /proc.
 */
#include "os/peek.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/own.h"
#include "os/proc_text.h"
#include "os/procfs.h"

#define PIDFD_OF_THREAD O_EXCL /* PIDFD_THREAD */

#define PROC_TEXT_MAX 4096 /* of /proc/TID/status; what we look for stands in its first half */
#define LINE_TEXT_MAX 512  /* more than a line of an epoll's fdinfo ever has */

int peek_memory(pid_t tid, uint64_t address, void *ret_bytes, size_t size)
{
	struct iovec here = { ret_bytes, size };
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): it means something over there only */
	struct iovec there = { (void *)(uintptr_t)address, size };
	ssize_t n = process_vm_readv(tid, &here, 1, &there, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EFAULT;
}

static int read_proc(pid_t tid, const char *name, char *ret_text, size_t size)
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	n = procfs_read_text(AT_FDCWD, path, ret_text, size);
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	return 0;
}

static int read_status(pid_t tid, struct proc_status *ret_status)
{
	char text[PROC_TEXT_MAX];
	int r = read_proc(tid, "status", text, sizeof(text));

	return r < 0 ? r : proc_text_parse_status(text, ret_status);
}

int peek_process(pid_t tid, pid_t *ret_pid)
{
	struct proc_status status;
	int r = read_status(tid, &status);

	if (r < 0)
		return r;
	*ret_pid = status.process;
	return 0;
}

static int open_process(pid_t tid, int *ret_pidfd)
{
	/* A thread may have descriptors of its own, and outlive the first one of its process. */
	int pidfd = (int)syscall(SYS_pidfd_open, tid, PIDFD_OF_THREAD);
	pid_t pid;
	int r;

	/* Before Linux 6.9 a pidfd names a process: then /proc tells whose the thread is. */
	if (pidfd < 0 && errno == EINVAL) {
		r = peek_process(tid, &pid);
		if (r < 0)
			return r;
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	}
	if (pidfd < 0)
		return -errno;
	*ret_pidfd = pidfd;
	return 0;
}

int peek_fd(pid_t tid, int fd, int *ret_fd)
{
	own_fd pidfd = NO_FD;
	int r = open_process(tid, &pidfd);

	if (r < 0)
		return r;
	r = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (r < 0)
		return -errno;
	*ret_fd = r;
	return 0;
}

/* Whether the epoll instance @number of @tid has @fd on its list, which may be any length. */
static bool has_target(pid_t tid, const char *number, int fd)
{
	char text[LINE_TEXT_MAX];
	bool is_found = false;
	int target;
	FILE *file;

	(void)snprintf(text, sizeof(text), "/proc/%d/fdinfo/%s", tid, number);
	file = fopen(text, "re");
	if (!file)
		return false;
	while (!is_found && fgets(text, sizeof(text), file))
		is_found = proc_text_parse_target(text, &target) && target == fd;
	(void)fclose(file);
	return is_found;
}

static bool is_link_to(int dir_fd, const char *name, const char *wanted)
{
	char found[64];
	ssize_t n = readlinkat(dir_fd, name, found, sizeof(found) - 1);

	found[n > 0 ? n : 0] = '\0';
	return strcmp(found, wanted) == 0;
}

/* The name of an entry of @d that links to @wanted; NULL and errno, 0 if there is none. */
static const char *find_link(DIR *d, const char *wanted)
{
	const struct dirent *entry;

	do {
		errno = 0;
		entry = readdir(d);
	} while (entry && !is_link_to(dirfd(d), entry->d_name, wanted));
	return entry ? entry->d_name : NULL;
}

bool peek_is_polled(pid_t tid, int fd)
{
	char path[64];
	const char *name;
	bool is_polled = false;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", tid);
	d = opendir(path);
	if (!d)
		return false;
	while (!is_polled && (name = find_link(d, "anon_inode:[eventpoll]")))
		is_polled = has_target(tid, name, fd);
	(void)closedir(d);
	return is_polled;
}

int peek_find_socket(pid_t pid, uint64_t inode, int *ret_fd)
{
	char path[64];
	char wanted[64];
	const char *name;
	int r = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	(void)snprintf(wanted, sizeof(wanted), "socket:[%" PRIu64 "]", inode);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? -ESRCH : -errno;
	name = find_link(d, wanted);
	if (name)
		*ret_fd = (int)strtol(name, NULL, 10);
	else if (errno == 0)
		r = -ENOENT;
	else
		r = errno == ENOENT ? -ESRCH : -errno; /* it has ended meanwhile */
	(void)closedir(d);
	return r;
}

int peek_fd_is_cloexec(pid_t tid, int fd, bool *ret_is)
{
	char name[32];
	char text[PROC_TEXT_MAX];
	unsigned flags = 0;
	int r;

	(void)snprintf(name, sizeof(name), "fdinfo/%d", fd);
	r = read_proc(tid, name, text, sizeof(text));
	if (r == 0)
		r = proc_text_parse_flags(text, &flags);
	if (r < 0)
		return r;
	*ret_is = (flags & O_CLOEXEC) != 0;
	return 0;
}

int peek_identity(pid_t tid, struct peek_identity *ret_identity)
{
	struct proc_status status;
	int r = read_status(tid, &status);

	if (r < 0)
		return r;
	if (!status.has_umask)
		return -ESRCH;
	ret_identity->umask = status.umask;
	ret_identity->uid = status.file_uid;
	ret_identity->gid = status.file_gid;
	ret_identity->n_groups = status.n_groups;
	memcpy(ret_identity->groups, status.groups, sizeof(status.groups));
	return 0;
}

static bool is_same_file(const char *one, const char *two)
{
	struct stat a;
	struct stat b;

	return stat(one, &a) == 0 && stat(two, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* Whether /proc/TID/@name is the same file as /proc/self/@name. */
static bool is_shared_with(pid_t tid, const char *name)
{
	char theirs[64];
	char ours[64];

	(void)snprintf(theirs, sizeof(theirs), "/proc/%d/%s", tid, name);
	(void)snprintf(ours, sizeof(ours), "/proc/self/%s", name);
	return is_same_file(theirs, ours);
}

bool peek_is_our_netns(pid_t tid)
{
	return is_shared_with(tid, "ns/net");
}

bool peek_sees_our_files(pid_t tid)
{
	return is_shared_with(tid, "root") && is_shared_with(tid, "ns/mnt");
}

int peek_cwd(pid_t tid, char *ret_path, size_t size)
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/cwd", tid);
	n = readlink(path, ret_path, size);
	if (n < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	if ((size_t)n >= size)
		return -ENAMETOOLONG;
	ret_path[n] = '\0';
	return 0;
}
