/*
 * core/hung and core/canary decide; this reads for them, many times in the patience that
 * a canary has. The program that counts resets is loaded in a thread: it takes a while.
 */
#include "primary/canary_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "base/own.h"
#include "core/canary.h"
#include "os/clock.h"
#include "os/resets.h"
#include "primary/berths.h"
#include "primary/queue_look.h"

#define TEXT_MAX   256
#define MUTE_LOOKS 10 /* in the patience: whether anything ever moves is seen with few */

/* A berth whose listening socket is marked. */
struct marked {
	uint64_t cookie;
	uint64_t n_came; /* at the last look */
};

struct canary_watch {
	struct ports *ports;
	struct output *output;
	uint64_t run;
	uint32_t patience_ms;
	struct canary_watch_events events;
	uv_timer_t timer;
	uv_work_t work;
	struct hung_watch hung;
	struct resets *resets; /* NULL: not loaded yet, or not to be had */
	int resets_error;
	bool is_loading;
	bool is_freed;
	bool is_closed;
	size_t n_marked;
	struct canary_count counts[RESETS_MARKS];
	struct hung_berth berths[QUEUE_LOOK_MAX];
	struct hung_reading readings[QUEUE_LOOK_MAX];
	struct marked marked[QUEUE_LOOK_MAX];
};

/* --- its queues --- */

/* A generation is not held against others: there may be none. */
static void look_for_mute(struct canary_watch *c)
{
	const int64_t now_ms = clock_ms();
	const size_t n = queue_look(c->ports, HUNG_NOBODY, c->readings);
	char why[TEXT_MAX];
	uint64_t run;

	(void)hung_look(&c->hung, c->readings, n, c->patience_ms, now_ms);
	run = hung_mute(&c->hung, c->patience_ms, now_ms);
	if (run == HUNG_NOBODY)
		return;
	(void)snprintf(why, sizeof(why),
		       "does not accept: it has come for nobody yet, and some have waited for "
		       "%.1f s",
		       (double)c->patience_ms / 1000);
	c->events.bad(c->events.data, run, true, why);
}

/* Whether that is well. */
static bool look_at_queues(struct canary_watch *c)
{
	const size_t n = queue_look(c->ports, c->run, c->readings);
	char why[TEXT_MAX];

	if (hung_look(&c->hung, c->readings, n, c->patience_ms, clock_ms()) != c->run)
		return true;
	queue_look_describe(c->readings, n, c->run, c->patience_ms, why, sizeof(why));
	c->events.bad(c->events.data, c->run, true, why);
	return false;
}

/* --- its resets --- */

static enum resets_mark mark_of(const struct canary_watch *c, const struct berth *b)
{
	return b->owner.run == c->run ? RESETS_OF_CANARY : RESETS_OF_OTHERS;
}

/* One that has no mark yet gets it: what comes from now on is counted. */
static struct marked *find_marked(struct canary_watch *c, struct berth *b, uint64_t n_came)
{
	own_fd fd = NO_FD;

	for (size_t i = 0; i < c->n_marked; i++)
		if (c->marked[i].cookie == b->cookie)
			return &c->marked[i];
	if (c->n_marked == QUEUE_LOOK_MAX || berth_borrow(b, &fd) < 0 ||
	    resets_mark(c->resets, fd, mark_of(c, b)) < 0)
		return NULL;
	c->marked[c->n_marked] = (struct marked){ b->cookie, n_came };
	return &c->marked[c->n_marked++];
}

static void count_at(struct canary_watch *c, const struct port *port)
{
	for (struct berth *b = port->berths; b; b = b->next) {
		const uint64_t n_came = steer_berth(c->ports->steer, b->index)->steered;
		struct marked *m = find_marked(c, b, n_came);

		if (!m)
			continue;
		c->counts[mark_of(c, b)].n_came += n_came - m->n_came;
		m->n_came = n_came;
	}
}

static void look_at_resets(struct canary_watch *c)
{
	const struct canary_count *canary = &c->counts[RESETS_OF_CANARY];
	const struct canary_count *others = &c->counts[RESETS_OF_OTHERS];
	char why[TEXT_MAX];

	/* In this order: who is reset has come before. */
	for (unsigned i = 0; i < RESETS_MARKS; i++)
		c->counts[i].n_reset = resets_count(c->resets, (enum resets_mark)i);
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (c->ports->at[i] && c->ports->at[i]->kind == PORT_STEERED)
			count_at(c, c->ports->at[i]);
	if (!canary_resets_too_many(canary, others))
		return;
	(void)snprintf(why, sizeof(why),
		       "resets its clients: %llu of %llu connections, the others %llu of %llu",
		       (unsigned long long)canary->n_reset, (unsigned long long)canary->n_came,
		       (unsigned long long)others->n_reset, (unsigned long long)others->n_came);
	c->events.bad(c->events.data, c->run, false, why);
}

static void load(uv_work_t *work)
{
	struct canary_watch *c = container_of(work, struct canary_watch, work);

	c->resets_error = resets_new(&c->resets);
}

/* --- beginning and end --- */

static void free_at_last(struct canary_watch *c)
{
	if (!c->is_closed || c->is_loading)
		return;
	c->resets = resets_free(c->resets);
	free(c);
}

static void on_loaded(uv_work_t *work, int status)
{
	struct canary_watch *c = container_of(work, struct canary_watch, work);
	const int err = status < 0 ? status : c->resets_error;

	c->is_loading = false;
	if (c->is_freed)
		free_at_last(c);
	else if (err < 0)
		output_say(c->output, MESSAGE_WARNING, "canary_unwatched",
			   "whether the canary resets its clients is not watched: %s%s",
			   strerror(-err), err == -EPERM ? " (that needs CAP_PERFMON)" : "");
	else
		look_at_resets(c);
}

static void on_timer(uv_timer_t *timer)
{
	struct canary_watch *c = container_of(timer, struct canary_watch, timer);

	if (c->run == HUNG_NOBODY)
		look_for_mute(c);
	else if (look_at_queues(c) && c->resets)
		look_at_resets(c);
}

int canary_watch_new(struct ports *ports, struct output *output, uint64_t run, uint32_t watch_ms,
		     const struct canary_watch_events *events, struct canary_watch **ret_watch)
{
	struct canary_watch *c = calloc(1, sizeof(*c));
	uint32_t look_ms;

	if (!c)
		return -ENOMEM;
	c->ports = ports;
	c->output = output;
	c->run = run;
	c->patience_ms =
		run == HUNG_NOBODY ? canary_mute_ms(watch_ms) : canary_patience_ms(watch_ms);
	c->events = *events;
	hung_init(&c->hung, c->berths, QUEUE_LOOK_MAX);
	look_ms = run == HUNG_NOBODY ? c->patience_ms / MUTE_LOOKS : hung_look_ms(c->patience_ms);
	(void)uv_timer_init(ports->loop, &c->timer);
	(void)uv_timer_start(&c->timer, on_timer, look_ms, look_ms);
	if (run != HUNG_NOBODY)
		c->is_loading = uv_queue_work(ports->loop, &c->work, load, on_loaded) == 0;
	*ret_watch = c;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct canary_watch *c = container_of((uv_timer_t *)handle, struct canary_watch, timer);

	c->is_closed = true;
	free_at_last(c);
}

struct canary_watch *canary_watch_free(struct canary_watch *c)
{
	if (!c)
		return NULL;
	c->is_freed = true;
	uv_close((uv_handle_t *)&c->timer, on_closed);
	return NULL;
}
