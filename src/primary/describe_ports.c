/*
 * The ports, the berths at them, and the connections of those who leave. See describe.h.
 */
#include <stdlib.h>

#include "base/own.h"
#include "core/conn_idle.h"
#include "os/sock_udp.h"
#include "primary/berths.h"
#include "primary/datagrams.h"
#include "primary/describe.h"

#define QUEUES_MAX      512  /* that are looked into for one answer: each takes some 10 us */
#define CONNECTIONS_MAX 1000 /* in one answer */

static const char *kind_text(enum port_kind kind)
{
	switch (kind) {
	case PORT_HELD: return "held";
	case PORT_STEERED: return "steered";
	case PORT_SHARED: return "shared";
	case PORT_PENDING: return "pending";
	}
	return "";
}

/* The counter may be wrong for a moment. */
static json_int_t live_of(const struct steer_berth *counters)
{
	return counters->live > 0 ? (json_int_t)counters->live : 0;
}

static int by_slot(const void *a, const void *b)
{
	const struct berth *one = *(struct berth *const *)a, *two = *(struct berth *const *)b;

	if (one->owner.slot != two->owner.slot)
		return one->owner.slot < two->owner.slot ? -1 : 1;
	return one->index < two->index ? -1 : one->index > two->index;
}

/* Returns the port's berths by slot, or NULL: there is none, or no memory. Free it. */
static struct berth **sorted(const struct port *port, size_t *ret_n)
{
	struct berth **all;
	size_t n = 0, i = 0;

	for (const struct berth *b = port->berths; b; b = b->next)
		n++;
	all = n ? calloc(n, sizeof(struct berth *)) : NULL;
	for (struct berth *b = port->berths; all && b; b = b->next)
		all[i++] = b;
	if (all)
		qsort(all, n, sizeof(struct berth *), by_slot);
	*ret_n = all ? n : 0;
	return all;
}

static void add_queue(json_t *object, struct berth *b)
{
	own_fd fd = NO_FD;
	struct sock_queue queue;

	if (!object || berth_borrow(b, &fd) < 0 ||
	    (b->is_udp ? sock_udp_queue(fd, &queue) : sock_queue(fd, &queue)) < 0)
		return;
	(void)json_object_set_new(object, "queue", json_integer((json_int_t)queue.n_waiting));
	(void)json_object_set_new(object, "queue_limit", json_integer((json_int_t)queue.n_max));
	(void)json_object_set_new(object, "dropped", json_integer((json_int_t)queue.n_dropped));
}

static void add_flows(json_t *object, const struct port *port, const struct berth *b)
{
	struct datagrams_berth datagrams;

	datagrams_berth(port->ports, b, &datagrams);
	(void)json_object_set_new(object, "flows", json_integer(datagrams.flows));
	(void)json_object_set_new(object, "datagrams",
				  json_integer((json_int_t)datagrams.datagrams));
}

/* @n_looks: how many queues were looked into for this answer. */
static json_t *berth_object(const struct port *port, struct berth *b, unsigned *n_looks)
{
	const struct steer_berth *counters = steer_berth(port->ports->steer, b->index);
	json_t *object =
		json_pack("{s:i, s:s, s:I, s:I, s:I}", "slot", (int)b->owner.slot, "state",
			  b->is_held ? "held" : "open", "steered", (json_int_t)counters->steered,
			  "migrated_in", (json_int_t)counters->migrated_in, "migrated_out",
			  (json_int_t)counters->migrated_out);

	if (object && b->is_udp) {
		add_flows(object, port, b);
	} else if (object && steer_counts_connections(port->ports->steer)) {
		(void)json_object_set_new(object, "live", json_integer(live_of(counters)));
		(void)json_object_set_new(object, "live_mended",
					  json_integer((json_int_t)b->drift.n_mended));
	}
	if ((*n_looks)++ < QUEUES_MAX)
		add_queue(object, b);
	return object;
}

static json_t *berths_array(const struct port *port, unsigned *n_looks)
{
	size_t n;
	own_free struct berth **all = sorted(port, &n);
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(array, berth_object(port, all[i], n_looks));
	return array;
}

/* What is in all, and not in what was counted: that of berths that have gone. */
static json_int_t rest(uint64_t all, uint64_t counted)
{
	return all > counted ? (json_int_t)(all - counted) : 0;
}

/*
 * All that the port was ever given. The berths are read first: what comes meanwhile
 * looks for a moment like that of a berth that has gone.
 */
static json_t *totals_object(const struct port *port)
{
	const struct steer_port *table = steer_port(port->ports->steer, port->id);
	struct steer_berth sum = { 0 };
	json_t *object;

	for (const struct berth *b = port->berths; b; b = b->next) {
		const struct steer_berth *c = steer_berth(port->ports->steer, b->index);

		sum.steered += c->steered;
		sum.migrated_in += c->migrated_in;
		sum.migrated_out += c->migrated_out;
		sum.live += live_of(c);
	}
	object = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "steered",
			   (json_int_t)(table->steered + table->to_anchor), "migrated",
			   (json_int_t)table->migrated, "to_anchor", (json_int_t)table->to_anchor,
			   "from_anchor", (json_int_t)table->from_anchor, "refused",
			   (json_int_t)table->refused, "gone_steered",
			   rest(table->steered, sum.steered), "gone_migrated_in",
			   rest(table->migrated, sum.migrated_in), "gone_migrated_out",
			   rest(table->migrated, table->from_anchor + sum.migrated_out));
	if (object && steer_counts_connections(port->ports->steer))
		(void)json_object_set_new(object, "live", json_integer(sum.live));
	return object;
}

/* Datagrams that came while no berth was open. */
static json_int_t n_dropped(const struct port *port)
{
	const struct steer_port *table = steer_port(port->ports->steer, port->id);

	return (json_int_t)(table->to_anchor + table->refused);
}

static json_t *port_object(const struct port *port, unsigned *n_looks)
{
	char text[ADDR_TEXT_MAX];
	json_t *object =
		json_pack("{s:s, s:s, s:b, s:o}", "address", addr_name(port_addr(port), text),
			  "kind", kind_text(port->kind), "named", (int)port->is_named, "berths",
			  berths_array(port, n_looks));

	if (object && port->kind == PORT_STEERED && port_is_udp(port))
		(void)json_object_set_new(object, "dropped", json_integer(n_dropped(port)));
	else if (object && port->kind == PORT_STEERED)
		(void)json_object_set_new(object, "totals", totals_object(port));
	return object;
}

/* Every worker may have a port of its own beside those that are shared. */
static void append_unique(const struct fleet *f, json_t *array)
{
	for (const struct worker *w = fleet_next(f, NULL); w; w = fleet_next(f, w))
		if (w->process && w->process->client.unique_port)
			(void)json_array_append_new(
				array,
				json_pack("{s:o, s:s, s:i, s:[]}", "address",
					  json_sprintf("%u",
						       (unsigned)w->process->client.unique_port),
					  "kind", "unique", "slot", (int)w->slot, "berths"));
}

json_t *describe_ports_array(const struct described *d)
{
	const struct ports *p = d->fleet->ports;
	json_t *array = json_array();
	unsigned n_looks = 0;

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i])
			(void)json_array_append_new(array, port_object(p->at[i], &n_looks));
	append_unique(d->fleet, array);
	return array;
}

json_t *describe_ports(const struct described *d)
{
	json_t *object = json_pack("{s:o}", "ports", describe_ports_array(d));
	struct datagrams_table t;

	if (object && datagrams_table(d->fleet->ports, &t) == 0)
		(void)json_object_set_new(
			object, "flows",
			json_pack("{s:I, s:I, s:I, s:I}", "limit", (json_int_t)t.limit, "present",
				  (json_int_t)t.present, "made", (json_int_t)t.made, "evicted",
				  (json_int_t)t.evicted));
	return object;
}

/* --- berths --- */

json_t *describe_berths(const struct described *d)
{
	const struct ports *p = d->fleet->ports;
	json_t *array = json_array();
	unsigned n_looks = 0;

	for (unsigned at = 0; at < PORT_TABLE_MAX; at++) {
		const struct port *port = p->at[at];
		size_t n = 0;
		own_free struct berth **all = port ? sorted(port, &n) : NULL;
		char text[ADDR_TEXT_MAX];

		for (size_t i = 0; i < n; i++) {
			json_t *object = berth_object(port, all[i], &n_looks);

			if (object)
				(void)json_object_set_new(
					object, "port",
					json_string(addr_name(port_addr(port), text)));
			(void)json_array_append_new(array, object);
		}
	}
	return json_pack("{s:o}", "berths", array);
}

/* --- connections --- */

static const struct worker *draining_of(const struct fleet *f, uint32_t owner)
{
	for (const struct worker *w = f->others; w; w = w->next)
		if (w->state == WORKER_DRAINING && drain_owner(w) == owner)
			return w;
	return NULL;
}

static json_t *connection_object(const struct conn *c, const struct worker *w)
{
	/* however short the pause: whether it's in the middle of something */
	static const struct conn_patience none = { .idle_ms = 1, .unsure_ms = 1, .silent_ms = 1 };
	char peer[ADDR_TEXT_MAX], local[ADDR_TEXT_MAX];

	return json_pack("{s:i, s:i, s:s, s:s, s:b, s:I, s:I, s:I}", "slot", (int)w->slot, "pid",
			 (int)c->pid, "peer", addr_text(&c->info.peer, peer), "port",
			 addr_text(&c->info.local, local), "idle",
			 (int)conn_is_idle(&c->info, &none), "quiet_ms",
			 (json_int_t)conn_quiet_ms(&c->info), "bytes_in",
			 (json_int_t)c->info.n_received, "bytes_out", (json_int_t)c->info.n_acked);
}

json_t *describe_connections(const struct described *d)
{
	json_t *array = json_array();
	const struct conn *all = NULL;
	size_t n = 0, n_found = 0;

	if (d->drain)
		all = drain_connections(d->drain, &n);
	for (size_t i = 0; i < n; i++) {
		const struct worker *w = all[i].owner ? draining_of(d->fleet, all[i].owner) : NULL;

		if (w && n_found++ < CONNECTIONS_MAX)
			(void)json_array_append_new(array, connection_object(&all[i], w));
	}
	return json_pack("{s:o, s:I}", "connections", array, "total", (json_int_t)n_found);
}
