/*
 * The texts of /proc/PID/status and /proc/PID/fdinfo/FD, read strictly. A process
 * has chosen a part of them: its name, its umask, what its descriptors are.
 */
#ifndef BERTH_OS_PROC_TEXT_H
#define BERTH_OS_PROC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROC_GROUPS_MAX 32

struct proc_status {
	pid_t process;  /* that the thread belongs to */
	uid_t uid;      /* effective */
	uid_t file_uid; /* whom a file that it makes belongs to */
	gid_t file_gid;
	size_t n_groups;
	gid_t groups[PROC_GROUPS_MAX]; /* supplementary; more than these are left out */
	bool has_umask;                /* not any more once it has begun to exit */
	mode_t umask;
};

/*
 * All read what they want from the lines that they know, and pass over others. Any
 * thread. None blocks.
 */

/*
 * proc_text_parse_status - read the text of /proc/PID/status, or its first 4096 bytes
 *
 * Returns 0, or -EPROTO when the text is no such thing.
 */
int proc_text_parse_status(const char *text, struct proc_status *ret_status);

/* The flags of a descriptor, as open() takes them, from its fdinfo. 0 or -EPROTO. */
int proc_text_parse_flags(const char *text, unsigned *ret_flags);

/* Whether one line of an epoll's fdinfo names a descriptor that it watches, and which. */
bool proc_text_parse_target(const char *line, int *ret_fd);

#endif
