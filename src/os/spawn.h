/*
 * Starting a worker: a process of its own session, under our filter, with its
 * output on our pipes. The primary does not wait for it: what the child has to
 * say before it is the worker's program comes over a report socket.
 */
#ifndef BERTH_OS_SPAWN_H
#define BERTH_OS_SPAWN_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct spawn_request {
	const char *path; /* of the program, from spawn_find() */
	char *const *argv;
	char *const *envp;
	const struct sock_fprog *filter;
	int stdout_fd; /* still the caller's afterwards */
	int stderr_fd;
	struct rlimit files; /* RLIMIT_NOFILE: the primary's own is higher than its user's */
};

/* Raises our own limit of open files as far as we may; @ret_before is what the user has. */
void spawn_raise_files(struct rlimit *ret_before);

struct spawned {
	pid_t pid;
	int pidfd;
	int report_fd; /* readable: call spawn_read_report() */
};

/* Starts it; 0 and three things that are yours, or -errno. */
int spawn(const struct spawn_request *request, struct spawned *ret_spawned);

enum spawn_report {
	SPAWN_REPORT_NOTIFY,   /* here is the notify fd of its filter */
	SPAWN_REPORT_RUNNING,  /* the program runs: nothing more will come */
	SPAWN_REPORT_FAILED,   /* it did not get that far */
	SPAWN_REPORT_NOTHING,  /* not yet */
};

/* What the child was doing when it failed. */
enum spawn_stage {
	SPAWN_STAGE_SETUP,
	SPAWN_STAGE_FILTER,
	SPAWN_STAGE_EXEC,
	SPAWN_STAGES,
};

struct spawn_failure {
	int32_t stage; /* enum spawn_stage */
	int32_t error; /* errno */
};

/* Takes one report. @ret_notify_fd is yours with _NOTIFY, @ret_failure is set with _FAILED. */
enum spawn_report spawn_read_report(int report_fd, int *ret_notify_fd,
				    struct spawn_failure *ret_failure);

/*
 * spawn_find - which file a command is, as a shell would find it
 *
 * @command: with a '/' it is the path
 * @search:  value of PATH, may be NULL
 *
 * Returns 0; -ENOENT if there is none, -EACCES if there is one that may not be
 * executed.
 */
int spawn_find(const char *command, const char *search, char *ret_path, size_t size);

#endif
