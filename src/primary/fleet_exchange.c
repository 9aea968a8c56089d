/*
 * One generation in the place of another: candidates, members, and those that leave.
 */
#include "primary/berths.h"
#include "primary/fleet_parts.h"
#include "primary/wanted.h"

void fleet_send_away(struct fleet *f, unsigned slot, bool must_stay)
{
	fleet_send_member_away(f, f->workers[slot - 1], must_stay);
}

/* Whoever has, or had, the slot. */
static const struct worker *predecessor(const struct fleet *f, unsigned slot)
{
	if (f->workers[slot - 1])
		return f->workers[slot - 1];
	for (const struct worker *w = f->others; w; w = w->next)
		if (w->slot == slot && w->role == WORKER_LEAVING)
			return w;
	return NULL;
}

struct worker *fleet_try(struct fleet *f, unsigned slot, unsigned generation)
{
	const struct worker *before = predecessor(f, slot);
	struct worker *w = fleet_add_worker(f, slot, WORKER_CANDIDATE, generation);

	if (!w)
		return NULL;
	wanted_begin(w, before, &f->served[slot - 1], f->ports);
	worker_event(w, EV_START);
	return w;
}

void fleet_promote(struct fleet *f, struct worker *w, bool must_stay)
{
	struct worker *member = f->workers[w->slot - 1];

	/* At no moment that a successor could find is one of the two nowhere. */
	if (member) {
		member->role = WORKER_LEAVING;
		member->must_stay = must_stay;
		fleet_add_other(f, member);
	}
	fleet_remove_other(f, w);
	f->workers[w->slot - 1] = w;
	w->role = WORKER_MEMBER;
	/* First the new one gets clients, and only then the old one no more. */
	if (w->state == WORKER_DRAINING || w->state == WORKER_FROZEN)
		worker_event(w, EV_RESUME);
	else
		worker_become_member(w);
	fleet_note_served(f, w);
	if (!member)
		return;
	worker_leave(member, must_stay);
	/* Where all seats were taken there are some now. */
	if (w->process && w->state == WORKER_READY)
		berths_admit(f->ports, w->process->client.run);
}

static bool could_come_back(const struct worker *w)
{
	return w->role == WORKER_LEAVING &&
	       (w->state == WORKER_DRAINING || w->state == WORKER_FROZEN);
}

struct worker *fleet_find_leaving(struct fleet *f, unsigned slot, unsigned generation)
{
	for (struct worker *w = f->others; w; w = w->next)
		if (w->slot == slot && w->generation == generation && could_come_back(w))
			return w;
	return NULL;
}

struct worker *fleet_find_candidate(struct fleet *f, unsigned slot)
{
	for (struct worker *w = f->others; w; w = w->next)
		if (w->slot == slot && w->role == WORKER_CANDIDATE)
			return w;
	return NULL;
}

void fleet_dismiss_candidate(struct fleet *f, unsigned slot)
{
	struct worker *w = fleet_find_candidate(f, slot);

	if (w)
		worker_leave(w, false);
}

void fleet_dismiss_candidates(struct fleet *f)
{
	struct worker *next;

	for (struct worker *w = f->others; w; w = next) {
		next = w->next;
		if (w->role == WORKER_CANDIDATE)
			worker_leave(w, false);
	}
}

void fleet_keep_only(struct fleet *f, unsigned kept, uint32_t keep_ms)
{
	struct worker *next;

	for (struct worker *w = f->others; w; w = next) {
		next = w->next;
		if (w->role == WORKER_LEAVING)
			worker_let_go(w, w->generation == kept ? keep_ms : 0);
	}
}

bool fleet_keeps(const struct fleet *f, unsigned generation)
{
	for (const struct worker *w = f->others; w; w = w->next)
		if (w->generation == generation && w->keep_ms && could_come_back(w))
			return true;
	return false;
}

void fleet_let_go(struct fleet *f, unsigned generation)
{
	struct worker *next;

	for (struct worker *w = f->others; w; w = next) {
		next = w->next;
		if (w->role == WORKER_LEAVING && w->generation == generation)
			worker_let_go(w, 0);
	}
}

unsigned fleet_n_leaving(const struct fleet *f)
{
	unsigned n = 0;

	for (const struct worker *w = f->others; w; w = w->next)
		n += w->state != WORKER_FROZEN && !w->is_stuck;
	return n;
}
