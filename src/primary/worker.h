/*
 * The worker of one slot: core/worker_fsm decides, this acts.
 */
#ifndef BERTH_PRIMARY_WORKER_H
#define BERTH_PRIMARY_WORKER_H

#include <uv.h>

#include "core/backoff.h"
#include "core/state.h"
#include "core/worker_fsm.h"
#include "primary/process.h"

struct worker;

/* What a worker needs of the primary, and tells it. One for all workers. */
struct worker_home {
	uv_loop_t *loop;
	const struct app_config *config;
	struct broker *broker;
	const struct sock_fprog *filter;
	const char *path; /* of the program */
	struct keep *keep;
	pid_t origin; /* see spawn_mark() */
	struct spawn_inherited inherited;
	unsigned n_workers;
	uint64_t n_runs; /* of all workers, ever */

	void (*on_ready)(struct worker *w);

	/* The slot is empty for good; @w may be freed in here. */
	void (*on_gone)(struct worker *w);
};

struct worker {
	struct worker_home *home;
	unsigned slot;
	enum worker_state state;
	struct process *process; /* NULL while the slot is empty */
	struct backoff backoff;
	uint64_t pause_ms; /* before the next start */
	int64_t started_at_ms;
	int64_t deadline_ms; /* of the stop that is under way, or the end of the pause */
	unsigned n_restarts;
	int exit_status;  /* of the last run, as wait() gives it */
	bool was_ready;   /* in the last run */
	bool is_overdue;  /* a timer has brought us to this state */
	int give_up_code; /* not 0: the app cannot run, and berth should exit with this */
	uv_timer_t timer;
};

/* All of these are for the primary's thread only. None blocks for longer than a fork. */

/* An empty slot, yours: send it EV_START. @home is borrowed. NULL without memory. */
struct worker *worker_new(struct worker_home *home, unsigned slot);

/* Only after on_gone. Takes NULL, returns NULL. The memory goes when the loop has closed the timer. */
struct worker *worker_free(struct worker *w);

/*
 * worker_resume - go on where a predecessor of ours died
 *
 * @remains: what it noted of the slot
 *
 * For a worker that worker_new() has just made. Does nothing yet.
 */
void worker_resume(struct worker *w, const struct state_worker *remains);

/*
 * Does what the state of a resumed worker wants done and may not have been: some of it
 * is done twice then. @w may be gone afterwards.
 */
void worker_go_on(struct worker *w);

/* What a successor has to know of the slot. */
void worker_remains(const struct worker *w, struct state_worker *ret_remains);

/* EV_START, EV_LISTENING, EV_STOP, EV_NOW from outside; the rest comes from within. */
void worker_event(struct worker *w, enum worker_event event);

#endif
