/*
 * What somebody asks of reloads: another one, or back.
 */
#include "os/clock.h"
#include "primary/reload_parts.h"

void reload_begin(struct reload *r, const struct reload_wish *wish, uint64_t number)
{
	const struct rollout_rules rules = {
		.max_surge = r->config->max_surge,
		.max_unavailable = r->config->max_unavailable,
		.has_canary = wish->canary_percent > 0,
		.is_watched = wish->watch_ms > 0,
	};

	r->number = number;
	r->wish = *wish;
	r->is_undo = false;
	r->has_failed = false;
	r->message[0] = '\0';
	r->from = r->fleet->generation;
	r->to = ++r->n_generations;
	r->began_ms = clock_ms();
	fleet_dismiss_candidates(r->fleet); /* single replacements: all are replaced now */
	rollout_begin(&r->rollout, &rules, r->fleet->n_wanted);
	keep_save(r->keep);
	reload_say(r, MESSAGE_INFO, "reload_begun",
		   "%s: from generation %u to %u, %u slot%s (uid %u)", r->config->name, r->from,
		   r->to, r->rollout.n_slots, r->rollout.n_slots == 1 ? "" : "s",
		   (unsigned)wish->uid);
	reload_look_soon(r);
}

int reload_start(struct reload *r, const struct reload_wish *wish, uint64_t *ret_number,
		 enum rollout_answer *ret_answer)
{
	const struct rollout_now now = { .phase = r->rollout.phase, .has_next = r->has_next };

	if (r->fleet->is_stopping)
		return -EBUSY;
	if (wish->canary_percent && !r->fleet->ports->steer)
		return -EOPNOTSUPP;
	if (wish->canary_percent && !wish->watch_ms)
		return -EINVAL;
	*ret_answer = rollout_asked(&now);
	if (*ret_answer == ROLLOUT_BEGINS) {
		*ret_number = r->number + 1;
		reload_begin(r, wish, *ret_number);
		return 0;
	}
	if (*ret_answer != ROLLOUT_JOINS)
		r->next_number = r->number + 1;
	r->next = *wish;
	r->has_next = true;
	*ret_number = r->next_number;
	if (*ret_answer == ROLLOUT_SUPERSEDES) {
		reload_set_message(r, "reload %llu takes its place",
				   (unsigned long long)*ret_number);
		r->has_failed = true;
	}
	reload_look_soon(r);
	return 0;
}

bool reload_can_be_undone(const struct reload *r)
{
	for (unsigned slot = 1; r->undo_to && slot <= r->fleet->n_wanted; slot++)
		if (!fleet_find_leaving(r->fleet, slot, r->undo_to))
			return false;
	return r->undo_to;
}

int reload_undo(struct reload *r, uid_t uid, uint64_t *ret_number)
{
	const unsigned back_to = r->undo_to;

	if (r->fleet->is_stopping)
		return -EBUSY;
	if (reload_is_open(r)) {
		*ret_number = r->number;
		reload_set_message(r, "undone by uid %u", (unsigned)uid);
		r->has_failed = true;
		reload_look_soon(r);
		return 0;
	}
	if (r->rollout.phase == ROLLOUT_UNDOING || !reload_can_be_undone(r))
		return -ENOENT;
	fleet_dismiss_candidates(r->fleet);
	/* One that waits for its turn is not begun any more. */
	r->number = (r->has_next ? r->next_number : r->number) + 1;
	r->has_next = false;
	*ret_number = r->number;
	r->is_undo = true;
	r->began_ms = clock_ms();
	r->from = r->fleet->generation;
	r->to = back_to;
	r->undo_to = 0;
	r->fleet->generation = back_to;
	r->rollout.phase = ROLLOUT_SETTLING;
	keep_save(r->keep);
	reload_settle(r);
	reload_say(r, MESSAGE_INFO, "undone", "generation %u serves again (uid %u)", back_to,
		   (unsigned)uid);
	reload_look_soon(r);
	return 0;
}
