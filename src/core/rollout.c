/*
 * Counts who is on trial, and says who comes next.
 */
#include "core/rollout.h"

#include <assert.h>
#include <string.h>

void rollout_begin(struct rollout *r, const struct rollout_rules *rules, unsigned n_slots)
{
	assert(n_slots <= APP_WORKERS_MAX && rules->max_surge + rules->max_unavailable > 0);
	memset(r, 0, sizeof(*r));
	r->phase = ROLLOUT_ROLLING;
	r->rules = *rules;
	r->is_canary_over = !rules->has_canary;
	r->n_slots = n_slots;
}

static unsigned count(const struct rollout *r, enum rollout_slot what)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->n_slots; i++)
		n += r->slots[i] == what;
	return n;
}

unsigned rollout_n_new(const struct rollout *r)
{
	return count(r, ROLLOUT_SLOT_NEW);
}

bool rollout_is_tried(const struct rollout *r, unsigned slot)
{
	const unsigned char what = r->slots[slot - 1];

	return what == ROLLOUT_SLOT_TRYING || what == ROLLOUT_SLOT_REPLACING;
}

/* How the next one may come up, if one may. A canary is always one more: it has not the share of one. */
static enum rollout_act way_to_try(const struct rollout *r)
{
	const unsigned n_trying = count(r, ROLLOUT_SLOT_TRYING);
	const unsigned n_replacing = count(r, ROLLOUT_SLOT_REPLACING);

	if (!r->is_canary_over)
		return n_trying ? ROLLOUT_WAIT : ROLLOUT_TRY;
	if (n_trying < r->rules.max_surge)
		return ROLLOUT_TRY;
	return n_replacing < r->rules.max_unavailable ? ROLLOUT_REPLACE : ROLLOUT_WAIT;
}

/* Beside the old ones first; more at a time only in the place of one. */
static enum rollout_act try_next(struct rollout *r, unsigned *ret_slot)
{
	const enum rollout_act way = way_to_try(r);

	if (way == ROLLOUT_WAIT)
		return ROLLOUT_WAIT;
	for (unsigned i = 0; i < r->n_slots; i++) {
		if (r->slots[i] != ROLLOUT_SLOT_OLD)
			continue;
		r->slots[i] = way == ROLLOUT_TRY ? ROLLOUT_SLOT_TRYING : ROLLOUT_SLOT_REPLACING;
		*ret_slot = i + 1;
		return way;
	}
	return ROLLOUT_WAIT;
}

enum rollout_act rollout_next(struct rollout *r, unsigned *ret_slot)
{
	if (r->phase != ROLLOUT_ROLLING)
		return ROLLOUT_WAIT;
	if (rollout_n_new(r) < r->n_slots) {
		/* The canary has proved itself: the slot is its own. */
		if (r->rules.has_canary && r->is_canary_over && r->n_slots &&
		    r->slots[0] == ROLLOUT_SLOT_TRYING && rollout_n_new(r) == 0) {
			r->slots[0] = ROLLOUT_SLOT_NEW;
			*ret_slot = 1;
			return ROLLOUT_PROMOTE;
		}
		return try_next(r, ret_slot);
	}
	if (r->rules.is_watched) {
		r->phase = ROLLOUT_WATCHING;
		return ROLLOUT_WATCH;
	}
	r->phase = ROLLOUT_SETTLING;
	return ROLLOUT_COMMIT;
}

enum rollout_act rollout_is_ready(struct rollout *r, unsigned slot)
{
	if (r->phase != ROLLOUT_ROLLING || slot == 0 || slot > r->n_slots ||
	    !rollout_is_tried(r, slot))
		return ROLLOUT_WAIT;
	if (!r->is_canary_over) {
		r->phase = ROLLOUT_CANARY;
		return ROLLOUT_LET_CANARY;
	}
	r->slots[slot - 1] = ROLLOUT_SLOT_NEW;
	return ROLLOUT_PROMOTE;
}

void rollout_is_watched(struct rollout *r)
{
	if (r->phase == ROLLOUT_CANARY) {
		r->is_canary_over = true;
		r->phase = ROLLOUT_ROLLING;
	} else if (r->phase == ROLLOUT_WATCHING) {
		r->rules.is_watched = false;
		r->phase = ROLLOUT_ROLLING; /* nothing is left to be tried: it commits next */
	}
}

bool rollout_undo(struct rollout *r)
{
	if (r->phase != ROLLOUT_ROLLING && r->phase != ROLLOUT_CANARY &&
	    r->phase != ROLLOUT_WATCHING)
		return false;
	r->phase = ROLLOUT_UNDOING;
	return true;
}

void rollout_has_left(struct rollout *r)
{
	if (r->phase == ROLLOUT_SETTLING)
		r->phase = ROLLOUT_DONE;
	else if (r->phase == ROLLOUT_UNDOING)
		r->phase = ROLLOUT_ROLLED_BACK;
}

bool rollout_is_running(const struct rollout *r)
{
	return r->phase != ROLLOUT_NONE && r->phase != ROLLOUT_DONE &&
	       r->phase != ROLLOUT_ROLLED_BACK;
}

const char *rollout_phase_text(enum rollout_phase phase)
{
	static const char *const texts[ROLLOUT_PHASES] = {
		[ROLLOUT_NONE] = "none",         [ROLLOUT_ROLLING] = "rolling",
		[ROLLOUT_CANARY] = "canary",     [ROLLOUT_WATCHING] = "watching",
		[ROLLOUT_SETTLING] = "settling", [ROLLOUT_UNDOING] = "undoing",
		[ROLLOUT_DONE] = "done",         [ROLLOUT_ROLLED_BACK] = "rolled-back",
	};

	assert((unsigned)phase < ROLLOUT_PHASES);
	return texts[phase];
}
