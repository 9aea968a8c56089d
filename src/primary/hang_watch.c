/*
 * Looks as long as there is traffic, and asks core/hung what it means.
 */
#include "primary/hang_watch.h"

#include <errno.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "os/clock.h"
#include "primary/queue_look.h"

#define TEXT_MAX 512

/* --- one that hangs --- */

static void on_shown(void *data)
{
	struct hang_watch *h = data;

	h->stacks = stack_look_free(h->stacks);
}

static void show_threads(struct hang_watch *h, const struct worker *w)
{
	/* Two at once are rare: of the second one it is said that it hangs, and no more. */
	if (!h->stacks &&
	    stack_look_new(h->timer.loop, w->process, h->output, on_shown, h, &h->stacks) < 0)
		h->stacks = NULL;
}

static void replace(struct hang_watch *h, uint64_t run, size_t n)
{
	const struct worker *w = fleet_find_run(h->fleet, run);
	char details[TEXT_MAX];

	/* Else it's found again by the next look. */
	if (!recycling_is_idle(h->recycling))
		return;
	hung_forget(&h->watch, run);
	if (!w || w->role != WORKER_MEMBER || w->state != WORKER_READY)
		return;
	queue_look_describe(h->readings, n, run, h->config->hang_timeout_ms, details,
			    sizeof(details));
	output_say_worker(h->output, &w->process->client.source, MESSAGE_WARNING, "worker_hung",
			  "%s", details);
	show_threads(h, w);
	recycling_replace(h->recycling, w->slot, RECYCLE_HUNG, "hangs");
}

/* --- when to look --- */

static void look(struct hang_watch *h);

static void on_timer(uv_timer_t *timer)
{
	look(container_of(timer, struct hang_watch, timer));
}

/* Whether anything has come since the last look, or waits. */
static bool has_traffic(struct hang_watch *h, size_t n)
{
	const uint64_t n_before = h->n_came;

	h->n_came = 0;
	for (size_t i = 0; i < n; i++)
		h->n_came += h->readings[i].n_came;
	return h->n_came != n_before || hung_has_queue(&h->watch);
}

static void look(struct hang_watch *h)
{
	size_t n;
	uint64_t run;

	if (h->fleet->is_stopping || !h->fleet->ports->steer)
		return;
	n = queue_look(h->fleet->ports, HUNG_NOBODY, h->readings);
	run = hung_look(&h->watch, h->readings, n, h->config->hang_timeout_ms, clock_ms());
	if (run != HUNG_NOBODY)
		replace(h, run, n);
	/* What comes from now on is told of. */
	if (has_traffic(h, n))
		(void)uv_timer_start(&h->timer, on_timer, hung_look_ms(h->config->hang_timeout_ms),
				     0);
}

void hang_watch_note_traffic(struct hang_watch *h)
{
	if (h->berths && !uv_is_active((uv_handle_t *)&h->timer))
		look(h);
}

static void on_traffic(void *data)
{
	hang_watch_note_traffic(data);
}

int hang_watch_init(struct hang_watch *h, uv_loop_t *loop)
{
	int err = uv_timer_init(loop, &h->timer);

	if (err < 0 || !h->config->hang_timeout_ms)
		return err;
	h->berths = calloc(QUEUE_LOOK_MAX, sizeof(*h->berths));
	h->readings = calloc(QUEUE_LOOK_MAX, sizeof(*h->readings));
	if (!h->berths || !h->readings)
		return -ENOMEM;
	hung_init(&h->watch, h->berths, QUEUE_LOOK_MAX);
	h->fleet->ports->on_traffic = on_traffic;
	h->fleet->ports->on_traffic_data = h;
	return 0;
}

void hang_watch_done(struct hang_watch *h)
{
	uv_close((uv_handle_t *)&h->timer, NULL);
	h->stacks = stack_look_free(h->stacks);
	free(h->berths);
	free(h->readings);
	h->berths = NULL;
	h->readings = NULL;
}
