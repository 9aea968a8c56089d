/*
 * The thread counts marks into a table of its own; what that means for the counters
 * is looked at in the loop.
 */
#include "primary/audit.h"

#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "os/clock.h"
#include "os/live.h"
#include "primary/berths.h"

#define EVERY_MS     2000
#define TIMES_LONGER 50 /* the pause after a count, than the count took */

/* What was found of a berth: the connections of one listener. */
struct found {
	uint64_t listener;
	int64_t n;
};

struct audit {
	struct ports *ports;
	uv_work_t work;
	struct steer_fds fds;
	struct found found[STEER_BERTHS_MAX];
	int64_t next_ms;
	int64_t began_ms;
	int result;
	bool is_working;
	bool is_freed;
};

/* --- in the thread --- */

static void note(const struct steer_mark *mark, void *arg)
{
	struct audit *a = arg;
	struct found *f = mark->berth < STEER_BERTHS_MAX ? &a->found[mark->berth] : NULL;

	if (f && f->listener == mark->listener)
		f->n++;
}

static void work(uv_work_t *request)
{
	struct audit *a = container_of(request, struct audit, work);

	a->result = live_look(&a->fds, note, a);
}

/* --- in the loop --- */

/* Calls @each for every berth of every steered port. */
static void for_each_berth(struct audit *a, void (*each)(struct audit *a, struct berth *b))
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		struct port *port = a->ports->at[i];

		if (!port || port->kind != PORT_STEERED)
			continue;
		for (struct berth *b = port->berths; b; b = b->next)
			each(a, b);
	}
}

static uint64_t n_came(const struct steer_berth *c)
{
	return c->steered + c->migrated_in + c->migrated_out;
}

static void begin(struct audit *a, struct berth *b)
{
	const struct steer_berth *c = steer_berth(a->ports->steer, b->index);

	b->count = (struct drift_reading){ .before = c->live, .n_changes = n_came(c) };
	a->found[b->index] = (struct found){ .listener = b->cookie };
}

static void end(struct audit *a, struct berth *b)
{
	struct steer_berth *c = steer_berth(a->ports->steer, b->index);
	int64_t mend;

	if (a->found[b->index].listener != b->cookie)
		return; /* opened meanwhile */
	b->count.after = c->live;
	b->count.n_changes = n_came(c) - b->count.n_changes;
	b->count.found = a->found[b->index].n;
	mend = drift_note(&b->drift, &b->count);
	if (mend)
		(void)__atomic_fetch_add(&c->live, mend, __ATOMIC_RELAXED);
}

static void on_worked(uv_work_t *request, int status)
{
	struct audit *a = container_of(request, struct audit, work);
	const int64_t now_ms = clock_ms();
	const int64_t pause_ms = (now_ms - a->began_ms) * TIMES_LONGER;

	a->is_working = false;
	if (a->is_freed) {
		free(a);
		return;
	}
	if (status == 0 && a->result == 0)
		for_each_berth(a, end);
	a->next_ms = now_ms + (pause_ms > EVERY_MS ? pause_ms : EVERY_MS);
}

void audit_look(struct audit *a)
{
	const int64_t now_ms = clock_ms();

	if (!steer_counts_connections(a->ports->steer) || a->is_working || now_ms < a->next_ms)
		return;
	memset(a->found, 0, sizeof(a->found));
	for_each_berth(a, begin);
	a->fds = *steer_fds(a->ports->steer);
	a->began_ms = now_ms;
	/* Else the next look tries again. */
	a->is_working = uv_queue_work(a->ports->loop, &a->work, work, on_worked) == 0;
}

int audit_new(struct ports *p, struct audit **ret_audit)
{
	struct audit *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->ports = p;
	*ret_audit = a;
	return 0;
}

struct audit *audit_free(struct audit *a)
{
	if (!a)
		return NULL;
	a->is_freed = true;
	if (!a->is_working)
		free(a);
	return NULL;
}
