/*
 * One turn for all workers that drain: a look at their connections, the end for those
 * that are idle, and the last look at whoever seems to have none.
 */
#include "primary/drain.h"

#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "base/own.h"
#include "core/conn_idle.h"
#include "os/clock.h"
#include "os/conn_close.h"
#include "os/sock.h"
#include "os/sock_udp.h"
#include "primary/berths.h"
#include "primary/datagrams.h"
#include "primary/drain_look.h"

#define WHOLE_EVERY_MS 100
#define WHOLE_HOLD_MS  500 /* the same while answers are held, which cannot wait for so long */
#define LOOK_FIRST_MS  10
#define STAND_LOOK_MS  1   /* until the next look at who is to stand still: his clients wait */
#define STAND_MAX_MS   500 /* for so long they may: a busy machine takes its time to stop one */
#define SHARED_LOOK_MS 20  /* at who goes on accepting: each moment may be the one */
#define LATE_MS        10  /* that a turn comes late is worth mentioning */
#define SETTLE_MS      1000 /* handshakes that had begun may end: before that, nothing stands still */
#define SETTLE_SHARE   2    /* of a drain that is short: at its deadline it's too late */

struct drain {
	struct drain_look look;
	uv_timer_t timer;
	bool holds;     /* ends of answers, since the last turn */
	int64_t due_ms; /* of this turn */
};

uint32_t drain_owner(const struct worker *w)
{
	return drain_look_owner(w);
}

static struct worker *next_draining(const struct drain *d, const struct worker *w)
{
	return drain_look_next(&d->look, w);
}

int drain_n_connections(const struct drain *d, const struct worker *w)
{
	return drain_look_n_connections(&d->look, w);
}

struct conn *drain_connections(const struct drain *d, size_t *ret_n)
{
	return conns_all(d->look.conns, ret_n);
}

void drain_call_off(struct drain *d, const struct worker *w)
{
	const uint32_t owner = drain_owner(w);
	size_t n_all;
	struct conn *all = conns_all(d->look.conns, &n_all);

	for (size_t i = 0; i < n_all; i++)
		if (all[i].owner == owner) {
			(void)conn_release(&all[i]);
			all[i].owner = 0;
		}
}

/* How many connections wait at the worker's own sockets to be accepted. */
static unsigned n_queued_at(struct berth *b)
{
	struct sock_queue queue = { 0 };
	own_fd fd = NO_FD;

	if (berth_borrow(b, &fd) < 0)
		return 0;
	return b->is_udp ? (sock_udp_queue(fd, &queue), queue.n_waiting) : sock_n_queued(fd);
}

static unsigned n_queued(const struct drain *d, const struct worker *w)
{
	const struct ports *p = d->look.fleet->ports;
	unsigned n = 0;

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		if (!p->at[i] || p->at[i]->kind != PORT_STEERED)
			continue;
		for (struct berth *b = p->at[i]->berths; b; b = b->next)
			if (b->owner.run == w->process->client.run)
				n += n_queued_at(b);
	}
	return n;
}

/* Who must stay has no deadline yet that would be a reason to hurry. */
static uint32_t left_ms(const struct drain *d, const struct worker *w, int64_t now_ms)
{
	const int64_t due_ms = w->deadline_ms + w->late_ms;

	if (w->must_stay)
		return d->look.fleet->config->drain_ms;
	return due_ms > now_ms ? (uint32_t)(due_ms - now_ms) : 0;
}

/* Closes what is idle, some at a time. Returns how long to pause before the next look. */
static uint32_t close_idle(struct drain *d, const struct worker *w, int64_t now_ms)
{
	const struct conn_patience patience =
		conn_patience(d->look.fleet->config->idle_close_ms, left_ms(d, w, now_ms));
	const uint32_t owner = drain_owner(w);
	size_t n_all;
	struct conn *all = conns_all(d->look.conns, &n_all);
	const int n_open = drain_n_connections(d, w);
	size_t n_max = conn_close_max(n_open > 0 ? (size_t)n_open : 0);
	bool has_more = false;

	for (size_t i = 0; i < n_all; i++) {
		if (all[i].owner != owner)
			continue;
		d->holds |= all[i].info.is_held && all[i].info.state != CONN_CLOSING;
		if (conn_is_idle(&all[i].info, &patience)) {
			const bool counts = !conn_has_end_held(&all[i].info);

			if (counts && n_max == 0)
				has_more = true;
			else if (conn_close(&all[i]) == 0)
				n_max -= counts;
		} else if (conn_is_to_hold(&all[i].info, &patience)) {
			(void)conn_hold(&all[i]);
		}
	}
	return conn_look_again_ms(&patience, has_more);
}

/*
 * A connection in constant use is closed at a moment that has to be seen. Where the machine is
 * busy, or stood still, nobody looked: of the time that there is for it that is no part.
 * After a turn, too, as that may be what took so long: or the deadline would be next.
 */
static void give_back(struct drain *d)
{
	const int64_t now_ms = clock_ms();
	const int64_t late_ms = now_ms - d->due_ms;

	if (late_ms < LATE_MS || d->look.fleet->config->idle_close_ms == 0)
		return;
	uv_update_time(d->timer.loop);
	for (struct worker *w = next_draining(d, NULL); w; w = next_draining(d, w)) {
		const uint32_t before_ms = left_ms(d, w, d->due_ms), left = left_ms(d, w, now_ms);
		const uint32_t share_ms = before_ms < CONN_HOLD_MS ? before_ms : CONN_HOLD_MS;

		if (left < share_ms)
			worker_put_off(w, now_ms + share_ms);
	}
	d->due_ms = now_ms;
}

static void on_timer(uv_timer_t *timer);

static void look_after(struct drain *d, uint32_t pause_ms)
{
	uv_update_time(d->timer.loop);
	d->due_ms = clock_ms() + pause_ms;
	(void)uv_timer_start(&d->timer, on_timer, pause_ms, 0);
}

bool drain_cut(struct drain *d, const struct worker *w)
{
	const uint32_t owner = drain_owner(w);
	struct conn *all;
	size_t n_all;
	bool is_left = false;

	/* Handshakes need some time to end, however short it is. */
	if (!d->look.fleet->config->drain_ms)
		return false;
	if (!drain_look_whole(&d->look, WHOLE_EVERY_MS, clock_ms()) || d->look.is_partial)
		return false;
	drain_look_end(&d->look);
	all = conns_all(d->look.conns, &n_all);
	for (size_t i = 0; i < n_all; i++) {
		const int r = all[i].owner == owner ? conn_cut(&all[i]) : 0;

		is_left |= r < 0 && r != -ESRCH;
	}
	/* Who has not come for its clients in all that time will not do so later. */
	return !w->is_unseen && !is_left && n_queued(d, w) == 0;
}

static bool is_nobody_left(const struct drain *d, const struct worker *w)
{
	return drain_n_connections(d, w) == 0 && !d->look.is_partial && n_queued(d, w) == 0;
}

/*
 * Of UDP. Who has some goes on answering them, and when its time is nearly over they go to
 * others: what came just before that is to be answered, too.
 */
static bool has_flows(const struct drain *d, const struct worker *w, int64_t settle_ms,
		      int64_t now_ms)
{
	const int64_t time_left_ms = w->deadline_ms - now_ms;
	const uint64_t run = w->process->client.run;
	const bool is_dismissed =
		time_left_ms <= settle_ms && datagrams_dismiss(d->look.fleet->ports, run);

	return datagrams_n_flows(d->look.fleet->ports, run) > 0 ||
	       (is_dismissed && time_left_ms > settle_ms / 2);
}

/* Whether nobody seems left, and nobody is on the way: it's worth while to stop it, and look. */
static bool seems_drained(const struct drain *d, const struct worker *w, int64_t now_ms)
{
	const uint32_t drain_ms = d->look.fleet->config->drain_ms;
	const int64_t began_ms = w->deadline_ms - drain_ms;
	const int64_t settle_ms =
		drain_ms / SETTLE_SHARE < SETTLE_MS ? drain_ms / SETTLE_SHARE : SETTLE_MS;

	if (has_flows(d, w, settle_ms, now_ms))
		return false;
	if (!worker_may_go(w) || now_ms < w->stand.again_ms || !is_nobody_left(d, w))
		return false;
	/* A worker that ends has its handshakes handed on; one that stands still keeps them. */
	return !worker_is_to_freeze(w) || now_ms - began_ms >= settle_ms;
}

/*
 * The last look. What it has accepted since the one before is found by this one, and
 * as it stands still it accepts no more, until its end: a signal that ends it is the first
 * that it hears of when it may go on. Who waits in its queue goes to others then.
 */
static void judge_standing(struct drain *d, struct worker *w, int64_t now_ms)
{
	if (w->stand.is_ripe && d->look.is_fresh && is_nobody_left(d, w))
		w->stand.is_empty = true;
	else if ((w->stand.is_ripe && d->look.is_fresh) ||
		 now_ms - w->stand.since_ms > STAND_MAX_MS)
		worker_serve_on(w, now_ms);
	else if (!w->stand.is_still)
		worker_stand(w, d->look.census, now_ms); /* some of it has just begun */
}

/* There may be one that nobody knows of yet. Returns how long to pause until a look tells. */
static uint32_t hasten_whole_look(struct drain_look *l, uint32_t pause_ms, int64_t now_ms)
{
	const int64_t due_ms =
		l->whole_ms + (l->share_ms > WHOLE_EVERY_MS ? l->share_ms : WHOLE_EVERY_MS);

	if (l->whole_due_ms > due_ms)
		l->whole_due_ms = due_ms;
	if (l->whole_due_ms - now_ms >= pause_ms)
		return pause_ms;
	return l->whole_due_ms > now_ms ? (uint32_t)(l->whole_due_ms - now_ms) : 1;
}

/*
 * How long to pause before the next look at @w.
 *
 * Who takes connections from a shared socket has some again and again, short ones: a whole
 * look before the last one would tell nothing of that moment. It is enough that those have
 * ended that were there when it was last tried.
 */
static uint32_t judge(struct drain *d, struct worker *w, int64_t now_ms)
{
	const bool is_shared = worker_shares_listener(w) && worker_may_go(w);
	uint32_t ms;

	if (w->stand.is_asked) {
		judge_standing(d, w, now_ms);
		return STAND_LOOK_MS;
	}
	ms = close_idle(d, w, now_ms);
	if (seems_drained(d, w, now_ms)) {
		if (!d->look.is_fresh && !is_shared)
			return hasten_whole_look(&d->look, ms, now_ms);
		if (drain_look_census(&d->look)) {
			worker_stand(w, d->look.census, now_ms);
			return STAND_LOOK_MS;
		}
	}
	return is_shared && ms > SHARED_LOOK_MS ? SHARED_LOOK_MS : ms;
}

/* Its end may change who drains: the list is gone through anew for each. */
static bool let_one_go(struct drain *d)
{
	struct worker *w = next_draining(d, NULL);

	while (w && !w->stand.is_empty)
		w = next_draining(d, w);
	if (!w)
		return false;
	w->stand.is_empty = false;
	worker_drained(w);
	return true;
}

static void on_timer(uv_timer_t *timer)
{
	struct drain *d = container_of(timer, struct drain, timer);
	const uint32_t every_ms = d->holds ? WHOLE_HOLD_MS : WHOLE_EVERY_MS;
	const int64_t now_ms = clock_ms();
	uint32_t pause_ms = CONN_LOOK_MAX_MS;

	if (!next_draining(d, NULL))
		return;
	give_back(d);
	drain_look_take(&d->look, every_ms, now_ms);
	d->holds = false;
	for (struct worker *w = next_draining(d, NULL); w; w = next_draining(d, w)) {
		uint32_t ms = judge(d, w, now_ms);

		pause_ms = ms < pause_ms ? ms : pause_ms;
	}
	drain_look_end(&d->look);
	give_back(d);
	while (let_one_go(d))
		;
	look_after(d, drain_look_has_newcomer(&d->look) && pause_ms > LOOK_FIRST_MS ? LOOK_FIRST_MS
										    : pause_ms);
}

void drain_note(struct drain *d)
{
	const bool is_due_soon =
		uv_is_active((uv_handle_t *)&d->timer) && d->due_ms - clock_ms() <= LOOK_FIRST_MS;

	if (!is_due_soon && drain_look_has_newcomer(&d->look))
		look_after(d, LOOK_FIRST_MS);
}

int drain_new(uv_loop_t *loop, struct fleet *fleet, struct drain **ret_drain)
{
	struct drain *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->look.fleet = fleet;
	d->look.conns = conns_new();
	if (!d->look.conns) {
		free(d);
		return -ENOMEM;
	}
	(void)uv_timer_init(loop, &d->timer);
	*ret_drain = d;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(container_of((uv_timer_t *)handle, struct drain, timer));
}

struct drain *drain_free(struct drain *d)
{
	if (!d)
		return NULL;
	drain_look_end(&d->look);
	d->look.conns = conns_free(d->look.conns);
	uv_close((uv_handle_t *)&d->timer, on_closed);
	return NULL;
}
