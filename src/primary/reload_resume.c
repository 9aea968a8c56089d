/*
 * A reload from primary to primary: what is noted of it, and how far it is by what is there.
 */
#include <string.h>

#include "primary/reload.h"

static void remains(const struct reload *r, struct state_reload *ret_remains)
{
	*ret_remains = (struct state_reload){
		.number = r->number,
		.began_ms = r->began_ms,
		.watch_due_ms = r->watch_due_ms,
		.phase = r->rollout.phase,
		.from = r->from,
		.to = r->to,
		.next = r->n_generations,
		.canary_percent = r->wish.canary_percent,
		.watch_ms = r->wish.watch_ms,
		.uid = r->wish.uid,
	};
	ret_remains->flags |= r->rollout.is_canary_over ? STATE_RELOAD_CANARY_OVER : 0;
	ret_remains->flags |= r->is_undo ? STATE_RELOAD_IS_UNDO : 0;
	ret_remains->flags |= r->rollout.rules.is_watched ? STATE_RELOAD_IS_WATCHED : 0;
	ret_remains->flags |= r->has_failed ? STATE_RELOAD_HAS_FAILED : 0;
	memcpy(ret_remains->message, r->message, sizeof(ret_remains->message));
	if (r->has_next) {
		ret_remains->flags |= STATE_RELOAD_HAS_NEXT;
		ret_remains->next_canary_percent = r->next.canary_percent;
		ret_remains->next_watch_ms = r->next.watch_ms;
		ret_remains->next_uid = r->next.uid;
	}
}

void reload_remains(const struct reload *r, struct state_app *app)
{
	remains(r, &app->reload);
	app->history.undo_to = r->undo_to;
	app->history.last_number = r->last_number;
	app->history.last_done = r->last_done;
	app->history.n_steps = r->n_steps;
}

/* Which slots have a new one is seen by who is there. */
static void look_at_slots(struct reload *r)
{
	for (unsigned slot = 1; slot <= r->rollout.n_slots; slot++) {
		const struct worker *member = r->fleet->workers[slot - 1];
		enum rollout_slot what = ROLLOUT_SLOT_OLD;

		if (member && member->generation == r->to)
			what = ROLLOUT_SLOT_NEW;
		else if (fleet_find_candidate(r->fleet, slot))
			what = member ? ROLLOUT_SLOT_TRYING : ROLLOUT_SLOT_REPLACING;
		r->rollout.slots[slot - 1] = (unsigned char)what;
	}
}

void reload_resume(struct reload *r, const struct state_app *app)
{
	const struct state_reload *remains = &app->reload;
	const struct rollout_rules rules = {
		.max_surge = r->config->max_surge,
		.max_unavailable = r->config->max_unavailable,
		.has_canary = remains->canary_percent > 0,
		.is_watched = remains->flags & STATE_RELOAD_IS_WATCHED,
	};

	r->number = remains->number;
	r->began_ms = remains->began_ms;
	r->watch_due_ms = remains->watch_due_ms;
	r->from = remains->from;
	r->to = remains->to;
	if (remains->next)
		r->n_generations = remains->next;
	r->wish = (struct reload_wish){ remains->canary_percent, remains->watch_ms, remains->uid };
	r->is_undo = remains->flags & STATE_RELOAD_IS_UNDO;
	r->has_failed = remains->flags & STATE_RELOAD_HAS_FAILED;
	r->has_next = remains->flags & STATE_RELOAD_HAS_NEXT;
	r->next = (struct reload_wish){ remains->next_canary_percent, remains->next_watch_ms,
					remains->next_uid };
	memcpy(r->message, remains->message, sizeof(r->message) - 1);
	rollout_begin(&r->rollout, &rules, r->fleet->n_wanted);
	r->rollout.phase = (enum rollout_phase)remains->phase;
	r->rollout.is_canary_over = !rules.has_canary || remains->flags & STATE_RELOAD_CANARY_OVER;
	look_at_slots(r);
	r->undo_to = app->history.undo_to;
	r->last_done = app->history.last_done;
	r->n_steps = app->history.n_steps;
	r->last_number = app->history.last_number;
	if (r->last_number < r->number) /* of those who did not count what was never begun */
		r->last_number = r->number + r->has_next;
	r->next_number = r->last_number;
}
