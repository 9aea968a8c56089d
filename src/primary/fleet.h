/*
 * All workers of the app: as many as are wanted, each in its slot.
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
	struct worker *workers[APP_WORKERS_MAX];
	unsigned n_wanted; /* slots 1 .. n_wanted are to have a worker */
	unsigned n_workers;
	unsigned n_ready; /* workers that have become ready, ever */
	bool has_said_ready;
	bool is_stopping;
	bool is_resuming; /* nobody is told yet that no worker is left */
	int exit_code;    /* of berth, as far as the workers have a say in it */
	int64_t started_at_ms;
	uv_timer_t unserved_check;

	/* Berth is stopping, and no worker is left. */
	void (*on_empty)(struct fleet *f);
};

/* All of these are for the primary's thread only. None blocks for longer than a fork. */

/* @f: all zero but for what is borrowed: config, output, ports, keep, home, on_empty. */
int fleet_init(struct fleet *f, uv_loop_t *loop);

/* Closes its handle; the workers must be gone. */
void fleet_done(struct fleet *f);

/* A worker listens at @port. */
void fleet_note_listening(struct fleet *f, unsigned slot, const struct port *port);

/* Starts a worker in each slot that should have one and hasn't. */
void fleet_start_missing(struct fleet *f);

/* Stops all workers, and starts none any more; @is_now: without waiting for them. */
void fleet_stop(struct fleet *f, bool is_now);

/*
 * fleet_scale - have another number of workers
 *
 * @n: from 1 to APP_WORKERS_MAX
 *
 * Workers that are too many are stopped, the last slots first. Does nothing while stopping.
 */
void fleet_scale(struct fleet *f, unsigned n);

/* A child of the keeper's has ended. */
void fleet_note_exit(struct fleet *f, pid_t pid, int status);

/* The worker whose run this is, or NULL. */
struct worker *fleet_find_run(struct fleet *f, uint64_t run);

/* --- from primary to primary --- */

/* What a successor has to know: into @s, whose arrays have room for all slots. */
void fleet_remains(const struct fleet *f, struct state *s);

/* Takes what a predecessor has noted, once ports and output are there. Does nothing yet. */
void fleet_resume(struct fleet *f, const struct state *s);

/* Does what that wants done. */
void fleet_go_on(struct fleet *f);

/* Gives a new keeper the descriptors of all workers. */
void fleet_store(struct fleet *f);

#endif
