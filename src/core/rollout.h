/*
 * How one generation takes the place of another, slot by slot: what is to be done
 * next. Whoever does it tells what came of it.
 *
 *   rolling -> watching -> settling -> done
 *   canary -> rolling                            the first one proves itself alone before
 *   canary, rolling, watching -> undoing -> rolled back
 *
 * Until the watch is over nothing is final: those who had the slots before are still
 * there, and take them back. From then on (settling) they only have to leave.
 */
#ifndef BERTH_CORE_ROLLOUT_H
#define BERTH_CORE_ROLLOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/app_config.h"

enum rollout_phase {
	ROLLOUT_NONE = 0,
	ROLLOUT_ROLLING,
	ROLLOUT_CANARY,   /* the canary has its share, and is watched */
	ROLLOUT_WATCHING, /* every slot has a new one, and all are watched */
	ROLLOUT_SETTLING, /* it's final; the old ones leave */
	ROLLOUT_UNDOING,  /* the new ones leave */
	ROLLOUT_DONE,
	ROLLOUT_ROLLED_BACK,
};

#define ROLLOUT_PHASES (ROLLOUT_ROLLED_BACK + 1)

enum rollout_slot {
	ROLLOUT_SLOT_OLD = 0,
	ROLLOUT_SLOT_TRYING,    /* a new one comes up beside the old one */
	ROLLOUT_SLOT_REPLACING, /* a new one comes up, the old one was sent away */
	ROLLOUT_SLOT_NEW,
};

struct rollout_rules {
	unsigned max_surge; /* new ones that may come up at once, beside all the old ones */
	unsigned
		max_unavailable; /* slots whose old one may be sent away before the new one is ready */
	bool has_canary;
	bool is_watched; /* there's a time to watch the whole, and the canary */
};

struct rollout {
	enum rollout_phase phase;
	struct rollout_rules rules;
	bool is_canary_over;
	unsigned n_slots;
	unsigned char slots[APP_WORKERS_MAX]; /* enum rollout_slot, of slot i + 1 */
};

enum rollout_act {
	ROLLOUT_WAIT = 0,
	ROLLOUT_TRY,        /* start a new one in the slot, the old one goes on */
	ROLLOUT_REPLACE,    /* send the old one away, start a new one */
	ROLLOUT_LET_CANARY, /* it is ready: give it its share, arm the watch */
	ROLLOUT_PROMOTE,    /* it is ready: the slot is its own */
	ROLLOUT_WATCH,      /* arm the watch of the whole */
	ROLLOUT_COMMIT,     /* it's final: let go of the old ones */
};

/* @rules: at least one of the two numbers is not 0. Any thread, as all of these. None blocks. */
void rollout_begin(struct rollout *r, const struct rollout_rules *rules, unsigned n_slots);

/*
 * rollout_next - what is to be done next
 *
 * @ret_slot: 1 .. n_slots, where the act is about one
 *
 * Call it until it says ROLLOUT_WAIT: each answer is taken for done.
 */
enum rollout_act rollout_next(struct rollout *r, unsigned *ret_slot);

/* The new one in @slot is ready. What is to be done about it. */
enum rollout_act rollout_is_ready(struct rollout *r, unsigned slot);

/* The time of the watch is over. */
void rollout_is_watched(struct rollout *r);

/* Whether what has failed can be undone, and is from now on. */
bool rollout_undo(struct rollout *r);

/* Whoever had to leave has left. */
void rollout_has_left(struct rollout *r);

/* Whether something is still to be done or waited for. */
bool rollout_is_running(const struct rollout *r);

/* Whether a new one comes up in @slot. */
bool rollout_is_tried(const struct rollout *r, unsigned slot);

/* How many slots have a new one. */
unsigned rollout_n_new(const struct rollout *r);

/* One word each, for people and programs. */
const char *rollout_phase_text(enum rollout_phase phase);

#endif
