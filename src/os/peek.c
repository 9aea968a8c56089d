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

#define PROC_TEXT_MAX 4096 /* of /proc/TID/status; what we look for stands in its first half */

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
	own_fd fd = NO_FD;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, ret_text, size - 1);
	if (n < 0)
		return -errno;
	ret_text[n] = '\0';
	return 0;
}

int peek_process(pid_t tid, pid_t *ret_pid)
{
	char text[PROC_TEXT_MAX];
	const char *line;
	int r = read_proc(tid, "status", text, sizeof(text));

	if (r < 0)
		return r;
	line = strstr(text, "\nTgid:");
	if (!line)
		return -ESRCH;
	*ret_pid = (pid_t)strtol(line + strlen("\nTgid:"), NULL, 10);
	return 0;
}

static int open_process(pid_t tid, int *ret_pidfd)
{
	int pidfd = (int)syscall(SYS_pidfd_open, tid, 0);
	pid_t pid;
	int r;

	/* A pidfd names a process: for a thread that isn't the first, /proc tells whose it is. */
	if (pidfd < 0 && (errno == EINVAL || errno == ENOENT)) {
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

/* Whether the epoll instance @number of @tid has @fd on its list. */
static bool has_target(pid_t tid, const char *number, int fd)
{
	char name[64];
	char text[PROC_TEXT_MAX];
	const char *at = text;

	(void)snprintf(name, sizeof(name), "fdinfo/%s", number);
	if (read_proc(tid, name, text, sizeof(text)) < 0)
		return false;
	while ((at = strstr(at, "tfd:"))) {
		at += strlen("tfd:");
		if (strtol(at, NULL, 10) == fd)
			return true;
	}
	return false;
}

bool peek_is_polled(pid_t tid, int fd)
{
	char path[64];
	char link[64];
	struct dirent *entry;
	bool is_polled = false;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", tid);
	d = opendir(path);
	if (!d)
		return false;
	while (!is_polled && (entry = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), entry->d_name, link, sizeof(link) - 1);

		link[n > 0 ? n : 0] = '\0';
		is_polled = strcmp(link, "anon_inode:[eventpoll]") == 0 &&
			    has_target(tid, entry->d_name, fd);
	}
	(void)closedir(d);
	return is_polled;
}

int peek_find_socket(pid_t pid, uint64_t inode, int *ret_fd)
{
	char path[64];
	char wanted[64];
	char found[64];
	struct dirent *entry;
	DIR *d;
	int r = -ENOENT;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	(void)snprintf(wanted, sizeof(wanted), "socket:[%" PRIu64 "]", inode);
	d = opendir(path);
	if (!d)
		return -errno;
	while (r == -ENOENT && (entry = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), entry->d_name, found, sizeof(found) - 1);

		found[n > 0 ? n : 0] = '\0';
		if (strcmp(found, wanted) != 0)
			continue;
		*ret_fd = (int)strtol(entry->d_name, NULL, 10);
		r = 0;
	}
	(void)closedir(d);
	return r;
}

int peek_fd_is_cloexec(pid_t tid, int fd, bool *ret_is)
{
	char name[32];
	char text[PROC_TEXT_MAX];
	const char *flags;
	int r;

	(void)snprintf(name, sizeof(name), "fdinfo/%d", fd);
	r = read_proc(tid, name, text, sizeof(text));
	if (r < 0)
		return r;
	flags = strstr(text, "flags:");
	if (!flags)
		return -ESRCH;
	*ret_is = (strtoul(flags + strlen("flags:"), NULL, 8) & O_CLOEXEC) != 0;
	return 0;
}

/* The fourth number of a line like "Uid: real effective saved filesystem". */
static unsigned long fourth_number(const char *line)
{
	unsigned long n = 0;
	char *at = (char *)line;

	for (int i = 0; i < 4; i++)
		n = strtoul(at, &at, 10);
	return n;
}

int peek_identity(pid_t tid, struct peek_identity *ret_identity)
{
	char text[PROC_TEXT_MAX];
	const char *umask_line;
	const char *uid_line;
	const char *gid_line;
	int r = read_proc(tid, "status", text, sizeof(text));

	if (r < 0)
		return r;
	umask_line = strstr(text, "\nUmask:");
	uid_line = strstr(text, "\nUid:");
	gid_line = strstr(text, "\nGid:");
	if (!umask_line || !uid_line || !gid_line)
		return -ESRCH;
	ret_identity->umask = (mode_t)strtoul(umask_line + strlen("\nUmask:"), NULL, 8);
	ret_identity->uid = (uid_t)fourth_number(uid_line + strlen("\nUid:"));
	ret_identity->gid = (gid_t)fourth_number(gid_line + strlen("\nGid:"));
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
		return -errno;
	if ((size_t)n >= size)
		return -ENAMETOOLONG;
	ret_path[n] = '\0';
	return 0;
}
