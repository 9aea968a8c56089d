/*
 * One run of a worker: from the clone to the end of its whole process tree.
 *
 * The tree has ended when nobody is left under the filter that its leader was
 * started with: the kernel tells that on the notify fd, so no process can slip
 * away unseen, and nothing has to be polled for.
 */
#ifndef BERTH_PRIMARY_PROCESS_H
#define BERTH_PRIMARY_PROCESS_H

#include <stdbool.h>
#include <uv.h>

#include "core/worker_args.h"
#include "os/spawn.h"
#include "os/tree.h"
#include "primary/broker.h"

struct process;

struct process_events {
	/* The leader has become the worker's program. */
	void (*began)(struct process *p);

	/* The leader has died and is reaped, with a status as wait() gives it. */
	void (*exited)(struct process *p, int status);

	/* The leader never became the worker's program; it is reaped. */
	void (*failed)(struct process *p, const struct spawn_failure *failure);

	/* After one of these: no process of its tree is left. */
	void (*tree_gone)(struct process *p);
};

struct process {
	uv_loop_t *loop;
	struct keep *keep;
	struct broker *broker;
	struct broker_client client;
	const struct process_events *events;
	void *owner;
	struct output_stream *streams[2];
	uv_poll_t report_poll;
	uv_poll_t notify_poll;
	uv_poll_t end_poll; /* of the pidfd, where no keeper tells us of its end */
	uv_timer_t again;   /* while the tree is being killed: those that forked meanwhile */
	uint64_t again_ms;
	int pidfd;
	int report_fd;
	int end_fd;
	unsigned n_handles;
	bool is_reporting;
	bool is_notifying;
	bool is_orphan; /* no child of our keeper's */
	pid_t origin;   /* the first keeper */
	bool is_watched;
	bool has_exited;
	bool has_failed;
	bool is_gone;
	bool is_freed;
	struct spawn_failure failure;
	uint64_t ports[PORT_TABLE_MAX / 64]; /* at which it is known to have listened */
	uint64_t mark;
	char sign[64]; /* "BERTH_RUN=…" of its environment */
};

struct process_start {
	uv_loop_t *loop;
	struct broker *broker;
	const struct sock_fprog *filter;
	const char *path; /* of the program */
	struct keep *keep;
	pid_t origin; /* see spawn_mark() */
	const struct spawn_inherited *inherited;
	struct worker_identity who;
	uint64_t n_run; /* of all workers' */
	const struct process_events *events;
	void *owner;
};

/* All of these are for the primary's thread only. None blocks for longer than a fork. */

/*
 * process_new - start one run of a worker
 *
 * @start:  borrowed for the call; what it points to, until process_free()
 *
 * Returns 0, and a process that is yours until process_free(): its events come
 * from the loop, none from in here. Or -errno if no process could be made, and
 * -EINVAL if a sum in braces has no result.
 */
int process_new(const struct process_start *start, struct process **ret_process);

/* What a predecessor of ours has noted of a run. */
struct process_remains {
	pid_t pid;
	bool has_exited;
	bool has_failed;
	bool is_gone;
	uint64_t ports[PORT_TABLE_MAX / 64];
	uint16_t unique_port;
};

/*
 * process_resume - go on with a run that a predecessor of ours started
 *
 * @start:    as for process_new(); its descriptors come from start->keep
 *
 * A child that had not been told to execute its program is ended. Returns 0 as
 * process_new() does, or -errno.
 */
int process_resume(const struct process_start *start, const struct process_remains *remains,
		   struct process **ret_process);

/* Gives a new keeper what it should have of this run. */
void process_store(struct process *p);

/* There is no keeper that would tell of its end: it's watched from here. */
void process_become_orphan(struct process *p);

/* After tree_gone. Takes NULL, returns NULL. The memory goes when the loop has closed the handles. */
struct process *process_free(struct process *p);

/*
 * The leader has ended, with this status as wait() gives it, or PROCESS_STATUS_UNKNOWN.
 * Calls exited or failed.
 */
#define PROCESS_STATUS_UNKNOWN (-1)

void process_exited(struct process *p, int status);

/* The leader's, also when it is dead. */
pid_t process_pid(const struct process *p);

/* Whether nobody of its tree is left. */
bool process_is_gone(const struct process *p);

/* Sends @signal to the leader, if it lives. */
void process_signal_leader(const struct process *p, int signal);

/* Sends @signal to all of the tree but the leader. */
void process_signal_rest(const struct process *p, int signal);

/* The same with a census that is at hand; see tree_census_new(). */
void process_signal_rest_in(const struct process *p, struct tree_census *c, int signal);

/* Visits its processes; see tree_each(). */
int process_each(const struct process *p, struct tree_census *c, tree_visit *visit, void *arg);

/* Whether who stands at the beginning of @line is one of its processes. */
bool process_has(const struct process *p, const struct tree_line *line);

/* Its processes: see tree_pids(). */
int process_pids(const struct process *p, pid_t *ret_pids, size_t n_max);

/* What tells its tree; the texts in it are the process's own. */
struct tree process_tree(const struct process *p);

/* Kills all of it, and goes on until it is gone. */
void process_kill(struct process *p);

#endif
