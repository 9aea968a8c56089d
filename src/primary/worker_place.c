/*
 * A worker's place: it becomes the member of its slot, or leaves it, and for how long it's kept.
 */
#include "core/conn_idle.h"
#include "os/clock.h"
#include "primary/berths.h"
#include "primary/worker_parts.h"

bool worker_is_running(const struct worker *w)
{
	return w->process && !w->process->has_exited;
}

void worker_become_member(struct worker *w)
{
	w->role = WORKER_MEMBER;
	w->must_stay = false;
	keep_save(w->home->keep);
	if (!w->process)
		return;
	w->process->client.is_held = false;
	berths_admit(w->home->broker->ports, w->process->client.run);
}

void worker_hold(struct worker *w)
{
	if (!w->process)
		return;
	w->process->client.is_held = true;
	berths_hold(w->home->broker->ports, w->process->client.run);
}

void worker_leave(struct worker *w, bool must_stay)
{
	w->role = WORKER_LEAVING;
	w->must_stay = must_stay;
	worker_event(w, w->state == WORKER_READY ? EV_DRAIN : EV_STOP);
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* That its last clients have from now on, however late it is. */
static int64_t last_ms(const struct worker *w)
{
	const uint32_t drain_ms = w->home->config->drain_ms;

	return drain_ms < CONN_HOLD_MS ? drain_ms : CONN_HOLD_MS;
}

void worker_put_off(struct worker *w, int64_t due_ms)
{
	const int64_t late_ms = due_ms - w->deadline_ms;
	const uint32_t most_ms = w->home->config->drain_ms;

	if (late_ms <= w->late_ms)
		return;
	w->late_ms = late_ms < most_ms ? (uint32_t)late_ms : most_ms;
	worker_arm_at(w, w->deadline_ms + w->late_ms);
}

void worker_let_go(struct worker *w, uint32_t keep_ms)
{
	const bool had_to_stay = w->must_stay;

	w->must_stay = false;
	w->keep_ms = keep_ms;
	keep_save(w->home->keep);
	if (w->state == WORKER_FROZEN && !keep_ms) {
		worker_event(w, EV_STOP);
		return;
	}
	/* Whoever is let go once more keeps its own time. */
	if (!had_to_stay || (w->state != WORKER_DRAINING && w->state != WORKER_FROZEN))
		return;
	if (w->state == WORKER_FROZEN)
		w->deadline_ms = clock_ms() + keep_ms;
	else
		w->deadline_ms = most(w->deadline_ms, clock_ms() + last_ms(w));
	keep_save(w->home->keep);
	worker_arm(w);
}

void worker_drained(struct worker *w)
{
	if (worker_is_to_freeze(w))
		worker_event(w, EV_FREEZE);
	else if (!w->must_stay)
		worker_event(w, EV_STOP);
}
