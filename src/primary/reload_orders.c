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

bool reload_can_be_undone(const struct reload *r)
{
	for (unsigned slot = 1; r->undo_to && slot <= r->fleet->n_wanted; slot++)
		if (!fleet_find_leaving(r->fleet, slot, r->undo_to))
			return false;
	return r->undo_to;
}

static struct rollout_now how_things_stand(const struct reload *r)
{
	return (struct rollout_now){
		.phase = r->rollout.phase,
		.is_undo = r->is_undo,
		.has_next = r->has_next,
		.undo_to = r->undo_to,
		.can_come_back = reload_can_be_undone(r),
	};
}

/* No other one ever has this number. */
static uint64_t next_number(struct reload *r)
{
	return ++r->last_number;
}

static void wait_for_turn(struct reload *r, const struct reload_wish *wish,
			  enum rollout_answer answer)
{
	if (answer != ROLLOUT_JOINS)
		r->next_number = next_number(r);
	r->next = *wish;
	r->has_next = true;
	if (answer == ROLLOUT_SUPERSEDES) {
		reload_set_message(r, "reload %llu takes its place",
				   (unsigned long long)r->next_number);
		r->has_failed = true;
	}
	keep_save(r->keep); /* before anybody is answered */
	reload_look_soon(r);
}

int reload_start(struct reload *r, const struct reload_wish *wish, uint64_t *ret_number,
		 enum rollout_answer *ret_answer)
{
	const struct rollout_now now = how_things_stand(r);
	const enum rollout_answer answer = rollout_asked(&now);

	if (r->fleet->is_stopping)
		return -EBUSY;
	if (wish->canary_percent && !r->fleet->ports->steer)
		return -EOPNOTSUPP;
	if (wish->canary_percent && !wish->watch_ms)
		return -EINVAL;
	if (answer == ROLLOUT_BEGINS)
		reload_begin(r, wish, next_number(r));
	else
		wait_for_turn(r, wish, answer);
	*ret_number = answer == ROLLOUT_BEGINS ? r->number : r->next_number;
	*ret_answer = answer;
	return 0;
}

/* --- back --- */

/* Else the very thing would follow that whoever undoes wants to be rid of. */
static void drop_next(struct reload *r, uid_t uid)
{
	if (!r->has_next)
		return;
	r->has_next = false;
	reload_say_of(r, r->next_number, MESSAGE_WARNING, "rolled_back",
		      "not begun: undone by uid %u", (unsigned)uid);
}

static void roll_back(struct reload *r, uid_t uid)
{
	reload_set_message(r, "undone by uid %u", (unsigned)uid);
	r->has_failed = true;
}

static void come_back(struct reload *r, uid_t uid)
{
	const unsigned back_to = r->undo_to;

	fleet_dismiss_candidates(r->fleet);
	r->number = next_number(r);
	r->is_undo = true;
	r->message[0] = '\0';
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
}

/* There is one definition for all generations: the command. */
static void start_anew(struct reload *r, uid_t uid, uint64_t *ret_number)
{
	const struct reload_wish wish = { .watch_ms = r->config->watch_ms, .uid = uid };
	const unsigned back_to = r->undo_to;
	enum rollout_answer answer;

	(void)reload_start(r, &wish, ret_number, &answer);
	reload_say_of(r, *ret_number, MESSAGE_WARNING, "undo_late",
		      "the workers of generation %u are not kept any more: the command is started "
		      "anew, as it is on the disk now",
		      back_to);
}

int reload_undo(struct reload *r, uid_t uid, uint64_t *ret_number, enum rollout_way_back *ret_way)
{
	const struct rollout_now now = how_things_stand(r);
	const enum rollout_way_back way = rollout_asked_back(&now);

	if (r->fleet->is_stopping)
		return -EBUSY;
	if (way == ROLLOUT_BACK_NOWHERE)
		return -ENOENT;
	drop_next(r, uid);
	switch (way) {
	case ROLLOUT_BACK_NOWHERE:
	case ROLLOUT_BACK_JOINS: break;
	case ROLLOUT_BACK_ROLLS: roll_back(r, uid); break;
	case ROLLOUT_BACK_AT_ONCE: come_back(r, uid); break;
	case ROLLOUT_BACK_RELOADING: start_anew(r, uid, ret_number); break;
	}
	if (way != ROLLOUT_BACK_RELOADING)
		*ret_number = r->number;
	*ret_way = way;
	keep_save(r->keep);
	reload_look_soon(r);
	return 0;
}
