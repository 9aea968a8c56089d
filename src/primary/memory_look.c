/*
 * The thread has values of its own: nothing of the primary's is touched there.
 */
#include "primary/memory_look.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "core/recycle.h"
#include "os/clock.h"
#include "os/proc_memory.h"

#define LOOK_MS   1000
#define PAUSE_FOR 50 /* times as long as a look took */
#define SIGN_MAX  64

struct one {
	struct tree tree;
	char sign[SIGN_MAX];
	uint64_t run;
	uint64_t enough_bytes;
	uint64_t bytes;
};

struct memory_look {
	struct fleet *fleet;
	struct memory_look_events events;
	uv_timer_t timer;
	uv_work_t work;
	struct one ones[APP_WORKERS_MAX];
	size_t n;
	int64_t took_ms;
	bool is_working;
	bool is_freed;
	bool is_closed;
};

/* --- in the thread --- */

static void work(uv_work_t *request)
{
	struct memory_look *l = container_of(request, struct memory_look, work);
	const int64_t began_ms = clock_ms();

	for (size_t i = 0; i < l->n; i++) {
		struct one *o = &l->ones[i];

		o->tree.sign = o->sign;
		if (proc_memory_of_tree(&o->tree, o->enough_bytes, &o->bytes) < 0)
			o->bytes = 0;
	}
	l->took_ms = clock_ms() - began_ms;
}

/* --- in the loop --- */

static void free_at_last(struct memory_look *l)
{
	if (l->is_closed && !l->is_working)
		free(l);
}

static void look(struct memory_look *l);

static void on_timer(uv_timer_t *timer)
{
	look(container_of(timer, struct memory_look, timer));
}

static void pause_then_look(struct memory_look *l)
{
	const int64_t pause_ms = l->took_ms * PAUSE_FOR;

	(void)uv_timer_start(&l->timer, on_timer,
			     (uint64_t)(pause_ms > LOOK_MS ? pause_ms : LOOK_MS), 0);
}

static void on_worked(uv_work_t *request, int status)
{
	struct memory_look *l = container_of(request, struct memory_look, work);
	bool is_news = false;

	l->is_working = false;
	if (l->is_freed) {
		free_at_last(l);
		return;
	}
	for (size_t i = 0; status == 0 && i < l->n; i++)
		is_news |= l->ones[i].bytes >= l->ones[i].enough_bytes;
	if (is_news)
		l->events.seen(l->events.data);
	pause_then_look(l);
}

static void add(struct memory_look *l, const struct worker *w)
{
	const uint64_t limit = l->fleet->config->recycle.memory_bytes;
	struct one *o = &l->ones[l->n++];

	*o = (struct one){ .tree = process_tree(w->process), .run = w->process->client.run };
	(void)strncpy(o->sign, o->tree.sign, sizeof(o->sign) - 1);
	o->enough_bytes = recycle_limit(limit, o->run, RECYCLE_MEMORY);
}

static void look(struct memory_look *l)
{
	l->n = 0;
	for (unsigned slot = 1; slot <= APP_WORKERS_MAX; slot++) {
		const struct worker *w = l->fleet->workers[slot - 1];

		if (w && w->state == WORKER_READY && worker_is_running(w))
			add(l, w);
	}
	l->is_working = uv_queue_work(l->timer.loop, &l->work, work, on_worked) == 0;
	if (!l->is_working)
		pause_then_look(l);
}

void memory_look_begin(struct memory_look *l)
{
	if (!l->is_working)
		look(l);
}

uint64_t memory_look_bytes(const struct memory_look *l, uint64_t run)
{
	/* While the thread is at work these are not ours. */
	for (size_t i = 0; !l->is_working && i < l->n; i++)
		if (l->ones[i].run == run)
			return l->ones[i].bytes;
	return 0;
}

int memory_look_new(uv_loop_t *loop, struct fleet *fleet, const struct memory_look_events *events,
		    struct memory_look **ret_look)
{
	struct memory_look *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->fleet = fleet;
	l->events = *events;
	(void)uv_timer_init(loop, &l->timer);
	*ret_look = l;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct memory_look *l = container_of((uv_timer_t *)handle, struct memory_look, timer);

	l->is_closed = true;
	free_at_last(l);
}

struct memory_look *memory_look_free(struct memory_look *l)
{
	if (!l)
		return NULL;
	l->is_freed = true;
	uv_close((uv_handle_t *)&l->timer, on_closed);
	return NULL;
}
