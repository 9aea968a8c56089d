/*
 * One worker: core/worker_fsm decides, this acts.
 */
#ifndef BERTH_PRIMARY_WORKER_H
#define BERTH_PRIMARY_WORKER_H

#include <uv.h>

#include "core/backoff.h"
#include "core/readiness.h"
#include "core/restarts.h"
#include "core/state.h"
#include "core/worker_fsm.h"
#include "primary/process.h"

#define WORKER_PROBE_TEXT_MAX 256

struct health;
struct worker;

/* What a worker needs of the primary, and tells it. One for all workers. */
struct worker_home {
	uv_loop_t *loop;
	const struct app_config *config;
	struct broker *broker;
	const struct sock_fprog *filter;
	const char *path;        /* of the program */
	const char *notify_name; /* for NOTIFY_SOCKET; NULL: there is none */
	struct keep *keep;
	pid_t origin; /* see spawn_mark() */
	struct spawn_inherited inherited;
	unsigned n_workers;
	uint64_t n_runs; /* of all workers, ever */
	bool has_begun;  /* the program has been executed, at least once */

	void (*on_ready)(struct worker *w);

	/* It has failed: @why is the rest of a sentence. It may not be freed in here. */
	void (*on_failed)(struct worker *w, const char *why);

	/* Whether it may be ended because it's unwell: whether another serves, or there is none. */
	bool (*may_end)(const struct worker *w);

	/* It drains, or does no more, or is stuck: the state tells which. */
	void (*on_drain)(struct worker *w);

	/* Its time to drain is over: cuts its connections. Whether it has none left now. */
	bool (*on_cut)(struct worker *w);

	/* It has ended, and its slot stays empty. */
	void (*on_ended)(struct worker *w);

	/* The worker is gone for good; @w may be freed in here. */
	void (*on_gone)(struct worker *w);
};

/* While it drains: of the last look, for which its processes stand still. */
struct worker_stand {
	bool is_asked;     /* they were told to */
	bool is_still;     /* and did, when they were looked at */
	bool is_ripe;      /* and none was missed: none does anything until it is let go on */
	bool is_alone;     /* it is one process */
	bool is_empty;     /* nobody was found: it may go */
	int64_t since_ms;  /* that it was told to */
	int64_t again_ms;  /* not before: clients were found */
	uint32_t pause_ms; /* that it had been since the time before */
};

struct worker {
	struct worker_home *home;
	struct worker *next; /* for the fleet, which keeps those without a slot of their own so */
	unsigned slot;
	enum worker_role role;
	unsigned generation;
	enum worker_state state;
	struct process *process; /* NULL while there is none */
	struct backoff backoff;
	struct restarts restarts;
	uint64_t pause_ms; /* before the next start */
	int64_t started_at_ms;
	int64_t deadline_ms; /* of what its state waits for, 0: none */
	uint32_t late_ms;    /* by which a drain's deadline was put off */
	bool is_looked_at;   /* while it drains: whose connections they are is known */
	bool is_unseen;      /* and we may not look into all of its processes */
	struct worker_stand stand;
	unsigned n_restarts;
	struct readiness_ports wanted; /* where it must listen to be ready; empty: anywhere */
	uint32_t keep_ms; /* that it's kept frozen once it has drained; 0: it is stopped then */
	bool must_stay;   /* what drains or is frozen may be wanted again: no deadline ends it */
	int exit_status;  /* of the last run, as wait() gives it */
	bool was_ready;   /* in the last run */
	bool is_frozen;   /* its processes stand still */
	bool is_overdue;  /* a timer has brought us to this state */
	bool is_stuck;    /* it was killed, and nobody waits any more for its end */
	int give_up_code; /* not 0: the app cannot run, and berth should exit with this */
	struct health *health; /* NULL: it isn't probed */
	bool has_passed;       /* the last probe */
	bool is_spared;        /* it fails its probe, and nobody else would serve */
	bool has_notified;     /* READY=1 has come, in this run */
	char probe_text[WORKER_PROBE_TEXT_MAX]; /* why its last probe failed */
	uv_timer_t timer;
};

/* All of these are for the primary's thread only. None blocks for longer than a fork. */

/* A worker without a process, yours: send it EV_START. @home is borrowed. NULL without memory. */
struct worker *worker_new(struct worker_home *home, unsigned slot, enum worker_role role,
			  unsigned generation);

/* Only after on_gone. Takes NULL, returns NULL. The memory goes when the loop has closed the timer. */
struct worker *worker_free(struct worker *w);

/*
 * worker_resume - go on where a predecessor of ours died
 *
 * @remains: what it noted of the worker
 *
 * For a worker that worker_new() has just made. Does nothing yet.
 */
void worker_resume(struct worker *w, const struct state_worker *remains);

/*
 * Does what the state of a resumed worker wants done and may not have been: some of it
 * is done twice then. @w may be gone afterwards.
 */
void worker_go_on(struct worker *w);

/* What a successor has to know of it. */
void worker_remains(const struct worker *w, struct state_worker *ret_remains);

/* EV_START, EV_STOP, EV_NOW, EV_FREEZE, EV_RESUME from outside; the rest comes from within. */
void worker_event(struct worker *w, enum worker_event event);

/* It listens at one more port, or something else has happened that it may have lacked. */
void worker_look_ready(struct worker *w);

/* It has sent READY=1. */
void worker_note_notified(struct worker *w);

/* Whether it's worth while to probe it now. */
bool worker_wants_probe(const struct worker *w);

/* What it has of what it needs to be ready. */
struct readiness worker_readiness(const struct worker *w);

/* It gets clients from now on, and is replaced when it dies. */
void worker_become_member(struct worker *w);

/* No new clients until worker_become_member(), though it is the member. */
void worker_hold(struct worker *w);

/* It gets no more, and goes as soon as those that it has are gone: or is kept, if @must_stay. */
void worker_leave(struct worker *w, bool must_stay);

/*
 * worker_put_off - puts the end of a drain off, at which clients that are left are cut off
 *
 * @due_ms:  until then; but all together by no more than the drain may take: again and again
 *           is not for ever
 */
void worker_put_off(struct worker *w, int64_t due_ms);

/* What drains or is frozen need not stay; it's kept for @keep_ms, from the first time on. */
void worker_let_go(struct worker *w, uint32_t keep_ms);

/* Once its clients have left: whether it is kept, frozen; and whether anything becomes of it. */
bool worker_is_to_freeze(const struct worker *w);
bool worker_may_go(const struct worker *w);

/* It goes on accepting clients, from a socket that others accept from, too. */
bool worker_shares_listener(const struct worker *w);

/* Its processes are to stand still, for a last look at who draining has left; also once more. */
void worker_stand(struct worker *w, struct tree_census *c, int64_t now_ms);

/* Notes whether they do. */
void worker_note_still(struct worker *w, struct tree_census *c);

/* It has clients, and goes on: it isn't asked again for a while, each time a longer one. */
void worker_serve_on(struct worker *w, int64_t now_ms);

/* The last of its clients has left. */
void worker_drained(struct worker *w);

/* Whether there is a process in it that runs. */
bool worker_is_running(const struct worker *w);

#endif
