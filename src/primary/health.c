/*
 * One probe at a time; from the end of one to the next there is a pause.
 */
#include "primary/health.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "primary/berths.h"
#include "primary/probe.h"
#include "primary/worker.h"

struct health {
	struct worker *worker;
	const struct health_events *events;
	uv_timer_t timer;
	struct probe_run *run; /* the probe that is on its way, or NULL */
	uint16_t source;       /* the port number that it comes from, 0: none */
	unsigned n_failed;
};

static struct ports *ports_of(const struct health *h)
{
	return h->worker->home->broker->ports;
}

static const struct app_config *config_of(const struct health *h)
{
	return h->worker->home->config;
}

static void on_timer(uv_timer_t *timer);

static void wait_ms(struct health *h, uint64_t ms)
{
	(void)uv_timer_start(&h->timer, on_timer, ms, 0);
}

static void forget_run(struct health *h)
{
	if (h->source)
		berths_forget_probe(ports_of(h), h->source);
	h->source = 0;
	h->run = probe_free(h->run);
}

static int will_connect(void *data, const struct addr *source, const struct addr *target)
{
	struct health *h = data;
	int r = berths_lead_probe(ports_of(h), h->worker->process->client.run, source->port,
				  target->port);

	if (r == 0)
		h->source = source->port;
	return r;
}

static void on_done(void *data, const struct probe_result *result)
{
	struct health *h = data;
	struct worker *w = h->worker;
	const bool is_starting = w->state == WORKER_STARTING;
	bool is_dead = false;

	forget_run(h);
	wait_ms(h, probe_pause_ms(&config_of(h)->probe_timing, is_starting));
	if (result->outcome == PROBE_PASSED) {
		(void)probe_count(&config_of(h)->probe_timing, true, &h->n_failed);
		h->events->passed(w);
		return;
	}
	if (result->outcome == PROBE_UNMADE) {
		h->events->unasked(w, result->text);
		return;
	}
	if (!is_starting)
		is_dead = probe_count(&config_of(h)->probe_timing, false, &h->n_failed);
	h->events->failed(w, result->text, is_dead);
}

static const struct probe_events probe_events = {
	.will_connect = will_connect,
	.done = on_done,
};

/* Where it is asked: at its first port that is TCP, but for what the probe says itself. */
static bool find_port(const struct health *h, struct addr *ret_addr)
{
	const struct readiness r = worker_readiness(h->worker);
	const struct ports *p = ports_of(h);

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		if (!p->at[i] || !readiness_has(&r.listens, i) ||
		    port_addr(p->at[i])->family == AF_UNIX)
			continue;
		*ret_addr = *port_addr(p->at[i]);
		return true;
	}
	return false;
}

static int ask(struct health *h)
{
	struct worker *w = h->worker;
	struct probe_request request = {
		.loop = w->home->loop,
		.probe = &config_of(h)->probe,
		.timeout_ms = config_of(h)->probe_timing.timeout_ms,
		.app = config_of(h)->name,
		.slot = w->slot,
		.generation = w->generation,
		.pid = process_pid(w->process),
		.inherited = &w->home->inherited,
		.events = &probe_events,
		.data = h,
	};

	if (!find_port(h, &request.port) && probe_needs_port(request.probe))
		return -EAFNOSUPPORT;
	return probe_start(&request, &h->run);
}

static void on_timer(uv_timer_t *timer)
{
	struct health *h = container_of(timer, struct health, timer);
	struct worker *w = h->worker;
	int r;

	/* Whoever lacks more than this need not be asked yet. */
	if (h->run || !worker_is_running(w) || !worker_wants_probe(w))
		return;
	r = ask(h);
	if (r == 0)
		return;
	h->run = NULL;
	forget_run(h);
	wait_ms(h, probe_pause_ms(&config_of(h)->probe_timing, w->state == WORKER_STARTING));
	if (r == -EAFNOSUPPORT)
		h->events->unasked(w, "it listens at no TCP port that could be asked");
	else if (r != -EAGAIN)
		h->events->unasked(w, strerror(-r));
}

void health_soon(struct health *h)
{
	if (!h->run)
		wait_ms(h, 0);
}

int health_new(struct worker *w, const struct health_events *events, struct health **ret_health)
{
	struct health *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->worker = w;
	h->events = events;
	(void)uv_timer_init(w->home->loop, &h->timer);
	wait_ms(h, 0);
	*ret_health = h;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(container_of((uv_timer_t *)handle, struct health, timer));
}

struct health *health_free(struct health *h)
{
	if (!h)
		return NULL;
	forget_run(h);
	uv_close((uv_handle_t *)&h->timer, on_closed);
	return NULL;
}
