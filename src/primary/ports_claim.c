/*
 * How a port comes to be ours: claimed before any worker starts, or when one binds it; and
 * put under the steering program once that is loaded.
 */
#include <string.h>

#include "base/own.h"
#include "core/seats.h"
#include "os/sock_udp.h"
#include "primary/anchor.h"
#include "primary/datagrams.h"
#include "primary/idle_ports.h"
#include "primary/leaving.h"
#include "primary/news.h"
#include "primary/ports_parts.h"

/* Puts a port that listens already under the program; its queue waits meanwhile. */
static int begin_steering(struct port *port)
{
	struct ports *p = port->ports;
	struct steer_port *table;
	uint32_t anchor;
	int r = steer_show_port(p->steer, port->id);

	if (r < 0)
		return r;
	anchor = berth_indices_take(p->indices);
	if (anchor == BERTH_INDEX_NONE) {
		steer_hide_port(p->steer, port->id);
		return -ENOBUFS;
	}
	/* First, so that a successor goes on where we ended, with the same index. */
	port->kind = PORT_STEERED;
	port->anchor = anchor;
	keep_save(p->keep);
	table = steer_port(p->steer, port->id);
	memset(table, 0, sizeof(*table));
	table->policy = ports_policy(port);
	table->anchor = anchor;
	r = steer_set_key(p->steer, port_addr(port), port->id);
	if (r == 0)
		r = steer_set_anchor(p->steer, anchor, port->fd);
	/* Last: from here on the program is asked, and has to know where to. */
	if (r == 0)
		r = port_is_udp(port) ? datagrams_attach(port) : steer_attach(p->steer, port->fd);
	if (r < 0) {
		(void)steer_clear_key(p->steer, port_addr(port));
		berth_indices_give_back(p->indices, anchor);
		steer_hide_port(p->steer, port->id);
		port->kind = PORT_HELD;
	}
	return r;
}

/* What a listening socket needs to be a port: steered, or shared and watched. */
static int begin(struct port *port)
{
	int r;

	if (port->ports->steer && port_addr(port)->family != AF_UNIX)
		return begin_steering(port);
	port->kind = PORT_SHARED;
	r = unix_path_init(&port->path, port_addr(port), port->ports->origin);
	if (r == 0 && port_addr(port)->family != AF_UNIX)
		r = anchor_watch_start(port);
	if (r == 0)
		keep_save(port->ports->keep);
	return r;
}

static int claim_udp(struct port *port, const struct addr *a, const struct sock_facts *like)
{
	const bool is_held = ports_held(port->ports, port->any_port) != NULL;

	if (a->family == AF_UNSPEC)
		return sock_udp_hold(a->port, &port->fd);
	if (port->ports->will_steer)
		return sock_udp_claim(a, like, is_held, &port->fd);
	return sock_udp_claim_alone(a, is_held, &port->fd);
}

static int claim(struct port *port, const struct addr *a, const struct sock_facts *like)
{
	int r;

	keep_save(port->ports->keep); /* a Unix socket leaves a file that somebody must remove */
	if (a->protocol == IPPROTO_UDP)
		r = claim_udp(port, a, like);
	else if (a->family == AF_UNSPEC)
		r = sock_hold(a->port, &port->fd);
	else if (port->ports->will_steer)
		r = sock_claim(a, like, &port->fd);
	else
		r = sock_claim_alone(a, &port->fd);
	if (r == 0)
		r = port_store(port);
	if (r == 0 && a->family != AF_UNSPEC)
		r = sock_facts(port->fd, &port->like);
	if (r == 0)
		keep_save(port->ports->keep);
	return r;
}

/* Whether a predecessor of ours has claimed it, if only by a worker that said which address it is. */
static bool is_claimed(const struct ports *p, const struct addr *a)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		const struct addr *b = p->at[i] ? port_addr(p->at[i]) : NULL;

		if (b && (addr_equal(a, b) ||
			  (a->family == AF_UNSPEC && p->at[i]->is_named && b->family != AF_UNIX &&
			   b->port == a->port && b->protocol == a->protocol)))
			return true;
	}
	return false;
}

static int claim_listed(struct ports *p, const struct addr *a)
{
	struct port *port;
	int r;

	if (is_claimed(p, a))
		return 0;
	r = port_new(p, a, &port);
	if (r < 0)
		return r;
	port->is_named = true;
	r = claim(port, a, NULL);
	if (r == -EADDRINUSE && a->family == AF_UNIX && unix_path_remove_stale(a))
		r = claim(port, a, NULL);
	if (r < 0)
		port_drop(port);
	return r;
}

void ports_drop_unclaimed(struct ports *p)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i] && p->at[i]->is_unclaimed)
			port_drop(p->at[i]);
}

int ports_claim_listed(struct ports *p, size_t *ret_failed)
{
	for (size_t i = 0; i < p->config->n_listen; i++) {
		int r = claim_listed(p, &p->config->listen[i]);

		if (r < 0) {
			*ret_failed = i;
			return r;
		}
	}
	return 0;
}

/* Whether it is claimed, and no more than that. */
static bool is_to_begin(const struct port *port)
{
	return port->kind == PORT_HELD && port_addr(port)->family != AF_UNSPEC;
}

/* Steering was expected, and cannot be had: the door that was opened for its group shuts. */
static int claim_again(struct ports *p)
{
	int r = 0;

	p->will_steer = false;
	for (unsigned i = 0; r == 0 && i < PORT_TABLE_MAX; i++) {
		struct port *port = p->at[i];

		if (!port || !port_addr(port)->port || !is_to_begin(port))
			continue;
		drop_fd(&port->fd);
		r = claim(port, port_addr(port), NULL);
	}
	return r;
}

int ports_begin_steering(struct ports *p, struct steer *steer)
{
	p->steer = steer;
	if (!steer && p->will_steer) {
		int r = claim_again(p);

		if (r < 0)
			return r;
	}
	if (steer) {
		int r = leaving_new(p->loop, p->keep, p->indices, &p->leaving);

		if (r == 0)
			r = news_new(p, &p->news);
		if (r < 0)
			return r;
	}
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		struct port *port = p->at[i];
		int r = port && is_to_begin(port) ? begin(port) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int ports_claim(struct ports *p, const struct addr *a, const struct sock_facts *like,
		unsigned any_port, struct port **ret_port)
{
	struct port *held = ports_held(p, any_port);
	struct port *port;
	int r = port_new(p, a, &port);

	if (r < 0)
		return r;
	port->any_port = any_port;
	if (held)
		(void)sock_loosen(held->fd);
	r = claim(port, a, like);
	if (r == 0)
		r = begin(port);
	if (r < 0) {
		port_drop(port);
		if (held)
			(void)sock_tighten(held->fd);
		return r;
	}
	port_replace_held(port);
	if (like->has_freebind)
		port->like.has_freebind = true;
	idle_ports_note(port);
	*ret_port = port;
	return 0;
}

int ports_note_pending(struct ports *p, const struct addr *a, unsigned any_port,
		       struct port **ret_port)
{
	int r = port_new(p, a, ret_port);

	if (r < 0)
		return r;
	(*ret_port)->kind = PORT_PENDING;
	(*ret_port)->any_port = any_port;
	keep_save(p->keep);
	idle_ports_note(*ret_port);
	return 0;
}
