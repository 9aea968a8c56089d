/*
 * The canary of a reload: its share, and its watch. What is found ends the reload as any
 * other failure of a new worker does.
 */
#include <string.h>

#include "core/hung.h"
#include "os/clock.h"
#include "primary/berths.h"
#include "primary/canary_watch.h"
#include "primary/reload_parts.h"

#define PERCENT_SHARE (UINT32_MAX / 100)

static void on_bad(void *data, uint64_t run, bool is_stuck, const char *why)
{
	struct reload *r = data;
	const struct worker *w = fleet_find_run(r->fleet, run);

	if (!w || r->has_failed)
		return;
	reload_note_failed(r, w, why);
	if (is_stuck)
		berths_hand_on(r->fleet->ports, run);
}

static void on_mute(void *data, uint64_t run, bool is_stuck, const char *why)
{
	struct reload *r = data;
	const struct worker *w = fleet_find_run(r->fleet, run);

	(void)is_stuck;
	if (!w || w->generation != r->to || r->has_failed)
		return;
	r->is_mute = true;
	reload_note_failed(r, w, why);
}

void reload_watch_rest(struct reload *r)
{
	const struct canary_watch_events events = { on_mute, r };

	if (!r->rest && r->wish.watch_ms && r->fleet->ports->steer && reload_is_open(r))
		(void)canary_watch_new(r->fleet->ports, r->output, HUNG_NOBODY, r->wish.watch_ms,
				       &events, &r->rest);
}

void reload_end_watch(struct reload *r)
{
	r->rest = canary_watch_free(r->rest);
}

/* Those that serve again take what nobody has come for. */
void reload_hand_on(struct reload *r)
{
	if (!r->is_mute)
		return;
	for (const struct worker *w = r->fleet->others; w; w = w->next)
		if (w->generation == r->to && w->process)
			berths_hand_on(r->fleet->ports, w->process->client.run);
	r->is_mute = false;
}

static void begin_watch(struct reload *r, const struct worker *w)
{
	const struct canary_watch_events events = { on_bad, r };
	int err = canary_watch_new(r->fleet->ports, r->output, w->process->client.run,
				   r->wish.watch_ms, &events, &r->canary);

	if (err < 0)
		output_say(r->output, MESSAGE_WARNING, "canary_unwatched",
			   "neither the canary's queues nor its resets are watched: %s",
			   strerror(-err));
}

void reload_let_canary(struct reload *r, unsigned slot)
{
	const struct worker *w = fleet_find_candidate(r->fleet, slot);

	if (!w || !w->process)
		return;
	berths_set_canary(r->fleet->ports, w->process->client.run,
			  r->wish.canary_percent * PERCENT_SHARE);
	begin_watch(r, w);
	r->watch_due_ms = clock_ms() + r->wish.watch_ms;
	keep_save(r->keep);
	reload_say(r, MESSAGE_INFO, "reload_canary",
		   "%s.%u: the canary is ready and has %u%% of new connections, watched for %.1f s",
		   r->config->name, slot, r->wish.canary_percent, (double)r->wish.watch_ms / 1000);
}

void reload_note_listening(struct reload *r, const struct worker *w)
{
	if (r->rollout.phase != ROLLOUT_CANARY || w->role != WORKER_CANDIDATE ||
	    w->generation != r->to)
		return;
	berths_set_canary(r->fleet->ports, w->process->client.run,
			  r->wish.canary_percent * PERCENT_SHARE);
}

void reload_resume_canary(struct reload *r)
{
	if (rollout_n_new(&r->rollout))
		reload_watch_rest(r);
	if (r->rollout.phase != ROLLOUT_CANARY) {
		berths_clear_canary(r->fleet->ports);
		return;
	}
	for (unsigned slot = 1; slot <= r->rollout.n_slots; slot++) {
		const struct worker *w = fleet_find_candidate(r->fleet, slot);

		if (w && w->process && !r->canary) {
			reload_note_listening(r, w);
			begin_watch(r, w);
		}
	}
}

void reload_end_canary(struct reload *r)
{
	berths_clear_canary(r->fleet->ports);
	r->canary = canary_watch_free(r->canary);
}
