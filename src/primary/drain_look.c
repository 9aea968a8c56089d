/*
 * A whole look passes all connections of the machine, all of its processes, and all
 * descriptors of the workers: some ten milliseconds. So between two of those only the
 * connections that are known to be theirs are looked at.
 *
 * While it looks, a worker may take another connection: out of its queue when that is
 * read, and among its descriptors when those were. Only of one that stands still, all of
 * it and since before the look, the look tells all.
 */
#include "primary/drain_look.h"

#include <errno.h>

#include "os/clock.h"
#include "primary/datagrams.h"
#include "primary/output.h"

#define WHOLE_SHARE 8    /* of the time that passes, at most one part in so many for whole looks */
#define SINGLE_MAX  1024 /* connections: beyond that a whole look is quicker */

uint32_t drain_look_owner(const struct worker *w)
{
	return w->process ? (uint32_t)w->process->client.run : 0;
}

struct worker *drain_look_next(const struct drain_look *l, const struct worker *w)
{
	struct worker *next = w ? w->next : l->fleet->others;

	while (next && next->state != WORKER_DRAINING)
		next = next->next;
	return next;
}

int drain_look_n_connections(const struct drain_look *l, const struct worker *w)
{
	const uint32_t owner = drain_look_owner(w);
	size_t n_all;
	const struct conn *all = conns_all(l->conns, &n_all);
	int n = 0;

	if (!w->is_looked_at || w->is_unseen || w->state != WORKER_DRAINING)
		return -1;
	for (size_t i = 0; i < n_all; i++)
		n += all[i].owner == owner;
	return n;
}

struct tree_census *drain_look_census(struct drain_look *l)
{
	if (!l->census && tree_census_new(&l->census) < 0)
		l->census = NULL;
	return l->census;
}

void drain_look_end(struct drain_look *l)
{
	l->census = tree_census_free(l->census);
}

/* --- whose they are --- */

struct claim {
	struct conns *conns;
	uint32_t owner;
	bool is_unseen;
};

static int claim_process(pid_t pid, void *arg)
{
	struct claim *c = arg;
	int r = conns_claim(c->conns, pid, c->owner);

	c->is_unseen |= r < 0 && r != -ESRCH;
	return 0;
}

static void say_unseen(struct drain_look *l, const struct worker *w)
{
	if (l->has_said_unknown)
		return;
	l->has_said_unknown = true;
	output_say_worker(
		l->fleet->output, &w->process->client.source, MESSAGE_WARNING, "worker_unseen",
		"which connections it has cannot be seen (a process of it runs as another "
		"user, or with rights of its own): it leaves at the end of --drain");
}

static void claim(struct drain_look *l, struct worker *w)
{
	struct claim c = { .conns = l->conns, .owner = drain_look_owner(w) };
	struct tree_census *census = drain_look_census(l);

	if (!census || process_each(w->process, census, claim_process, &c) != 0)
		c.is_unseen = true;
	w->is_looked_at = true;
	w->is_unseen = c.is_unseen;
	if (c.is_unseen && census)
		say_unseen(l, w);
}

/* --- a look --- */

/* Where connections of workers may have come in. */
static size_t list_ports(const struct drain_look *l, struct addr *ret_ports, size_t n_max)
{
	const struct ports *p = l->fleet->ports;
	size_t n = 0;

	for (unsigned i = 0; i < PORT_TABLE_MAX && n < n_max; i++)
		if (p->at[i] && !port_is_udp(p->at[i]))
			ret_ports[n++] = *port_addr(p->at[i]);
	for (const struct worker *w = drain_look_next(l, NULL); w && n < n_max;
	     w = drain_look_next(l, w)) {
		const uint16_t unique = w->process ? w->process->client.unique_port : 0;

		if (unique)
			ret_ports[n++] = (struct addr){ .family = AF_INET6, .port = unique };
	}
	return n;
}

bool drain_look_whole(struct drain_look *l, uint32_t every_ms, int64_t now_ms)
{
	struct addr ports[2 * APP_PORTS_MAX];
	size_t n = list_ports(l, ports, sizeof(ports) / sizeof(ports[0]));
	int r = conns_look(l->conns, ports, n, now_ms);

	if (r < 0)
		return false;
	l->is_partial = r > 0;
	for (struct worker *w = drain_look_next(l, NULL); w; w = drain_look_next(l, w))
		claim(l, w);
	l->whole_ms = clock_ms();
	l->share_ms = (l->whole_ms - now_ms) * WHOLE_SHARE;
	l->whole_due_ms = now_ms + (l->share_ms > every_ms ? l->share_ms : every_ms);
	return true;
}

static void look_at_known(const struct drain_look *l, int64_t now_ms)
{
	size_t n_all;
	struct conn *all = conns_all(l->conns, &n_all);

	for (size_t i = 0; i < n_all; i++)
		if (all[i].owner && conn_look(&all[i], now_ms) == -ESRCH)
			all[i].owner = 0;
}

static size_t n_known(const struct drain_look *l)
{
	size_t n_all, n = 0;
	const struct conn *all = conns_all(l->conns, &n_all);

	for (size_t i = 0; i < n_all; i++)
		n += all[i].owner != 0;
	return n;
}

bool drain_look_has_newcomer(const struct drain_look *l)
{
	const struct worker *w = drain_look_next(l, NULL);

	while (w && w->is_looked_at)
		w = drain_look_next(l, w);
	return w;
}

/* Returns whether there is one for which this is the last look. */
static bool note_standing(struct drain_look *l)
{
	bool has_ripe = false;

	for (struct worker *w = drain_look_next(l, NULL); w; w = drain_look_next(l, w))
		if (w->stand.is_asked && drain_look_census(l)) {
			worker_note_still(w, l->census);
			has_ripe |= w->stand.is_ripe;
		}
	return has_ripe;
}

void drain_look_take(struct drain_look *l, uint32_t every_ms, int64_t now_ms)
{
	const bool has_ripe = note_standing(l);
	const bool is_due = now_ms >= l->whole_due_ms || n_known(l) > SINGLE_MAX;

	l->is_fresh = false;
	if (has_ripe || is_due ||
	    (drain_look_has_newcomer(l) && now_ms >= l->whole_ms + l->share_ms))
		l->is_fresh = drain_look_whole(l, every_ms, now_ms);
	if (!l->is_fresh)
		look_at_known(l, now_ms);
}
