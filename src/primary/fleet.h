/*
 * All workers of the app: in each slot that is wanted one member, and beside it those
 * that are to become its member, or were.
 */
#ifndef BERTH_PRIMARY_FLEET_H
#define BERTH_PRIMARY_FLEET_H

#include <stdbool.h>
#include <uv.h>

#include "core/app_config.h"
#include "core/state.h"
#include "primary/output.h"
#include "primary/worker.h"

struct fleet {
	const struct app_config *config;
	struct output *output;
	struct ports *ports;
	struct keep *keep;
	struct worker_home home;
	struct worker *workers[APP_WORKERS_MAX];        /* the members, by slot */
	struct worker *others;                          /* candidates, and those that leave */
	struct readiness_ports served[APP_WORKERS_MAX]; /* where the last that was ready listened */
	unsigned generation; /* of members that are started from now on */
	unsigned n_wanted;   /* slots 1 .. n_wanted are to have a worker */
	unsigned n_workers;  /* all of them */
	unsigned n_ready;    /* workers that have become ready, ever */
	bool has_said_ready;
	bool is_stopping;
	bool is_resuming; /* nobody is told yet that no worker is left */
	int exit_code;    /* of berth, as far as the workers have a say in it */
	int64_t started_at_ms;
	uv_timer_t unserved_check;

	/* Berth is stopping, and no worker is left. */
	void (*on_empty)(struct fleet *f);

	/* What happens to single workers, for the reload. @why: the rest of a sentence. */
	void (*on_listening)(struct fleet *f, const struct worker *w);
	void (*on_ready)(struct fleet *f, struct worker *w);
	void (*on_failed)(struct fleet *f, struct worker *w, const char *why);
	void (*on_drain)(struct fleet *f, struct worker *w);
	bool (*on_cut)(struct fleet *f, const struct worker *w);
	void (*on_left)(struct fleet *f); /* one has gone; which doesn't matter */
};

/* All of these are for the primary's thread only. None blocks for longer than a fork. */

/* @f: all zero but for what is borrowed: config, output, ports, keep, home, on_empty. */
int fleet_init(struct fleet *f, uv_loop_t *loop);

/* Closes its handle; the workers must be gone. */
void fleet_done(struct fleet *f);

/* The worker of @run listens at @port. */
void fleet_note_listening(struct fleet *f, uint64_t run, const struct port *port);

/* Whoever comes next in @slot may listen elsewhere. */
void fleet_forget_served(struct fleet *f, unsigned slot);

/* Starts a worker in each slot that should have one and hasn't. */
void fleet_start_missing(struct fleet *f);

/* Stops all workers, and starts none any more; @is_now: without waiting for them. */
void fleet_stop(struct fleet *f, bool is_now);

/*
 * fleet_scale - have another number of workers
 *
 * @n: from 1 to APP_WORKERS_MAX
 *
 * Workers that are too many leave, the last slots first. Does nothing while stopping.
 */
void fleet_scale(struct fleet *f, unsigned n);

/* A child of the keeper's has ended. */
void fleet_note_exit(struct fleet *f, pid_t pid, int status);

/*
 * All workers, one after the other: the members by slot, then the others. NULL begins, and
 * ends it. Whoever sends @w an event asks before what comes next.
 */
struct worker *fleet_next(const struct fleet *f, const struct worker *w);

/* The worker to whose tree the process belongs, or NULL. */
struct worker *fleet_find_process(struct fleet *f, pid_t pid);

/* The worker whose run this is, or NULL. */
struct worker *fleet_find_run(struct fleet *f, uint64_t run);

/* --- one generation in the place of another --- */

/*
 * fleet_try - start a candidate for @slot
 *
 * Before it is ready it must listen wherever the last one in the slot that was ready did;
 * where none ever was, wherever its member does, or at all that --listen names. NULL
 * without memory.
 */
struct worker *fleet_try(struct fleet *f, unsigned slot, unsigned generation);

/*
 * fleet_promote - a worker gets its slot, and clients
 *
 * @w:          a candidate that is ready, or one that was the member and drains or is frozen;
 *              the slot's own member from now on
 * @must_stay:  whoever was the member may be wanted again, and is kept until fleet_keep_only()
 *              or fleet_let_go(); else it goes when its clients have gone
 *
 * First the new one gets clients, then the old one no more. The one that was the member may
 * be freed in here, where it has no process.
 */
void fleet_promote(struct fleet *f, struct worker *w, bool must_stay);

/*
 * fleet_send_away - the member of a slot leaves it, and nobody has it
 *
 * @slot:       has a member; it may be freed in here, where it has no process
 * @must_stay:  as for fleet_promote()
 *
 * Nobody is started in the slot: see fleet_try() and fleet_start_missing().
 */
void fleet_send_away(struct fleet *f, unsigned slot, bool must_stay);

/* The best of @generation that was the member of @slot and could be so again, or NULL. */
struct worker *fleet_find_leaving(struct fleet *f, unsigned slot, unsigned generation);

/* The candidate for @slot, or NULL. */
struct worker *fleet_find_candidate(struct fleet *f, unsigned slot);

/* Ends the candidate for @slot, if there is one. */
void fleet_dismiss_candidate(struct fleet *f, unsigned slot);

/* Ends all candidates. */
void fleet_dismiss_candidates(struct fleet *f);

/*
 * fleet_keep_only - what has left its slot need not stay
 *
 * @kept:     a generation that is kept, once it has drained,
 * @keep_ms:  for so long; what is kept already keeps its own time. 0: not at all
 */
void fleet_keep_only(struct fleet *f, unsigned kept, uint32_t keep_ms);

/* Whether any of @generation is kept. */
bool fleet_keeps(const struct fleet *f, unsigned generation);

/* What has left its slot and is of @generation need not stay; what is of others is left as it is. */
void fleet_let_go(struct fleet *f, unsigned generation);

/* How many beside the members are still on their way out: neither frozen nor stuck. */
unsigned fleet_n_leaving(const struct fleet *f);

/* --- from primary to primary --- */

/* What a successor has to know: into @s, whose arrays have room for all workers. */
void fleet_remains(const struct fleet *f, struct state *s);

/* Takes what a predecessor has noted, once ports and output are there. Does nothing yet. */
void fleet_resume(struct fleet *f, const struct state *s);

/* Does what that wants done. */
void fleet_go_on(struct fleet *f);

/* Gives a new keeper the descriptors of all workers. */
void fleet_store(struct fleet *f);

#endif
