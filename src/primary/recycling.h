/*
 * Replaces single workers by others of the same generation: those that core/recycle finds
 * due, and those that hang. Always the new one first, always one slot at a time, and none
 * while a reload runs: a candidate in the slot, which becomes its member when it's ready.
 */
#ifndef BERTH_PRIMARY_RECYCLING_H
#define BERTH_PRIMARY_RECYCLING_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/recycle.h"
#include "core/state.h"
#include "primary/fleet.h"
#include "primary/memory_look.h"
#include "primary/output.h"
#include "primary/reload.h"

#define RECYCLING_WHY_MAX 512

struct recycling {
	const struct app_config *config;
	struct fleet *fleet;
	const struct reload *reload;
	struct output *output;
	struct keep *keep;
	uv_timer_t timer;
	struct memory_look *memory; /* NULL: nobody asked for it */
	unsigned slot;              /* whose replacement comes up, 0: none's */
	unsigned generation;        /* of that one */
	enum recycle_reason reason;
	char why[RECYCLING_WHY_MAX]; /* the replacement has failed; "": it hasn't */
	unsigned n_failures;         /* in a row; a limit that is reached at once counts, too */
	int64_t not_before_ms;

	/* What was asked for is over. @why: it has failed, the rest of a sentence; NULL: it hasn't. */
	void (*on_ended)(void *data, const char *why);
	void *on_ended_data;
};

/* All of these are for the primary's thread only. None blocks for longer than a fork. */

/* @r: all zero but for what is borrowed: config, fleet, reload, output, keep. 0 or -errno. */
int recycling_init(struct recycling *r, uv_loop_t *loop);

/* Closes its handle. */
void recycling_done(struct recycling *r);

/* Something has happened to some worker. */
void recycling_note_news(struct recycling *r);

/* @w has failed: @why is the rest of a sentence. */
void recycling_note_failed(struct recycling *r, const struct worker *w, const char *why);

/* Whether another replacement could begin now, but for the back-off of those that can wait. */
bool recycling_is_idle(const struct recycling *r);

/*
 * recycling_replace - replace the member of @slot, which is ready
 *
 * @details: what is the matter with it, the rest of a sentence: "hangs"
 *
 * Only while recycling_is_idle(). One that hangs gets no new clients from now on.
 */
void recycling_replace(struct recycling *r, unsigned slot, enum recycle_reason reason,
		       const char *details);

/* --- from primary to primary --- */

void recycling_remains(const struct recycling *r, struct state_recycling *ret_remains);

/* After fleet_resume(). Does nothing yet. */
void recycling_resume(struct recycling *r, const struct state_recycling *remains);

/* Begins, or goes on; after fleet_go_on() and reload_go_on(). */
void recycling_go_on(struct recycling *r);

#endif
