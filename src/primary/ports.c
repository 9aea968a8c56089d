/*
 * What a port is made of, and what is undone when it goes.
 */
#include "primary/ports.h"

#include <string.h>

#include "base/own.h"
#include "core/seats.h"
#include "os/peek.h"
#include "primary/anchor.h"
#include "primary/berths.h"
#include "primary/idle_ports.h"
#include "primary/leaving.h"
#include "primary/news.h"

static enum steer_policy steer_policy(enum app_policy policy)
{
	switch (policy) {
	case POLICY_RANDOM_TWO: return STEER_RANDOM_TWO;
	case POLICY_HASH: return STEER_HASH;
	case POLICY_ROUND_ROBIN: break;
	}
	return STEER_ROUND_ROBIN;
}

int ports_init(struct ports *p, uv_loop_t *loop, const struct app_config *config, bool will_steer)
{
	memset(p, 0, sizeof(*p));
	p->loop = loop;
	p->config = config;
	p->will_steer = will_steer;
	p->indices = calloc(1, sizeof(*p->indices));
	return p->indices ? idle_ports_new(p, &p->idle) : -ENOMEM;
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
	berths_free(port);
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
	p->idle = idle_ports_free(p->idle);
	p->news = news_free(p->news);
	p->leaving = leaving_free(p->leaving);
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
	port->any_port = PORT_NONE;
	port->id = port_table_add(&p->table, a);
	if (port->id == PORT_NONE && idle_ports_release_all(p))
		port->id = port_table_add(&p->table, a);
	if (port->id == PORT_NONE) {
		free(port);
		return -ENOBUFS; /* as bind() says it */
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
		return -ENOBUFS;
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
	if (port->ports->will_steer)
		r = sock_claim(a, like, &port->fd);
	else
		r = sock_claim_alone(a, &port->fd);
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

struct port *ports_find_other(struct ports *p, const struct addr *a)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i] && a->port && port_addr(p->at[i])->port == a->port &&
		    !addr_equal(port_addr(p->at[i]), a))
			return p->at[i];
	return NULL;
}

/* Steering was expected, and cannot be had: the door that was opened for its group shuts. */
static int claim_again(struct ports *p)
{
	int r = 0;

	p->will_steer = false;
	for (unsigned i = 0; r == 0 && i < PORT_TABLE_MAX; i++) {
		struct port *port = p->at[i];

		if (!port || !port_addr(port)->port || port_addr(port)->family == AF_UNSPEC)
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
		int r = leaving_new(p->loop, &p->leaving);

		if (r == 0)
			r = news_new(p, &p->news);
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

struct port *ports_held(struct ports *p, unsigned any_port)
{
	struct port *port = any_port == PORT_NONE ? NULL : p->at[any_port];

	return port && port_addr(port)->family == AF_UNSPEC ? port : NULL;
}

int ports_claim(struct ports *p, const struct addr *a, const struct sock_facts *like,
		unsigned any_port, struct port **ret_port)
{
	struct port *held = ports_held(p, any_port);
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
	idle_ports_note(port);
	*ret_port = port;
	return 0;
}

int ports_note_pending(struct ports *p, const struct addr *a, struct port **ret_port)
{
	int r = port_new(p, a, ret_port);

	if (r < 0)
		return r;
	(*ret_port)->kind = PORT_PENDING;
	idle_ports_note(*ret_port);
	return 0;
}

void port_note_bound(struct port *port, const struct berth_owner *owner, uint64_t cookie)
{
	port->pending = *owner;
	port->pending_cookie = cookie;
}

int owner_open_socket(const struct berth_owner *owner, uint64_t cookie, int *ret_fd)
{
	/* The thread may have ended since, or the first thread of the process before it. */
	const pid_t places[] = { owner->thread, owner->process };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct sock_facts facts;
		own_fd fd = NO_FD;

		if (peek_fd(places[i], owner->fd, &fd) < 0 || sock_facts(fd, &facts) < 0 ||
		    facts.cookie != cookie)
			continue;
		*ret_fd = take_fd(&fd);
		return 0;
	}
	return -ESRCH;
}

bool port_is_bound(const struct port *port)
{
	own_fd fd = NO_FD;

	return port->pending_cookie &&
	       owner_open_socket(&port->pending, port->pending_cookie, &fd) == 0 &&
	       !sock_is_listening(fd);
}

void port_drop(struct port *port)
{
	(void)port_free(port);
}

void ports_restore_names(struct ports *p)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i] && p->at[i]->kind == PORT_SHARED)
			(void)unix_path_restore(&p->at[i]->path);
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
