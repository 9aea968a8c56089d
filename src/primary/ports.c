#include "primary/ports.h"

#include <string.h>

#include "base/own.h"
#include "core/seats.h"
#include "primary/anchor.h"
#include "primary/wakeup.h"

static enum steer_policy steer_policy(enum app_policy policy)
{
	switch (policy) {
	case POLICY_RANDOM_TWO: return STEER_RANDOM_TWO;
	case POLICY_HASH: return STEER_HASH;
	case POLICY_ROUND_ROBIN: break;
	}
	return STEER_ROUND_ROBIN;
}

int ports_init(struct ports *p, uv_loop_t *loop, const struct app_config *config)
{
	memset(p, 0, sizeof(*p));
	p->loop = loop;
	p->config = config;
	p->indices = calloc(1, sizeof(*p->indices));
	return p->indices ? 0 : -ENOMEM;
}

static struct port *port_free(struct port *port)
{
	struct ports *p = port->ports;

	if (port->watch)
		anchor_watch_stop(port);
	if (port->kind == PORT_STEERED) {
		(void)steer_clear_key(p->steer, port_addr(port));
		berth_indices_give_back(p->indices, port->anchor);
	}
	while (port->berths) {
		struct berth *b = port->berths;

		port->berths = b->next;
		berth_indices_give_back(p->indices, b->index);
		free(b);
	}
	unix_path_done(&port->path);
	drop_fd(&port->fd);
	port_table_remove(&p->table, port->id);
	p->at[port->id] = NULL;
	free(port);
	return NULL;
}

void ports_done(struct ports *p)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i])
			(void)port_free(p->at[i]);
	p->wakeup = wakeup_free(p->wakeup);
	p->steer = steer_free(p->steer);
	free(p->indices);
	p->indices = NULL;
}

static int port_new(struct ports *p, const struct addr *a, struct port **ret_port)
{
	struct port *port = calloc(1, sizeof(*port));

	if (!port)
		return -ENOMEM;
	port->ports = p;
	port->fd = NO_FD;
	port->id = port_table_add(&p->table, a);
	if (port->id == PORT_NONE) {
		free(port);
		return -ENOSPC;
	}
	p->at[port->id] = port;
	*ret_port = port;
	return 0;
}

const struct addr *port_addr(const struct port *port)
{
	return &port->ports->table.addrs[port->id];
}

struct port *ports_find(struct ports *p, const struct addr *a)
{
	unsigned id = port_table_find(&p->table, a);

	return id == PORT_NONE ? NULL : p->at[id];
}

/* Puts a port that listens already under the program; its queue waits meanwhile. */
static int begin_steering(struct port *port)
{
	struct ports *p = port->ports;
	struct steer_port *table = steer_port(p->steer, port->id);
	uint32_t anchor = berth_indices_take(p->indices);
	int r;

	if (anchor == BERTH_INDEX_NONE)
		return -ENOSPC;
	memset(table, 0, sizeof(*table));
	table->policy = steer_policy(p->config->policy);
	table->anchor = anchor;
	r = steer_set_key(p->steer, port_addr(port), port->id);
	if (r == 0)
		r = steer_set_socket(p->steer, anchor, port->fd);
	/* Last: from here on the program is asked, and has to know where to. */
	if (r == 0)
		r = steer_attach(p->steer, port->fd);
	if (r < 0) {
		(void)steer_clear_key(p->steer, port_addr(port));
		berth_indices_give_back(p->indices, anchor);
		return r;
	}
	port->kind = PORT_STEERED;
	port->anchor = anchor;
	return 0;
}

/* What a listening socket needs to be a port: steered, or shared and watched. */
static int begin(struct port *port)
{
	int r;

	if (port->ports->steer && port_addr(port)->family != AF_UNIX)
		return begin_steering(port);
	port->kind = PORT_SHARED;
	r = unix_path_init(&port->path, port_addr(port));
	if (r == 0 && port_addr(port)->family != AF_UNIX)
		r = anchor_watch_start(port);
	return r;
}

static int claim(struct port *port, const struct addr *a, const struct sock_facts *like)
{
	int r;

	if (a->family == AF_UNSPEC)
		return sock_hold(a->port, &port->fd);
	r = sock_claim(a, like, &port->fd);
	return r < 0 ? r : sock_facts(port->fd, &port->like);
}

static int claim_listed(struct ports *p, const struct addr *a)
{
	struct port *port;
	int r = port_new(p, a, &port);

	if (r < 0)
		return r;
	port->is_named = true;
	r = claim(port, a, NULL);
	if (r == -EADDRINUSE && a->family == AF_UNIX && unix_path_remove_stale(a))
		r = claim(port, a, NULL);
	if (r < 0)
		(void)port_free(port);
	return r;
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

int ports_begin_steering(struct ports *p, struct steer *steer)
{
	p->steer = steer;
	if (steer) {
		int r = wakeup_new(p, &p->wakeup);

		if (r < 0)
			return r;
	}
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		struct port *port = p->at[i];
		int r = port && port_addr(port)->family != AF_UNSPEC ? begin(port) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int ports_claim(struct ports *p, const struct addr *a, const struct sock_facts *like,
		unsigned any_port, struct port **ret_port)
{
	struct port *held = any_port == PORT_NONE ? NULL : p->at[any_port];
	struct port *port;
	int r = port_new(p, a, &port);

	if (r < 0)
		return r;
	if (held)
		(void)sock_loosen(held->fd);
	r = claim(port, a, like);
	if (r == 0)
		r = begin(port);
	if (r < 0) {
		(void)port_free(port);
		if (held)
			(void)sock_tighten(held->fd);
		return r;
	}
	if (held) {
		port->is_named = true;
		(void)port_free(held);
	}
	if (like->has_freebind)
		port->like.has_freebind = true;
	*ret_port = port;
	return 0;
}

void ports_stop_catching(struct ports *p)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		struct port *port = p->at[i];

		if (!port || port->kind != PORT_STEERED)
			continue;
		anchor_watch_stop(port);
		(void)steer_clear_socket(p->steer, port->anchor);
		drop_fd(&port->fd);
	}
}

void port_release(struct port *port)
{
	if (!port->is_named && !port->berths)
		(void)port_free(port);
}

static struct berth **find_berth(struct port *port, uint64_t cookie)
{
	struct berth **at = &port->berths;

	while (*at && (*at)->cookie != cookie)
		at = &(*at)->next;
	return at;
}

/* Forgets *@at; the socket behind its index is gone, or must have no more connections. */
static void forget_berth(struct port *port, struct berth **at)
{
	struct ports *p = port->ports;
	struct berth *b = *at;

	*at = b->next;
	(void)seats_remove(steer_port(p->steer, port->id), b->index);
	berth_indices_give_back(p->indices, b->index);
	free(b);
}

static int new_berth(struct port *port, int fd, const struct sock_facts *facts,
		     const struct berth_owner *owner)
{
	struct ports *p = port->ports;
	struct berth *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->index = berth_indices_take(p->indices);
	b->cookie = facts->cookie;
	b->inode = facts->inode;
	b->owner = *owner;
	r = b->index == BERTH_INDEX_NONE ? -ENOSPC : steer_set_socket(p->steer, b->index, fd);
	if (r < 0) {
		if (b->index != BERTH_INDEX_NONE)
			berth_indices_give_back(p->indices, b->index);
		free(b);
		return r;
	}
	memset(steer_berth(p->steer, b->index), 0, sizeof(struct steer_berth));
	if (++p->n_openings == 0)
		p->n_openings = 1; /* 0 would be an empty seat */
	if (!seats_add(steer_port(p->steer, port->id), p->n_openings, b->index)) {
		(void)steer_clear_socket(p->steer, b->index);
		berth_indices_give_back(p->indices, b->index);
		free(b);
		return -ENOSPC;
	}
	b->next = port->berths;
	port->berths = b;
	return 0;
}

int port_open_berth(struct port *port, int fd, const struct sock_facts *facts,
		    const struct berth_owner *owner)
{
	struct berth **known;
	int r;

	(void)port_sweep(port);
	known = find_berth(port, facts->cookie);
	if (*known)
		return 0;
	r = new_berth(port, fd, facts, owner);
	if (r == 0 && port->fd >= 0)
		anchor_hand_on(port);
	return r;
}

size_t port_sweep(struct port *port)
{
	struct berth **at = &port->berths;
	size_t n = 0;

	if (port->kind != PORT_STEERED)
		return 0;
	while (*at) {
		if (steer_socket_cookie(port->ports->steer, (*at)->index) != (*at)->cookie) {
			forget_berth(port, at);
			continue;
		}
		at = &(*at)->next;
		n++;
	}
	seats_compact(steer_port(port->ports->steer, port->id));
	return n;
}

void ports_sweep(struct ports *p)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i])
			(void)port_sweep(p->at[i]);
}

bool port_has_berth_of(struct port *port, pid_t pid)
{
	(void)port_sweep(port);
	for (const struct berth *b = port->berths; b; b = b->next)
		if (b->owner.pid == pid)
			return true;
	return false;
}

static void close_berths_of(struct port *port, pid_t pid)
{
	struct berth **at = &port->berths;

	while (*at) {
		if ((*at)->owner.pid != pid) {
			at = &(*at)->next;
			continue;
		}
		(void)steer_clear_socket(port->ports->steer, (*at)->index);
		forget_berth(port, at);
	}
}

void ports_close_worker(struct ports *p, pid_t pid)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i] && p->at[i]->kind == PORT_STEERED)
			close_berths_of(p->at[i], pid);
}
