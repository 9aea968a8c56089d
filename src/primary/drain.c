/*
 * One look at a time, for all workers that drain: which connections are there, whose they
 * are, which of them are idle. Whose they are takes longest to find out, and is asked less
 * often while nobody's last connection has gone.
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

#define CLAIM_EVERY_MS 100
#define LOOK_FIRST_MS  10
#define TREE_MAX       256 /* processes of one worker that are looked into */
#define SETTLE_MS      1000 /* handshakes that had begun may end: before that, nothing stands still */
#define SETTLE_SHARE   2    /* of a drain that is short: at its deadline it's too late */

struct drain {
	struct fleet *fleet;
	struct conns *conns;
	uv_timer_t timer;
	int64_t claimed_ms;
	bool has_looked;
	bool is_fresh; /* whose they are was asked in this look */
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

	if (!d->has_looked || w->state != WORKER_DRAINING)
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
		if (all[i].owner == owner)
			(void)conn_release(&all[i]);
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

static uint32_t left_ms(const struct worker *w, int64_t now_ms)
{
	return w->deadline_ms > now_ms ? (uint32_t)(w->deadline_ms - now_ms) : 0;
}

/* Closes what is idle, some at a time. Returns how long to pause before the next look. */
static uint32_t close_idle(const struct drain *d, const struct worker *w, int64_t now_ms)
{
	const struct conn_patience patience =
		conn_patience(d->fleet->config->idle_close_ms, left_ms(w, now_ms));
	const uint32_t owner = drain_owner(w);
	size_t n_all;
	struct conn *all = conns_all(d->conns, &n_all);
	size_t n_max = conn_close_max((size_t)drain_n_connections(d, w));
	bool has_more = false;

	for (size_t i = 0; i < n_all; i++) {
		if (all[i].owner != owner)
			continue;
		if (conn_is_idle(&all[i].info, &patience)) {
			if (n_max == 0)
				has_more = true;
			else if (conn_close(&all[i]) == 0)
				n_max--;
		} else if (conn_is_to_hold(&all[i].info, &patience)) {
			(void)conn_hold(&all[i]);
		}
	}
	return conn_look_again_ms(&patience, has_more);
}

/* Whether nobody is left, and nobody is on the way. */
static bool is_drained(const struct drain *d, const struct worker *w, int64_t now_ms)
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
	if (!d->is_fresh || drain_n_connections(d, w) > 0 || n_queued(d, w) > 0)
		return false;
	if (datagrams_n_flows(d->fleet->ports, run) > 0 ||
	    (is_dismissed && left_ms > settle_ms / 2))
		return false;
	/* A worker that ends has its handshakes handed on; one that stands still keeps them. */
	return !(w->must_stay || w->keep_ms) || now_ms - began_ms >= settle_ms;
}

static void look(struct drain *d, int64_t now_ms)
{
	struct addr ports[2 * APP_PORTS_MAX];
	size_t n = list_ports(d, ports, sizeof(ports) / sizeof(ports[0]));

	d->is_fresh = !d->has_looked || now_ms - d->claimed_ms >= CLAIM_EVERY_MS;
	(void)conns_look(d->conns, ports, n, now_ms);
	d->has_looked = true;
	if (!d->is_fresh)
		return;
	d->claimed_ms = now_ms;
	for (const struct worker *w = next_draining(d, NULL); w; w = next_draining(d, w))
		claim(d, w);
}

static void on_timer(uv_timer_t *timer)
{
	struct drain *d = container_of(timer, struct drain, timer);
	const int64_t now_ms = clock_ms();
	uint32_t pause_ms = CONN_LOOK_MAX_MS;
	struct worker *drained = NULL;

	if (!next_draining(d, NULL)) {
		d->has_looked = false;
		return;
	}
	look(d, now_ms);
	for (struct worker *w = next_draining(d, NULL); w; w = next_draining(d, w)) {
		uint32_t ms = close_idle(d, w, now_ms);

		pause_ms = ms < pause_ms ? ms : pause_ms;
		if (!drained && is_drained(d, w, now_ms))
			drained = w;
	}
	/* One in a turn: its end may change who drains. */
	if (drained)
		worker_drained(drained);
	(void)uv_timer_start(timer, on_timer, pause_ms, 0);
}

void drain_note(struct drain *d)
{
	if (!uv_is_active((uv_handle_t *)&d->timer) && next_draining(d, NULL))
		(void)uv_timer_start(&d->timer, on_timer, LOOK_FIRST_MS, 0);
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
