/*
 * Looks at the members now and then, as often as what is asked for needs: not at all where
 * nothing is. What a successor goes on with follows from who is there.
 */
#include "primary/recycling.h"

#include <stdio.h>
#include <string.h>

#include "base/container_of.h"
#include "os/clock.h"
#include "primary/berths.h"

#define LOOK_MS        1000
#define TAIL_SHOWN_MAX 300
#define MIB            (1024.0 * 1024)
#define NEXT_TRY_MAX   48

static const char *app_of(const struct recycling *r)
{
	return r->config->name;
}

static void look_in(struct recycling *r, int64_t ms);

/* --- what is read --- */

static uint64_t n_connections(const struct ports *p, uint64_t run)
{
	uint64_t n = 0;

	for (unsigned i = 0; p->steer && i < PORT_TABLE_MAX; i++) {
		if (!p->at[i] || p->at[i]->kind != PORT_STEERED)
			continue;
		for (const struct berth *b = p->at[i]->berths; b; b = b->next) {
			const struct steer_berth *counters = steer_berth(p->steer, b->index);

			if (b->owner.run == run)
				n += counters->steered + counters->migrated_in;
		}
	}
	return n;
}

static struct recycle_reading reading_of(const struct recycling *r, const struct worker *w)
{
	const int64_t age_ms = clock_ms() - w->started_at_ms;
	struct recycle_reading reading = {
		.run = w->process->client.run,
		.age_ms = age_ms > 0 ? (uint64_t)age_ms : 0,
	};

	if (r->config->recycle.n_connections)
		reading.n_connections = n_connections(r->fleet->ports, reading.run);
	if (r->memory)
		reading.memory_bytes = memory_look_bytes(r->memory, reading.run);
	return reading;
}

static bool may_be_due(const struct worker *w)
{
	return w && w->state == WORKER_READY && worker_is_running(w);
}

/* Of all members that serve; @ret_slots: whose they are. */
static size_t read_all(const struct recycling *r,
		       struct recycle_reading ret_readings[static APP_WORKERS_MAX],
		       unsigned ret_slots[static APP_WORKERS_MAX])
{
	size_t n = 0;

	for (unsigned slot = 1; slot <= r->fleet->n_wanted; slot++) {
		const struct worker *w = r->fleet->workers[slot - 1];

		if (!may_be_due(w))
			continue;
		ret_slots[n] = slot;
		ret_readings[n++] = reading_of(r, w);
	}
	return n;
}

/* --- acts --- */

/* How far it is beyond its limit, in words. */
static void describe(const struct recycling *r, const struct recycle_reading *reading,
		     enum recycle_reason reason, char ret_text[static RECYCLING_WHY_MAX])
{
	const char *text = recycle_reason_text(reason);

	switch (reason) {
	case RECYCLE_MEMORY:
		(void)snprintf(ret_text, RECYCLING_WHY_MAX, "%s (%.1f of %.1f MiB)", text,
			       (double)reading->memory_bytes / MIB,
			       (double)r->config->recycle.memory_bytes / MIB);
		break;
	case RECYCLE_AGE:
		(void)snprintf(ret_text, RECYCLING_WHY_MAX, "%s (%.1f of %.1f s)", text,
			       (double)reading->age_ms / 1000,
			       (double)r->config->recycle.age_ms / 1000);
		break;
	case RECYCLE_CONNECTIONS:
		(void)snprintf(ret_text, RECYCLING_WHY_MAX, "%s (%llu of %llu)", text,
			       (unsigned long long)reading->n_connections,
			       (unsigned long long)r->config->recycle.n_connections);
		break;
	case RECYCLE_HUNG:
	case RECYCLE_ASKED:
	case RECYCLE_NONE: (void)snprintf(ret_text, RECYCLING_WHY_MAX, "%s", text); break;
	}
}

void recycling_replace(struct recycling *r, unsigned slot, enum recycle_reason reason,
		       const char *details)
{
	r->slot = slot;
	r->generation = r->fleet->generation;
	r->reason = reason;
	r->why[0] = '\0';
	if (reason == RECYCLE_HUNG)
		worker_hold(r->fleet->workers[slot - 1]);
	keep_save(r->keep);
	output_say(r->output, reason == RECYCLE_ASKED ? MESSAGE_INFO : MESSAGE_WARNING,
		   "recycle_begun", "%s.%u %s: another one comes up, and then takes its place",
		   app_of(r), slot, details);
	if (!fleet_try(r->fleet, slot, r->generation))
		(void)snprintf(r->why, sizeof(r->why), "no memory");
	look_in(r, 0);
}

/* @why: see struct recycling */
static void forget(struct recycling *r, const char *why)
{
	if (r->reason == RECYCLE_ASKED)
		r->on_ended(r->on_ended_data, why);
	r->slot = 0;
	r->reason = RECYCLE_NONE;
	r->why[0] = '\0';
	keep_save(r->keep);
}

/* The old one goes on, with all that it had. Another one there gets clients when it's ready. */
static void keep_old(struct recycling *r)
{
	struct worker *member = r->fleet->workers[r->slot - 1];

	if (r->reason == RECYCLE_HUNG && member && member->state == WORKER_READY)
		worker_become_member(member);
}

static void give_up(struct recycling *r)
{
	char next[NEXT_TRY_MAX] = "";
	char why[RECYCLING_WHY_MAX];

	if (recycle_can_wait(r->reason)) {
		const uint32_t pause_ms = recycle_pause_ms(++r->n_failures);

		r->not_before_ms = clock_ms() + pause_ms;
		(void)snprintf(next, sizeof(next), "; next try in %u s",
			       (unsigned)(pause_ms / 1000));
	}
	output_say(r->output, MESSAGE_ERROR, "recycle_failed",
		   "%s.%u is not replaced, the old one goes on: the new one %s%s", app_of(r),
		   r->slot, r->why, next);
	keep_old(r);
	(void)snprintf(why, sizeof(why), "%s", r->why);
	forget(r, why);
	fleet_dismiss_candidates(r->fleet);
}

/* Nothing is to be waited for: what it has accepted is lost with it, what waits is not. */
static void end_hung(const struct recycling *r, const struct worker *hung)
{
	struct worker *w = r->fleet->others;

	while (w && w != hung)
		w = w->next;
	if (!w || w->state != WORKER_DRAINING)
		return;
	berths_hand_on(r->fleet->ports, w->process->client.run);
	worker_event(w, EV_STOP);
}

/* A limit that everybody reaches at once would have workers come and go without end. */
static void note_replaced(struct recycling *r, const struct worker *member)
{
	const int64_t now_ms = clock_ms();

	if (!recycle_can_wait(r->reason))
		return;
	if (member && recycle_is_soon(r->reason, (uint64_t)(now_ms - member->started_at_ms))) {
		r->not_before_ms = now_ms + recycle_pause_ms(++r->n_failures);
		return;
	}
	r->n_failures = 0;
	r->not_before_ms = 0;
}

static void promote(struct recycling *r, struct worker *candidate)
{
	const struct worker *member = r->fleet->workers[r->slot - 1];

	output_say(r->output, MESSAGE_INFO, "recycled",
		   "%s.%u: the new one is ready after %.1f s and serves", app_of(r), r->slot,
		   (double)(clock_ms() - candidate->started_at_ms) / 1000);
	note_replaced(r, member);
	fleet_promote(r->fleet, candidate, false);
	if (r->reason == RECYCLE_HUNG)
		end_hung(r, member);
	forget(r, NULL);
}

/* --- one look --- */

/* The one that we have started: a reload's is another generation's. */
static bool is_ours(const struct recycling *r, const struct worker *w)
{
	return r->slot && w->slot == r->slot && w->role == WORKER_CANDIDATE &&
	       w->generation == r->generation && !reload_is_running(r->reload);
}

/* Whether the one that comes up is still on its way. */
static bool is_coming(struct recycling *r)
{
	struct worker *candidate = fleet_find_candidate(r->fleet, r->slot);

	/* A reload has sent ours away, and those that come up now are its own. */
	if (reload_is_running(r->reload) || (candidate && !is_ours(r, candidate))) {
		keep_old(r);
		forget(r, "had to go: a reload came first");
	} else if (r->slot > r->fleet->n_wanted) { /* its predecessor died before that */
		fleet_dismiss_candidates(r->fleet);
		forget(r, "is not needed: its slot is gone");
	} else if (r->why[0]) {
		give_up(r);
	} else if (!candidate) { /* a restart, or another number of workers */
		keep_old(r);
		forget(r, "had to go: a restart, or another number of workers, came first");
	} else if (candidate->state == WORKER_READY) {
		promote(r, candidate);
	} else {
		return true;
	}
	return false;
}

bool recycling_is_idle(const struct recycling *r)
{
	return !r->slot && !r->fleet->is_stopping && !reload_is_running(r->reload);
}

/* Failures make the next one wait. */
static bool is_free(const struct recycling *r)
{
	return recycling_is_idle(r) && clock_ms() >= r->not_before_ms;
}

static bool has_limits(const struct recycling *r)
{
	const struct recycle_limits *l = &r->config->recycle;

	return l->memory_bytes || l->age_ms || l->n_connections;
}

/* In how many ms to look again; RECYCLE_NEVER_MS: when something happens. */
static int64_t judge(struct recycling *r)
{
	static const size_t none = APP_WORKERS_MAX;
	struct recycle_reading readings[APP_WORKERS_MAX];
	unsigned slots[APP_WORKERS_MAX];
	size_t n = read_all(r, readings, slots);
	enum recycle_reason reason = RECYCLE_NONE;
	size_t due = recycle_next(&r->config->recycle, readings, n, &reason);
	char details[RECYCLING_WHY_MAX];

	if (due == n)
		due = none;
	/* Those that leave are more than there should be: not too many of them. */
	if (due != none && is_free(r) && fleet_n_leaving(r->fleet) == 0) {
		describe(r, &readings[due], reason, details);
		recycling_replace(r, slots[due], reason, details);
		return RECYCLE_NEVER_MS;
	}
	if (due != none || r->config->recycle.n_connections)
		return LOOK_MS;
	return recycle_due_ms(&r->config->recycle, readings, n);
}

static void on_timer(uv_timer_t *timer)
{
	struct recycling *r = container_of(timer, struct recycling, timer);
	int64_t next_ms;

	if (r->fleet->is_stopping || (r->slot && is_coming(r)) || !has_limits(r))
		return;
	next_ms = judge(r);
	if (next_ms != RECYCLE_NEVER_MS)
		look_in(r, next_ms);
}

static void look_in(struct recycling *r, int64_t ms)
{
	(void)uv_timer_start(&r->timer, on_timer, (uint64_t)ms, 0);
}

/* --- what happens --- */

void recycling_note_news(struct recycling *r)
{
	if (!r->fleet->is_stopping && (r->slot || has_limits(r)))
		look_in(r, 0);
}

void recycling_note_failed(struct recycling *r, const struct worker *w, const char *why)
{
	char tail[TAIL_SHOWN_MAX] = "";

	if (!is_ours(r, w) || r->why[0])
		return;
	if (w->process)
		(void)output_last_lines(r->output, process_pid(w->process), tail, sizeof(tail));
	(void)snprintf(r->why, sizeof(r->why), "%s%s%s", why, tail[0] ? ", and wrote last: " : "",
		       tail);
	look_in(r, 0);
}

static void on_memory(void *data)
{
	recycling_note_news(data);
}

/* --- from primary to primary --- */

void recycling_remains(const struct recycling *r, struct state_recycling *ret_remains)
{
	*ret_remains = (struct state_recycling){
		.not_before_ms = r->not_before_ms,
		.n_failures = r->n_failures,
		.reason = r->reason,
	};
}

void recycling_resume(struct recycling *r, const struct state_recycling *remains)
{
	r->not_before_ms = remains->not_before_ms;
	r->n_failures = remains->n_failures;
	r->reason = remains->reason < RECYCLE_REASONS ? (enum recycle_reason)remains->reason
						      : RECYCLE_NONE;
}

static void take_over(struct recycling *r, const struct worker *candidate)
{
	r->slot = candidate->slot;
	r->generation = candidate->generation;
	if (recycle_is_late(candidate->state, candidate->deadline_ms, r->config->ready_timeout_ms))
		recycling_note_failed(r, candidate, "was not ready in time");
}

/* What a predecessor had begun. */
static void find_candidate(struct recycling *r)
{
	for (const struct worker *w = r->fleet->others; w && !r->slot; w = w->next)
		if (w->role == WORKER_CANDIDATE)
			take_over(r, w);
	if (r->reason != RECYCLE_HUNG)
		return;
	for (unsigned slot = 1; slot <= r->fleet->n_wanted; slot++) {
		struct worker *w = r->fleet->workers[slot - 1];

		if (slot == r->slot && w)
			worker_hold(w);
		else if (w && w->state == WORKER_READY)
			worker_become_member(w);
	}
}

static void warn_of_unknown(const struct recycling *r)
{
	if (r->fleet->ports->steer)
		return;
	if (r->config->recycle.n_connections)
		output_say(
			r->output, MESSAGE_WARNING, "recycle_unknown",
			"--max-connections has no effect in the shared tier: nobody can tell who "
			"took which connection");
	if (r->config->hang_timeout_ms)
		output_say(r->output, MESSAGE_WARNING, "recycle_unknown",
			   "--hang-timeout has no effect in the shared tier: nobody can tell who "
			   "leaves its connections waiting");
}

void recycling_go_on(struct recycling *r)
{
	warn_of_unknown(r);
	if (!reload_is_running(r->reload))
		find_candidate(r);
	if (!r->slot)
		r->reason = RECYCLE_NONE;
	recycling_note_news(r);
	if (r->memory)
		memory_look_begin(r->memory);
}

int recycling_init(struct recycling *r, uv_loop_t *loop)
{
	const struct memory_look_events events = { on_memory, r };
	int err = uv_timer_init(loop, &r->timer);

	if (err == 0 && r->config->recycle.memory_bytes)
		err = memory_look_new(loop, r->fleet, &events, &r->memory);
	return err;
}

void recycling_done(struct recycling *r)
{
	r->memory = memory_look_free(r->memory);
	uv_close((uv_handle_t *)&r->timer, NULL);
}
