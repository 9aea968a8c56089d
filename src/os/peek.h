/*
 * Looking into a worker that waits in a trapped call: its memory, its
 * descriptors, where it stands in the file system. What is read may be gone
 * or changed the next moment; whoever acts on it checks notif_still_waits()
 * afterwards, and acts on copies only.
 */
#ifndef BERTH_OS_PEEK_H
#define BERTH_OS_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "os/proc_text.h"

/* What the kernel would use if a thread made a file or a socket now. */
struct peek_identity {
	uid_t uid; /* for file systems */
	gid_t gid;
	size_t n_groups;
	gid_t groups[PROC_GROUPS_MAX];
	mode_t umask;
};

/*
 * Those that return int: 0 or -errno, -ESRCH where @tid is gone. Results are
 * written on success only. Any thread. None of them blocks.
 */

/* Copies @size bytes at @address of thread @tid. -EFAULT as the call itself would give. */
int peek_memory(pid_t tid, uint64_t address, void *ret_bytes, size_t size);

/*
 * peek_fd - our own descriptor of what descriptor @fd of thread @tid refers to
 *
 * Returns 0 and @ret_fd, yours, closed on exec; -EBADF if it has no such
 * descriptor, -EPERM if we may not (the program cannot be traced by us), -ESRCH
 * if it is gone.
 */
int peek_fd(pid_t tid, int fd, int *ret_fd);

/* The process that thread @tid belongs to. */
int peek_process(pid_t tid, pid_t *ret_pid);

/* Whether thread @tid has asked epoll about its descriptor @fd; false if we cannot know. */
bool peek_is_polled(pid_t tid, int fd);

/* The number of a descriptor of process @pid that refers to @inode; -ENOENT if it has none. */
int peek_find_socket(pid_t pid, uint64_t inode, int *ret_fd);

/* Whether descriptor @fd of @tid is closed when it executes another program; -ESRCH without one. */
int peek_fd_is_cloexec(pid_t tid, int fd, bool *ret_is);

int peek_identity(pid_t tid, struct peek_identity *ret_identity);

/* Whether paths mean the same files to @tid as to us: it has our root and our mounts. */
bool peek_sees_our_files(pid_t tid);

/* The working directory of @tid. -ENAMETOOLONG if @size bytes have no room for it and a NUL. */
int peek_cwd(pid_t tid, char *ret_path, size_t size);

/* Whether @tid lives in our network namespace. */
bool peek_is_our_netns(pid_t tid);

#endif
