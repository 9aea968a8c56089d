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
#include "primary/broker.h"

struct process;

struct process_events {
	/* The leader has died and is reaped, with a status as wait() gives it. */
	void (*exited)(struct process *p, int status);

	/* The leader never became the worker's program; it is reaped. */
	void (*failed)(struct process *p, const struct spawn_failure *failure);

	/* After one of these: no process of its tree is left. */
	void (*tree_gone)(struct process *p);
};

struct process {
	uv_loop_t *loop;
	struct broker *broker;
	struct broker_client client;
	const struct process_events *events;
	void *owner;
	struct output_stream *streams[2];
	uv_poll_t report_poll;
	uv_poll_t notify_poll;
	uv_timer_t again; /* while the tree is being killed: those that forked meanwhile */
	uint64_t again_ms;
	int pidfd;
	int report_fd;
	unsigned n_handles;
	bool is_reporting;
	bool is_notifying;
	bool has_exited;
	bool has_failed;
	bool is_gone;
	bool is_freed;
	struct spawn_failure failure;
	char mark[64]; /* "BERTH_RUN=…" of its environment */
};

struct process_start {
	uv_loop_t *loop;
	struct broker *broker;
	const struct sock_fprog *filter;
	const char *path; /* of the program */
	const struct spawn_inherited *inherited;
	struct worker_identity who;
	const struct process_events *events;
	void *owner;
};

/* 0, or -errno if no process could be made. It is yours until process_free(). */
int process_new(const struct process_start *start, struct process **ret_process);

/* After tree_gone. The memory goes when the loop has closed the handles. */
struct process *process_free(struct process *p);

/* The leader was reaped by whoever reaps children. */
void process_exited(struct process *p, int status);

pid_t process_pid(const struct process *p);
bool process_is_gone(const struct process *p);

/* To the leader, and to all but the leader. */
void process_signal_leader(const struct process *p, int signal);
void process_signal_rest(const struct process *p, int signal);

/* Kills all of it, and goes on until it is gone. */
void process_kill(struct process *p);

#endif
