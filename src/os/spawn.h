/*
 * Starting a worker: a process of its own session, under our filter, with its
 * output on our pipes. The primary does not wait for it: what the child has to
 * say before it is the worker's program comes over a report socket.
 */
#ifndef BERTH_OS_SPAWN_H
#define BERTH_OS_SPAWN_H

#include <linux/filter.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* What our user gave us. The primary changes it for itself; its workers get it as it was. */
struct spawn_inherited {
	struct rlimit files; /* RLIMIT_NOFILE */
	sigset_t ignored;    /* signals */
};

struct spawn_request {
	const char *path; /* of the program, from spawn_find() */
	char *const *argv;
	char *const *envp;
	const struct sock_fprog *filter;
	const struct spawn_inherited *inherited;
	uint64_t mark; /* from spawn_mark() */
	int stdout_fd; /* still the caller's afterwards */
	int stderr_fd;
};

struct spawned {
	pid_t pid;
	int pidfd;
	int report_fd; /* readable: call spawn_read_report() */
};

/*
 * spawn_mark - a mark that all processes of one run have in common
 *
 * @origin:  the pid that stands for this berth, from its beginning to its end
 * @n_run:   of this berth, below SPAWN_RUNS_MAX
 *
 * It is the child's soft limit of CPU time at real-time priority: far too high to
 * limit anything, and inherited by all that comes of the child, whatever they do
 * to their sessions, their users and their environments. It is not set where our
 * user has such a limit already. Any thread. Never blocks.
 */
uint64_t spawn_mark(pid_t origin, uint64_t n_run);

#define SPAWN_RUNS_MAX ((uint64_t)1 << 40)

/* Notes what we have inherited: call it before any of that is changed. Any thread. Never blocks. */
void spawn_note_inherited(struct spawn_inherited *ret_inherited);

/* Raises our own limit of open files as far as we may. Any thread. Never blocks. */
void spawn_raise_files(void);

/*
 * spawn - start a worker's program
 *
 * @request:      everything in it stays the caller's
 * @ret_spawned:  the child, and two descriptors of the caller's
 *
 * It is a child of our parent's, which reaps it. It waits for spawn_go() before it
 * executes its program, and ends if nobody is left who could call that. It has no handlers, no blocked
 * signals and ignores what @request->inherited says, but for SIGPIPE: that is
 * always as a program expects it.
 *
 * Returns 0, or -errno if there is no child. Everything after that comes as a
 * report. Blocks for as long as a fork takes.
 */
int spawn(const struct spawn_request *request, struct spawned *ret_spawned);

/* The child may execute its program. Once too often does no harm. Any thread. Never blocks. */
void spawn_go(int report_fd);

enum spawn_report {
	SPAWN_REPORT_NOTIFY,  /* here is the notify fd of its filter */
	SPAWN_REPORT_RUNNING, /* the program runs: nothing more will come */
	SPAWN_REPORT_FAILED,  /* it did not get that far */
	SPAWN_REPORT_NOTHING, /* not yet */
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

/*
 * spawn_read_report - take the next report of a child
 *
 * @report_fd:      from spawn(); close it after SPAWN_REPORT_RUNNING
 * @ret_notify_fd:  yours; written with SPAWN_REPORT_NOTIFY only
 * @ret_failure:    written with SPAWN_REPORT_FAILED only
 *
 * The order is NOTIFY, RUNNING for a program that runs; FAILED, with
 * NOTIFY before them if it got that far, for one that doesn't. A child that
 * FAILED, as the last word, stays in the socket for a successor. A child that
 * FAILED because our own descriptors are used up runs all the same, under a
 * filter that nobody listens to: end it. Never blocks.
 */
enum spawn_report spawn_read_report(int report_fd, int *ret_notify_fd,
				    struct spawn_failure *ret_failure);

/*
 * spawn_find - which file a command is, as a shell would find it
 *
 * @command:   with a '/' it is the path
 * @search:    value of PATH; NULL: the places where programs usually are
 * @ret_path:  with a '/' in it, or in the working directory
 * @size:      of @ret_path, in bytes
 *
 * Returns 0; -ENOENT if there is none, -EACCES if there is one that may not be
 * executed; for a path with a '/' also -ENAMETOOLONG, -ENOTDIR and the like. Any
 * thread. May block as file systems do.
 */
int spawn_find(const char *command, const char *search, char *ret_path, size_t size);

#endif
