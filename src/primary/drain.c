/*
 * One look at a time, for all workers that drain: which connections are there, whose they
 * are, which of them are idle. A whole look passes all connections of the machine, and
 * all descriptors of the workers: some ten milliseconds. So between two of those only the
 * connections that are known to be theirs are looked at.
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

#define WHOLE_EVERY_MS 100
#define WHOLE_HOLD_MS  500  /* the same while answers are held, which cannot wait for so long */
#define WHOLE_SHARE    8    /* of the time that passes, at most one part in so many for those */
#define SINGLE_MAX     1024 /* connections: beyond that a whole look is quicker */
#define LOOK_FIRST_MS  10
#define LATE_MS        10  /* that a turn comes late is worth mentioning */
#define TREE_MAX       256 /* processes of one worker that are looked into */
#define SETTLE_MS      1000 /* handshakes that had begun may end: before that, nothing stands still */
#define SETTLE_SHARE   2    /* of a drain that is short: at its deadline it's too late */

struct drain {
	struct fleet *fleet;
	struct conns *conns;
	uv_timer_t timer;
	int64_t whole_ms;     /* of the last whole look */
	int64_t whole_due_ms; /* of the next one */
	bool holds;           /* ends of answers, since the last turn */
	int64_t due_ms;       /* of this turn */
	bool is_fresh;        /* this look was a whole one */
};

uint32_t drain_owner(const struct worker *w)
{
	return w->process ? (uint32_t)w->process->client.run : 0;
}

static struct worker *next_draining(const struct drain *d, const struct worker *w)
{
	struct worker *next = w ? w->next : d->fleet->others;

	while (next && next->state != WORKER_DRAINING)
		next = next->next;
	return next;
}

/* Where connections of workers may have come in. */
static size_t list_ports(const struct drain *d, struct addr *ret_ports, size_t n_max)
{
	const struct ports *p = d->fleet->ports;
	size_t n = 0;

	for (unsigned i = 0; i < PORT_TABLE_MAX && n < n_max; i++)
		if (p->at[i] && port_addr(p->at[i])->family != AF_UNIX && !port_is_udp(p->at[i]))
			ret_ports[n++] = *port_addr(p->at[i]);
	for (const struct worker *w = next_draining(d, NULL); w && n < n_max;
	     w = next_draining(d, w)) {
		const uint16_t unique = w->process ? w->process->client.unique_port : 0;

		if (unique)
			ret_ports[n++] = (struct addr){ .family = AF_INET6, .port = unique };
	}
	return n;
}

static void claim(struct drain *d, const struct worker *w)
{
	pid_t pids[TREE_MAX];
	int n = process_pids(w->process, pids, TREE_MAX);

	for (int i = 0; i < n && i < TREE_MAX; i++)
		(void)conns_claim(d->conns, pids[i], drain_owner(w));
}

int drain_n_connections(const struct drain *d, const struct worker *w)
{
	const uint32_t owner = drain_owner(w);
	size_t n_all;
	const struct conn *all = conns_all(d->conns, &n_all);
	int n = 0;

	if (!w->is_looked_at || w->state != WORKER_DRAINING)
		return -1;
	for (size_t i = 0; i < n_all; i++)
		n += all[i].owner == owner;
	return n;
}

struct conn *drain_connections(const struct drain *d, size_t *ret_n)
{
	return conns_all(d->conns, ret_n);
}

void drain_call_off(struct drain *d, const struct worker *w)
{
	const uint32_t owner = drain_owner(w);
	size_t n_all;
	struct conn *all = conns_all(d->conns, &n_all);

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
	const struct ports *p = d->fleet->ports;
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
		return d->fleet->config->drain_ms;
	return due_ms > now_ms ? (uint32_t)(due_ms - now_ms) : 0;
}

/* Closes what is idle, some at a time. Returns how long to pause before the next look. */
static uint32_t close_idle(struct drain *d, const struct worker *w, int64_t now_ms)
{
	const struct conn_patience patience =
		conn_patience(d->fleet->config->idle_close_ms, left_ms(d, w, now_ms));
	const uint32_t owner = drain_owner(w);
	size_t n_all;
	struct conn *all = conns_all(d->conns, &n_all);
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

/* Whether nobody is left, and nobody is on the way. */
static bool is_drained(struct drain *d, const struct worker *w, int64_t now_ms)
{
	const uint32_t drain_ms = d->fleet->config->drain_ms;
	const int64_t began_ms = w->deadline_ms - drain_ms;
	const int64_t settle_ms =
		drain_ms / SETTLE_SHARE < SETTLE_MS ? drain_ms / SETTLE_SHARE : SETTLE_MS;

	const int64_t left_ms = w->deadline_ms - now_ms;
	const uint64_t run = w->process->client.run;
	bool is_dismissed = false;

	/* What came just before its flows went to others is to be answered, too. */
	if (left_ms <= settle_ms)
		is_dismissed = datagrams_dismiss(d->fleet->ports, run);
	if (drain_n_connections(d, w) != 0 || n_queued(d, w) > 0)
		return false;
	if (datagrams_n_flows(d->fleet->ports, run) > 0 ||
	    (is_dismissed && left_ms > settle_ms / 2))
		return false;
	/* A worker that ends has its handshakes handed on; one that stands still keeps them. */
	if ((w->must_stay || w->keep_ms) && now_ms - began_ms < settle_ms)
		return false;
	if (!d->is_fresh) /* there may be one that nobody knows of yet */
		d->whole_due_ms = d->whole_ms + (d->holds ? WHOLE_HOLD_MS : WHOLE_EVERY_MS);
	return d->is_fresh;
}

static bool look_at_all(struct drain *d, int64_t now_ms)
{
	struct addr ports[2 * APP_PORTS_MAX];
	size_t n = list_ports(d, ports, sizeof(ports) / sizeof(ports[0]));
	const int64_t every_ms = d->holds ? WHOLE_HOLD_MS : WHOLE_EVERY_MS;
	int64_t share_ms;

	if (conns_look(d->conns, ports, n, now_ms) < 0)
		return false;
	for (struct worker *w = next_draining(d, NULL); w; w = next_draining(d, w)) {
		claim(d, w);
		w->is_looked_at = true;
	}
	d->whole_ms = clock_ms();
	share_ms = (d->whole_ms - now_ms) * WHOLE_SHARE;
	d->whole_due_ms = now_ms + (share_ms > every_ms ? share_ms : every_ms);
	return true;
}

static void look_at_known(const struct drain *d, int64_t now_ms)
{
	size_t n_all;
	struct conn *all = conns_all(d->conns, &n_all);

	for (size_t i = 0; i < n_all; i++)
		if (all[i].owner && conn_look(&all[i], now_ms) == -ESRCH)
			all[i].owner = 0;
}

static size_t n_known(const struct drain *d)
{
	size_t n_all, n = 0;
	const struct conn *all = conns_all(d->conns, &n_all);

	for (size_t i = 0; i < n_all; i++)
		n += all[i].owner != 0;
	return n;
}

/* Who has just begun to drain has clients that nobody knows of. */
static bool has_newcomer(const struct drain *d)
{
	const struct worker *w = next_draining(d, NULL);

	while (w && w->is_looked_at)
		w = next_draining(d, w);
	return w;
}

static void look(struct drain *d, int64_t now_ms)
{
	d->is_fresh = false;
	if (has_newcomer(d) || now_ms >= d->whole_due_ms || n_known(d) > SINGLE_MAX)
		d->is_fresh = look_at_all(d, now_ms);
	if (!d->is_fresh)
		look_at_known(d, now_ms);
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

	if (late_ms < LATE_MS || d->fleet->config->idle_close_ms == 0)
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
	if (!d->fleet->config->drain_ms)
		return false;
	if (!look_at_all(d, clock_ms()))
		return false;
	all = conns_all(d->conns, &n_all);
	for (size_t i = 0; i < n_all; i++) {
		const int r = all[i].owner == owner ? conn_cut(&all[i]) : 0;

		is_left |= r < 0 && r != -ESRCH;
	}
	/* Who has not come for its clients in all that time will not do so later. */
	return !is_left && n_queued(d, w) == 0;
}

static void on_timer(uv_timer_t *timer)
{
	struct drain *d = container_of(timer, struct drain, timer);
	const int64_t now_ms = clock_ms();
	uint32_t pause_ms = CONN_LOOK_MAX_MS;
	struct worker *drained = NULL;

	if (!next_draining(d, NULL))
		return;
	give_back(d);
	look(d, now_ms);
	d->holds = false;
	for (struct worker *w = next_draining(d, NULL); w; w = next_draining(d, w)) {
		uint32_t ms = close_idle(d, w, now_ms);

		pause_ms = ms < pause_ms ? ms : pause_ms;
		if (!drained && is_drained(d, w, now_ms))
			drained = w;
	}
	give_back(d);
	/* One in a turn: its end may change who drains. */
	if (drained)
		worker_drained(drained);
	look_after(d, pause_ms);
}

void drain_note(struct drain *d)
{
	if (!uv_is_active((uv_handle_t *)&d->timer) && next_draining(d, NULL))
		look_after(d, LOOK_FIRST_MS);
}

int drain_new(uv_loop_t *loop, struct fleet *fleet, struct drain **ret_drain)
{
	struct drain *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->fleet = fleet;
	d->conns = conns_new();
	if (!d->conns) {
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
	d->conns = conns_free(d->conns);
	uv_close((uv_handle_t *)&d->timer, on_closed);
	return NULL;
}
