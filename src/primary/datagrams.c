/*
 * What the program for datagrams is told of ports and berths, and what is read
 * from its tables. See datagrams.h.
 */
#include "primary/datagrams.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "base/own.h"
#include "os/clock.h"
#include "primary/berths.h"
#include "primary/datagram_hold.h"

#define HELD_LOOK_MS   500
#define COUNT_EVERY_MS 500 /* flows are counted no more often */
#define NS_PER_MS      1000000ull

struct datagrams {
	uv_timer_t look_again; /* at sockets that are held: nothing tells when they are closed */
	struct ports *ports;
	struct flows *flows;
	uint64_t idle_ns;
	int64_t counted_ms; /* when the following was last true; 0: never */
	uint32_t n_present;
	uint64_t now_ns;                    /* of the look */
	uint32_t n_live[STEER_BERTHS_MAX];  /* by a berth's index */
	uint32_t opening[STEER_BERTHS_MAX]; /* of the berth there; 0: none is open */
};

bool port_is_udp(const struct port *port)
{
	return port_addr(port)->protocol == IPPROTO_UDP;
}

static void on_closed(uv_handle_t *handle)
{
	free(container_of((uv_timer_t *)handle, struct datagrams, look_again));
}

struct datagrams *datagrams_free(struct datagrams *d)
{
	if (!d)
		return NULL;
	d->flows = flows_free(d->flows);
	uv_close((uv_handle_t *)&d->look_again, on_closed);
	return NULL;
}

static void on_look_again(uv_timer_t *timer)
{
	struct ports *p = container_of(timer, struct datagrams, look_again)->ports;

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i] && port_is_udp(p->at[i]))
			(void)berths_sweep(p->at[i]);
}

static int begin(struct ports *p, struct flow_fds *fds)
{
	struct datagrams *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	r = flows_new(fds, &d->flows);
	if (r < 0) {
		free(d);
		return r;
	}
	d->idle_ns = p->config->udp_idle_ms * NS_PER_MS;
	flows_settings(d->flows)->idle_ns = d->idle_ns;
	d->ports = p;
	p->datagrams = d;
	(void)uv_timer_init(p->loop, &d->look_again);
	if (p->config->udp_hold)
		(void)uv_timer_start(&d->look_again, on_look_again, HELD_LOOK_MS, HELD_LOOK_MS);
	return 0;
}

void datagrams_store(const struct ports *p)
{
	const struct flow_fds *fds;

	if (!p->datagrams)
		return;
	fds = flows_fds(p->datagrams->flows);
	(void)keep_store(p->keep, fds->program, "flow/program");
	(void)keep_store(p->keep, fds->table, "flow/table");
	(void)keep_store(p->keep, fds->berths, "flow/berths");
	(void)keep_store(p->keep, fds->settings, "flow/settings");
	(void)keep_store(p->keep, fds->ids, "flow/ids");
}

static int show_berths(const struct ports *p)
{
	int r = 0;

	for (unsigned i = 0; p->datagrams && r == 0 && i < PORT_TABLE_MAX; i++) {
		const struct port *port = p->at[i];

		if (!port || port->kind != PORT_STEERED || !port_is_udp(port))
			continue;
		for (const struct berth *b = port->berths; r == 0 && b; b = b->next)
			r = flows_show_berth(p->datagrams->flows, b->index);
	}
	return r;
}

static int load(struct ports *p)
{
	struct flow_fds fds = { NO_FD, NO_FD, NO_FD, NO_FD, NO_FD };
	int r = steer_load_flows(p->steer, p->config->udp_flows, &fds);

	if (r == 0)
		r = begin(p, &fds);
	if (r < 0)
		return r;
	datagrams_store(p);
	/* There are some where a predecessor has died before a new keeper had all of these. */
	return show_berths(p);
}

int datagrams_resume(struct ports *p)
{
	struct flow_fds fds = {
		.program = keep_take(p->keep, "flow/program"),
		.table = keep_take(p->keep, "flow/table"),
		.berths = keep_take(p->keep, "flow/berths"),
		.settings = keep_take(p->keep, "flow/settings"),
		.ids = keep_take(p->keep, "flow/ids"),
	};
	int r;

	/* Our predecessor had no such port, or died before it had one. */
	if (fds.program < 0 || fds.table < 0 || fds.berths < 0 || fds.settings < 0 || fds.ids < 0) {
		drop_fd(&fds.program);
		drop_fd(&fds.table);
		drop_fd(&fds.berths);
		drop_fd(&fds.settings);
		drop_fd(&fds.ids);
		return 0;
	}
	r = begin(p, &fds);
	if (r == 0)
		datagrams_store(p); /* all of them: it may have died between two */
	return r < 0 ? r : show_berths(p);
}

static bool has_ids(const struct port *port)
{
	const struct app_config *c = port->ports->config;

	for (size_t i = 0; i < c->n_quic; i++)
		if (c->quic_ports[i] == port_addr(port)->port)
			return true;
	return false;
}

static void set_has_ids(struct port *port)
{
	struct flow_settings *s;
	uint32_t n = 0;

	assert(port->ports->datagrams); /* a steered port of UDP has them */
	s = flows_settings(port->ports->datagrams->flows);
	s->has_ids[port->id] = has_ids(port);
	for (unsigned i = 0; i < STEER_PORTS_MAX; i++)
		n += s->has_ids[i];
	s->n_with_ids = n;
}

int datagrams_attach(struct port *port)
{
	struct ports *p = port->ports;
	int r = p->datagrams ? 0 : load(p);

	if (r < 0)
		return r;
	assert(p->datagrams); /* it is loaded now, if it wasn't */
	set_has_ids(port);
	return flows_attach(p->datagrams->flows, port->fd);
}

/* --- berths --- */

static struct flow_berth *entry(const struct ports *p, const struct berth *b)
{
	return flows_berth(p->datagrams->flows, b->index);
}

void datagrams_set_ids(struct port *port, const struct berth *b)
{
	const struct flows *f = port->ports->datagrams->flows;
	const uint64_t name = entry(port->ports, b)->name;

	if (!has_ids(port))
		return;
	(void)flows_set_id(f, b->cookie, port->id, name);
	if (b->owner.run)
		(void)flows_set_id(f, flow_worker_name(b->owner.run), port->id, name);
}

void datagrams_clear_ids(struct port *port, const struct berth *b)
{
	const struct flows *f = port->ports->datagrams->flows;

	if (!has_ids(port))
		return;
	flows_clear_id(f, b->cookie, port->id);
	flows_clear_id(f, flow_worker_name(b->owner.run), port->id);
}

static void name_berth(struct port *port, const struct berth *b)
{
	struct flow_berth *e = entry(port->ports, b);
	const uint64_t name = STEER_SEAT(ports_next_opening(port->ports), b->index);

	memset(e, 0, sizeof(*e));
	e->is_leaving = b->is_held;
	__atomic_store_n(&e->name, name, __ATOMIC_RELEASE);
	datagrams_set_ids(port, b);
}

int datagrams_open(struct port *port, struct berth *b, int fd)
{
	int r = datagram_hold_begin(port->ports, b, fd);

	if (r == 0)
		r = flows_show_berth(port->ports->datagrams->flows, b->index);
	if (r == 0)
		name_berth(port, b);
	else
		datagram_hold_end(port->ports, b);
	return r;
}

void datagrams_close(struct port *port, const struct berth *b)
{
	struct datagrams *d = port->ports->datagrams;

	__atomic_store_n(&entry(port->ports, b)->name, 0, __ATOMIC_RELEASE);
	datagrams_clear_ids(port, b);
	flows_hide_berth(d->flows, b->index);
}

void datagrams_hold(struct port *port, const struct berth *b)
{
	/* One that had been dismissed, and is wanted again. */
	if (!b->is_held && !entry(port->ports, b)->name)
		name_berth(port, b);
	__atomic_store_n(&entry(port->ports, b)->is_leaving, b->is_held, __ATOMIC_RELEASE);
}

void datagrams_mend(struct port *port)
{
	for (const struct berth *b = port->berths; b; b = b->next) {
		datagrams_hold(port, b);
	}
}

/* --- what is in the table --- */

static void count_flow(const struct flow_key *key, const struct flow *f, void *data)
{
	struct datagrams *d = data;
	const uint32_t index = STEER_SEAT_BERTH(f->berth) % STEER_BERTHS_MAX;

	(void)key;
	d->n_present++;
	if (d->opening[index] != f->berth >> 32)
		return; /* it went to one that is closed by now */
	if (d->now_ns < f->seen_ns || d->now_ns - f->seen_ns < d->idle_ns)
		d->n_live[index]++;
}

static bool is_udp_at(const struct ports *p, unsigned i)
{
	return p->at[i] && p->at[i]->kind == PORT_STEERED && port_is_udp(p->at[i]);
}

static void note_openings(const struct ports *p)
{
	struct datagrams *d = p->datagrams;

	memset(d->opening, 0, sizeof(d->opening));
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		for (const struct berth *b = is_udp_at(p, i) ? p->at[i]->berths : NULL; b;
		     b = b->next)
			d->opening[b->index] = (uint32_t)(entry(p, b)->name >> 32);
}

/* A table of the usual size takes some milliseconds; one that changes may be told in part. */
static void count_flows(const struct ports *p)
{
	struct datagrams *d = p->datagrams;
	const int64_t now_ms = clock_ms();
	uint32_t n_steps = flows_limit(d->flows) / FLOWS_READ_MAX * 2 + 2;
	uint64_t cursor = 0;

	if (d->counted_ms && now_ms - d->counted_ms < COUNT_EVERY_MS)
		return;
	d->counted_ms = now_ms;
	d->now_ns = (uint64_t)now_ms * NS_PER_MS;
	d->n_present = 0;
	memset(d->n_live, 0, sizeof(d->n_live));
	note_openings(p);
	do {
		if (flows_read(d->flows, &cursor, count_flow, d) < 0)
			return;
	} while (cursor && --n_steps);
}

static unsigned n_flows_of(const struct ports *p, uint64_t run)
{
	unsigned n = 0;

	count_flows(p);
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		for (const struct berth *b = is_udp_at(p, i) ? p->at[i]->berths : NULL; b;
		     b = b->next)
			if (b->owner.run == run && entry(p, b)->name)
				n += p->datagrams->n_live[b->index];
	return n;
}

unsigned datagrams_n_flows(const struct ports *p, uint64_t run)
{
	unsigned n;

	if (!p->datagrams)
		return 0;
	n = n_flows_of(p, run);
	if (n > 0)
		return n;
	/* One may have come since we looked last: that nobody is left must be true now. */
	p->datagrams->counted_ms = 0;
	return n_flows_of(p, run);
}

bool datagrams_dismiss(const struct ports *p, uint64_t run)
{
	bool has_any = false;

	for (unsigned i = 0; p->datagrams && i < PORT_TABLE_MAX; i++)
		for (const struct berth *b = is_udp_at(p, i) ? p->at[i]->berths : NULL; b;
		     b = b->next)
			if (b->owner.run == run) {
				__atomic_store_n(&entry(p, b)->name, 0, __ATOMIC_RELEASE);
				has_any = true;
			}
	return has_any;
}

int datagrams_table(const struct ports *p, struct datagrams_table *ret_table)
{
	struct datagrams *d = p->datagrams;
	uint64_t made;

	if (!d)
		return -ENOENT;
	count_flows(p);
	made = flows_settings(d->flows)->made;
	*ret_table = (struct datagrams_table){
		.limit = flows_limit(d->flows),
		.present = d->n_present,
		.made = made,
		.evicted = made > d->n_present ? made - d->n_present : 0,
	};
	return 0;
}

void datagrams_berth(const struct ports *p, const struct berth *b,
		     struct datagrams_berth *ret_berth)
{
	count_flows(p);
	ret_berth->flows = p->datagrams->n_live[b->index];
	ret_berth->datagrams = entry(p, b)->datagrams;
}
