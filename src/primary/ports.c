/*
 * What a port is made of, and what is undone when it goes.
 */
#include "primary/ports.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "core/seats.h"
#include "os/peek.h"
#include "os/sock_udp.h"
#include "primary/anchor.h"
#include "primary/berths.h"
#include "primary/datagrams.h"
#include "primary/idle_ports.h"
#include "primary/leaving.h"
#include "primary/news.h"

enum steer_policy ports_policy(const struct port *port)
{
	const struct ports *p = port->ports;

	switch (p->config->policy) {
	case POLICY_RANDOM_TWO: return STEER_RANDOM_TWO;
	case POLICY_HASH: return STEER_HASH;
	/* Where connections aren't counted it's what comes next: tier.c says so. */
	case POLICY_BALANCED:
		/* Nobody lets go of a flow, so there is nothing to count. */
		return steer_counts_connections(p->steer) && !port_is_udp(port) ? STEER_BALANCED
										: STEER_ROUND_ROBIN;
	case POLICY_STICKY: return STEER_STICKY;
	case POLICY_WEIGHTED: return STEER_WEIGHTED;
	case POLICY_ROUND_ROBIN:
	case POLICY_SHARED: break; /* which steers nothing */
	}
	return STEER_ROUND_ROBIN;
}

int ports_init(struct ports *p, uv_loop_t *loop, struct keep *keep, const struct app_config *config,
	       bool will_steer)
{
	memset(p, 0, sizeof(*p));
	p->loop = loop;
	p->keep = keep;
	p->config = config;
	p->will_steer = will_steer;
	p->indices = calloc(1, sizeof(*p->indices));
	return p->indices ? idle_ports_new(p, &p->idle) : -ENOMEM;
}

/* The number makes it unique, the rest is for people who look into the keeper. */
static const char *anchor_name(const struct port *port, char ret_name[static KEEPER_NAME_SIZE])
{
	char text[ADDR_TEXT_MAX];

	const char *protocol = port_addr(port)->family == AF_UNIX ? ""
			       : port_is_udp(port)                ? "udp/"
								  : "tcp/";

	(void)snprintf(ret_name, KEEPER_NAME_SIZE, "anchor/%u/%s%.100s", port->id, protocol,
		       addr_text(port_addr(port), text));
	return ret_name;
}

uint32_t ports_next_opening(struct ports *p)
{
	if (++p->n_openings == 0)
		p->n_openings = 1; /* 0 would be an empty seat */
	return p->n_openings;
}

int port_store(const struct port *port)
{
	char name[KEEPER_NAME_SIZE];

	return keep_store(port->ports->keep, port->fd, "%s", anchor_name(port, name));
}

static void forget(const struct port *port)
{
	char name[KEEPER_NAME_SIZE];

	keep_drop(port->ports->keep, "%s", anchor_name(port, name));
}

static struct port *port_free(struct port *port)
{
	struct ports *p = port->ports;

	if (port->watch)
		anchor_watch_stop(port);
	berths_free(port);
	if (port->kind == PORT_STEERED) {
		/* Before there's the program again, a port without its socket goes, too. */
		if (p->steer) {
			(void)steer_clear_key(p->steer, port_addr(port));
			steer_hide_port(p->steer, port->id);
		}
		berth_indices_give_back(p->indices, port->anchor);
	}
	unix_path_done(&port->path);
	forget(port);
	drop_fd(&port->fd);
	port_table_remove(&p->table, port->id);
	p->at[port->id] = NULL;
	if (p->on_removed)
		p->on_removed(p->on_removed_data, port->id);
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
	p->datagrams = datagrams_free(p->datagrams);
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

int port_resume(struct ports *p, const struct addr *a, unsigned id, struct port **ret_port)
{
	struct port *port = calloc(1, sizeof(*port));
	char name[KEEPER_NAME_SIZE];

	if (!port)
		return -ENOMEM;
	port->ports = p;
	port->id = id;
	port_table_put(&p->table, a, id);
	p->at[id] = port;
	port->fd = keep_take(p->keep, "%s", anchor_name(port, name));
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
		(void)port_free(port);
	return r;
}

void ports_drop_unclaimed(struct ports *p)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i] && p->at[i]->is_unclaimed)
			(void)port_free(p->at[i]);
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
		    port_addr(p->at[i])->protocol == a->protocol &&
		    !addr_equal(port_addr(p->at[i]), a))
			return p->at[i];
	return NULL;
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

struct port *ports_held(struct ports *p, unsigned any_port)
{
	struct port *port = any_port == PORT_NONE ? NULL : p->at[any_port];

	return port && port_addr(port)->family == AF_UNSPEC ? port : NULL;
}

void port_replace_held(struct port *port)
{
	struct port *held = ports_held(port->ports, port->any_port);

	if (held) {
		/* Else a successor would claim what --listen names once more. */
		port->is_named = true;
		keep_save(port->ports->keep);
		(void)port_free(held);
	}
	port->any_port = PORT_NONE;
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
		(void)port_free(port);
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

void port_note_bound(struct port *port, const struct berth_owner *owner, uint64_t cookie)
{
	port->pending = *owner;
	port->pending_cookie = cookie;
	keep_save(port->ports->keep);
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
		steer_port(p->steer, port->id)->is_ending = 1;
		(void)steer_clear_socket(p->steer, port->anchor);
		forget(port);
		drop_fd(&port->fd);
	}
}

void port_release(struct port *port)
{
	if (!port->is_named && !port->berths)
		(void)port_free(port);
}
