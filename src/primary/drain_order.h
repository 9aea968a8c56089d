/*
 * `berth drain`: one worker is replaced, the new one first, and its clients leave. One
 * order at a time: recycling does it, this knows how far it is.
 */
#ifndef BERTH_PRIMARY_DRAIN_ORDER_H
#define BERTH_PRIMARY_DRAIN_ORDER_H

#include <stdint.h>

#include "core/state.h"
#include "primary/recycling.h"

enum drain_order_state {
	DRAIN_ORDER_NONE = 0,
	DRAIN_ORDER_STARTING, /* another one comes up */
	DRAIN_ORDER_DRAINING, /* that one serves, the old one's clients leave */
	DRAIN_ORDER_DONE,     /* it is gone */
	DRAIN_ORDER_FAILED,   /* it goes on */
};

#define DRAIN_ORDER_STATES (DRAIN_ORDER_FAILED + 1)

struct drain_order {
	struct fleet *fleet;
	struct recycling *recycling;
	struct output *output;
	struct keep *keep;
	uint64_t number;
	uint64_t run; /* that is to leave */
	unsigned slot;
	enum drain_order_state state;
	char message[RECYCLING_WHY_MAX]; /* why it has failed */
};

/* All of these are for the primary's thread only. None blocks for longer than a fork. */

/* @o: all zero but for what is borrowed: fleet, recycling, output, keep. */
void drain_order_init(struct drain_order *o);

/*
 * drain_order_begin - replace the worker of @slot
 *
 * @ret_number: of the order
 *
 * 0; -EBUSY while berth stops; -EINVAL if there's no such slot; -ENOENT if no worker serves
 * in it; -EALREADY while a reload runs, or another worker is replaced or drains.
 */
int drain_order_begin(struct drain_order *o, unsigned slot, uint64_t *ret_number);

/* Some worker has gone. */
void drain_order_note_left(struct drain_order *o);

/* The worker that it's about, as long as it is there; or NULL. */
const struct worker *drain_order_worker(const struct drain_order *o);

/* One word each, for people and programs. */
const char *drain_order_text(enum drain_order_state state);

/* --- from primary to primary --- */

void drain_order_remains(const struct drain_order *o, struct state_drain *ret_remains);
void drain_order_resume(struct drain_order *o, const struct state_drain *remains);

/* After recycling_go_on(). */
void drain_order_go_on(struct drain_order *o);

#endif
