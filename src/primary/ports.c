/*
 * What a port is made of, and what is undone when it goes.
 */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "core/seats.h"
#include "os/peek.h"
#include "primary/anchor.h"
#include "primary/berths.h"
#include "primary/datagrams.h"
#include "primary/idle_ports.h"
#include "primary/leaving.h"
#include "primary/news.h"
#include "primary/ports_parts.h"

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

int port_new(struct ports *p, const struct addr *a, struct port **ret_port)
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

struct port *ports_find_other(struct ports *p, const struct addr *a)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i] && a->port && port_addr(p->at[i])->port == a->port &&
		    port_addr(p->at[i])->protocol == a->protocol &&
		    !addr_equal(port_addr(p->at[i]), a))
			return p->at[i];
	return NULL;
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
