/*
 * Looks at the workers, asks core/rollout what is next, and does it; again after each
 * thing that happens to a worker. What is to be done follows from what is there: so a
 * successor goes on with the first look.
 */
#include "primary/reload.h"

#include <stdio.h>
#include <string.h>

#include "base/container_of.h"
#include "os/clock.h"
#include "primary/canary_watch.h"
#include "primary/reload_parts.h"

#define TAIL_SHOWN_MAX 300

static double since_s(const struct reload *r)
{
	return (double)(clock_ms() - r->began_ms) / 1000;
}

static const char *app_of(const struct reload *r)
{
	return r->config->name;
}

/* --- acts --- */

static void try_slot(struct reload *r, unsigned slot, bool is_instead)
{
	struct fleet *f = r->fleet;

	if (is_instead && f->workers[slot - 1])
		fleet_send_away(f, slot, true);
	reload_say(r, MESSAGE_INFO, "reload_try", "%s.%u: generation %u starts%s", app_of(r), slot,
		   r->to, is_instead ? " in the place of the old one" : "");
	if (!fleet_try(f, slot, r->to))
		reload_look_soon(r);
}

static void promote(struct reload *r, unsigned slot)
{
	struct worker *w = fleet_find_candidate(r->fleet, slot);

	if (!w)
		return;
	reload_end_canary(r);
	fleet_promote(r->fleet, w, true);
	reload_watch_rest(r);
	reload_say(r, MESSAGE_INFO, "reload_slot", "%s.%u: ready after %.1f s, serves (%u of %u)",
		   app_of(r), slot, (double)(clock_ms() - w->started_at_ms) / 1000,
		   rollout_n_new(&r->rollout), r->rollout.n_slots);
}

static void watch(struct reload *r)
{
	r->watch_due_ms = clock_ms() + r->wish.watch_ms;
	keep_save(r->keep);
}

static void watch_all(struct reload *r)
{
	watch(r);
	reload_say(r, MESSAGE_INFO, "reload_watch",
		   "generation %u serves in every slot, watched for %.1f s", r->to,
		   (double)r->wish.watch_ms / 1000);
}

static uint32_t undo_ms(const struct reload *r)
{
	/* Who stands still with a shared socket would be woken for clients that others should get. */
	return r->fleet->ports->steer && !r->is_undo ? r->config->undo_ms : 0;
}

/* The slot's worker of that generation serves again. Where it has gone meanwhile, it is started anew. */
static void take_back(struct reload *r, unsigned slot)
{
	struct fleet *f = r->fleet;
	const struct worker *member = f->workers[slot - 1];
	struct worker *back = fleet_find_leaving(f, slot, r->to);

	if (member && member->generation == r->to)
		return;
	if (back) {
		fleet_promote(f, back, false);
		return;
	}
	reload_say(r, MESSAGE_WARNING, "undo_late",
		   "%s.%u: its worker of generation %u has gone: the command is started anew there",
		   app_of(r), slot, r->to);
	if (member)
		fleet_send_away(f, slot, false);
}

/* All of this may be done twice, too. */
void reload_settle(struct reload *r)
{
	struct fleet *f = r->fleet;

	for (unsigned slot = 1; r->is_undo && slot <= f->n_wanted; slot++)
		take_back(r, slot);
	fleet_keep_only(f, r->from, undo_ms(r));
	if (r->is_undo)
		fleet_start_missing(f);
}

static void commit(struct reload *r)
{
	reload_end_watch(r);
	r->fleet->generation = r->to;
	r->undo_to = r->from;
	keep_save(r->keep);
	reload_settle(r);
	reload_say(r, MESSAGE_INFO, "reload_final", "generation %u is final after %.1f s%s", r->to,
		   since_s(r),
		   fleet_n_leaving(r->fleet) ? "; old workers end their connections" : "");
}

static void act(struct reload *r, enum rollout_act what, unsigned slot)
{
	switch (what) {
	case ROLLOUT_WAIT: break;
	case ROLLOUT_TRY: try_slot(r, slot, false); break;
	case ROLLOUT_REPLACE: try_slot(r, slot, true); break;
	case ROLLOUT_LET_CANARY: reload_let_canary(r, slot); break;
	case ROLLOUT_PROMOTE: promote(r, slot); break;
	case ROLLOUT_WATCH: watch_all(r); break;
	case ROLLOUT_COMMIT: commit(r); break;
	}
	keep_save(r->keep);
}

/* --- back --- */

/* The slot's old worker takes it back; if there is none any more, another one is started. */
static void put_back(struct reload *r, unsigned slot)
{
	struct fleet *f = r->fleet;
	const struct worker *member = f->workers[slot - 1];
	struct worker *old = fleet_find_leaving(f, slot, r->from);

	if (member && member->generation != r->to)
		return;
	if (old)
		fleet_promote(f, old, false);
	else if (member)
		fleet_send_away(f, slot, false);
}

/* What remains to be done, as a successor finds it: all of this may be done twice. */
static void go_back(struct reload *r)
{
	struct fleet *f = r->fleet;

	reload_end_canary(r);
	reload_end_watch(r);
	for (unsigned slot = 1; slot <= r->rollout.n_slots; slot++)
		put_back(r, slot);
	fleet_dismiss_candidates(f);
	/* And none of those that are kept since the last good one: they can be wanted still. */
	fleet_let_go(f, r->from);
	fleet_let_go(f, r->to);
	fleet_start_missing(f);
	reload_hand_on(r);
}

static void undo(struct reload *r)
{
	struct fleet *f = r->fleet;

	r->has_failed = false;
	if (!rollout_undo(&r->rollout))
		return;
	r->watch_due_ms = 0;
	f->generation = r->from;
	keep_save(r->keep);
	reload_say(r, MESSAGE_ERROR, "reload_undo", "rolling back to generation %u: %s", r->from,
		   r->message);
	go_back(r);
}

/* --- one look --- */

/* Those who came up since the last look. */
static void welcome(struct reload *r)
{
	for (unsigned slot = 1; slot <= r->rollout.n_slots; slot++) {
		const struct worker *w;

		if (!rollout_is_tried(&r->rollout, slot))
			continue;
		w = fleet_find_candidate(r->fleet, slot);
		if (w && w->state == WORKER_READY)
			act(r, rollout_is_ready(&r->rollout, slot), slot);
		else if (!w)
			reload_note_failed(r, NULL, "a worker could not be started");
	}
}

static void end(struct reload *r)
{
	rollout_has_left(&r->rollout);
	if (r->rollout.phase == ROLLOUT_DONE) {
		r->last_done = r->number;
		reload_set_message(r, "%s serves as generation %u", app_of(r), r->to);
		reload_say(r, MESSAGE_INFO, "reloaded", "done after %.1f s: %s", since_s(r),
			   r->message);
	} else {
		reload_say(r, MESSAGE_ERROR, "rolled_back",
			   "rolled back after %.1f s, generation %u goes on: %s", since_s(r),
			   r->from, r->message);
	}
	keep_save(r->keep);
}

/* Where one of them has gone, the others are kept for nothing. */
static void check_kept(struct reload *r)
{
	if (!r->undo_to || reload_can_be_undone(r) || !fleet_keeps(r->fleet, r->undo_to))
		return;
	output_say(r->output, MESSAGE_WARNING, "not_kept",
		   "%s: not every slot has its worker of generation %u any more: none of them is "
		   "kept, and an undo would start them anew",
		   app_of(r), r->undo_to);
	fleet_let_go(r->fleet, r->undo_to);
}

static void look(struct reload *r)
{
	unsigned slot = 0;
	enum rollout_act what;

	if (r->fleet->is_stopping)
		return;
	if (r->has_failed)
		undo(r);
	welcome(r);
	while (!r->has_failed && (what = rollout_next(&r->rollout, &slot)) != ROLLOUT_WAIT)
		act(r, what, slot);
	if (r->has_failed) {
		reload_look_soon(r);
		return;
	}
	check_kept(r);
	if (rollout_is_running(&r->rollout) &&
	    rollout_may_follow(r->rollout.phase, fleet_n_leaving(r->fleet),
			       r->has_next ? r->rollout.n_slots : 0))
		end(r);
	if (r->has_next && !rollout_is_running(&r->rollout)) {
		const struct reload_wish next = r->next;

		r->has_next = false;
		reload_begin(r, &next, r->next_number);
	}
}

static void on_watched(uv_timer_t *timer);

static void on_soon(uv_timer_t *timer)
{
	struct reload *r = container_of(timer, struct reload, soon);

	look(r);
	if (r->watch_due_ms) {
		int64_t left_ms = r->watch_due_ms - clock_ms();

		(void)uv_timer_start(&r->watch, on_watched, left_ms > 0 ? (uint64_t)left_ms : 0, 0);
	}
}

void reload_look_soon(struct reload *r)
{
	(void)uv_timer_start(&r->soon, on_soon, 0, 0);
}

static void on_watched(uv_timer_t *timer)
{
	struct reload *r = container_of(timer, struct reload, watch);

	if (!r->watch_due_ms)
		return;
	r->watch_due_ms = 0;
	rollout_is_watched(&r->rollout);
	keep_save(r->keep);
	reload_look_soon(r);
}

/* --- what happens --- */

void reload_note_failed(struct reload *r, const struct worker *w, const char *why)
{
	char tail[TAIL_SHOWN_MAX] = "";

	if (!reload_is_open(r) || r->has_failed || (w && w->generation != r->to))
		return;
	r->has_failed = true;
	if (w && w->process)
		(void)output_last_lines(r->output, process_pid(w->process), tail, sizeof(tail));
	if (w)
		reload_set_message(r, "%s.%u %s%s%s", app_of(r), w->slot, why,
				   tail[0] ? "; it wrote last: " : "", tail);
	else
		reload_set_message(r, "%s", why);
	keep_save(r->keep); /* a successor must not take it for good because it comes up again */
	reload_look_soon(r);
}

void reload_note_news(struct reload *r)
{
	if (rollout_is_running(&r->rollout) || r->undo_to)
		reload_look_soon(r);
}

bool reload_is_running(const struct reload *r)
{
	return reload_is_open(r) || r->rollout.phase == ROLLOUT_UNDOING || r->has_next;
}

bool reload_is_open(const struct reload *r)
{
	return r->rollout.phase == ROLLOUT_ROLLING || r->rollout.phase == ROLLOUT_CANARY ||
	       r->rollout.phase == ROLLOUT_WATCHING;
}

/* --- from primary to primary --- */

void reload_go_on(struct reload *r)
{
	reload_resume_canary(r);
	if (r->fleet->is_stopping)
		return;
	if (r->rollout.phase == ROLLOUT_UNDOING)
		go_back(r);
	else if (r->rollout.phase == ROLLOUT_SETTLING)
		reload_settle(r);
	if (rollout_is_running(&r->rollout) || r->has_next)
		reload_look_soon(r);
}

int reload_init(struct reload *r, uv_loop_t *loop)
{
	int err = uv_timer_init(loop, &r->soon);

	r->n_generations = 1;
	return err ? err : uv_timer_init(loop, &r->watch);
}

void reload_done(struct reload *r)
{
	r->canary = canary_watch_free(r->canary);
	r->rest = canary_watch_free(r->rest);
	uv_close((uv_handle_t *)&r->soon, NULL);
	uv_close((uv_handle_t *)&r->watch, NULL);
}
