/*
 * Whether a worker is ready, and what its probes say.
 */
#include <stdio.h>
#include <string.h>

#include "primary/berths.h"
#include "primary/health.h"
#include "primary/output.h"
#include "primary/worker.h"
#include "primary/worker_parts.h"
#include "primary/worker_words.h"

struct readiness worker_readiness(const struct worker *w)
{
	const struct app_config *c = w->home->config;
	struct readiness r = {
		.wanted = w->wanted,
		.must_notify = c->must_notify,
		.has_notified = w->has_notified,
		.must_pass = c->probe.kind != PROBE_NONE,
		.has_passed = w->has_passed,
	};

	if (w->process)
		memcpy(r.listens.bits, w->process->ports, sizeof(r.listens.bits));
	return r;
}

void worker_look_ready(struct worker *w)
{
	const struct readiness r = worker_readiness(w);

	if (w->state == WORKER_STARTING && readiness_lack(&r) == READINESS_LACKS_NOTHING)
		worker_event(w, EV_READY);
	else if (w->health && readiness_lack(&r) == READINESS_LACKS_PROBE)
		health_soon(w->health);
}

bool worker_is_on_trial(const struct worker *w)
{
	const struct app_config *c = w->home->config;

	if (w->role != WORKER_MEMBER)
		return true;
	return !w->was_ready && (c->must_notify || c->probe.kind != PROBE_NONE);
}

void worker_note_notified(struct worker *w)
{
	w->has_notified = true;
	keep_save(w->home->keep);
	worker_look_ready(w);
}

bool worker_wants_probe(const struct worker *w)
{
	const struct readiness r = worker_readiness(w);

	if (w->state == WORKER_READY)
		return true;
	return w->state == WORKER_STARTING && readiness_lack(&r) == READINESS_LACKS_PROBE;
}

/* --- what its probes say --- */

static void on_probe_passed(struct worker *w)
{
	w->has_passed = true;
	w->probe_text[0] = '\0';
	w->is_spared = false;
	worker_look_ready(w);
}

/* Said once, until it passes again. An unwell worker is better than none. */
static void spare(struct worker *w)
{
	char text[WORKER_WORDS_MAX];

	if (w->is_spared)
		return;
	w->is_spared = true;
	(void)snprintf(text, sizeof(text),
		       "fails its probe (%s), and stays: it's the last one that serves",
		       w->probe_text);
	worker_say(w, MESSAGE_ERROR, "worker_spared", text);
}

static void on_probe_failed(struct worker *w, const char *why, bool is_dead)
{
	char text[WORKER_WORDS_MAX];

	(void)snprintf(w->probe_text, sizeof(w->probe_text), "%s", why);
	if (!is_dead || w->state != WORKER_READY)
		return;
	if (!w->home->may_end(w)) {
		spare(w);
		return;
	}
	(void)snprintf(text, sizeof(text), "fails its probe (%s): stopping it", w->probe_text);
	worker_say(w, MESSAGE_WARNING, "worker_unwell", text);
	w->home->on_failed(w, text);
	/* No new clients; those in its queue go to others, and it may answer those that it has. */
	berths_hand_on(w->home->broker->ports, w->process->client.run);
	worker_event(w, EV_STOP);
}

/* Said once for each reason: until a probe is made again, nobody looks after it. */
static void on_probe_unasked(struct worker *w, const char *why)
{
	char text[WORKER_WORDS_MAX];

	if (w->state == WORKER_READY && strcmp(w->probe_text, why) != 0) {
		(void)snprintf(text, sizeof(text), "cannot be probed for now: %s", why);
		worker_say(w, MESSAGE_WARNING, "worker_unprobed", text);
	}
	(void)snprintf(w->probe_text, sizeof(w->probe_text), "%s", why);
}

static const struct health_events health_events = {
	.passed = on_probe_passed,
	.failed = on_probe_failed,
	.unasked = on_probe_unasked,
};

void worker_look_after(struct worker *w)
{
	if (w->home->config->probe.kind == PROBE_NONE || !w->process)
		return;
	if (w->health)
		health_soon(w->health); /* while it drained nobody asked */
	else if (health_new(w, &health_events, &w->health) < 0)
		worker_say(w, MESSAGE_ERROR, "worker_unwatched", "cannot be probed: no memory");
}
