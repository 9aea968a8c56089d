/*
 * A berth is a seat in the table of its port, a socket in the map of the program,
 * and our copy of that socket: opened in this order of need, closed in the reverse.
 */
#include "primary/berths.h"

#include <fcntl.h>
#include <string.h>

#include "base/own.h"
#include "core/seats.h"
#include "primary/anchor.h"
#include "primary/idle_ports.h"
#include "primary/leaving.h"

static struct berth **find(struct port *port, uint64_t cookie)
{
	struct berth **at = &port->berths;

	while (*at && (*at)->cookie != cookie)
		at = &(*at)->next;
	return at;
}

/* Nobody is sent to *@at any more; what was on its way arrives before our copy closes. */
static void retire(struct port *port, struct berth **at)
{
	struct ports *p = port->ports;
	struct berth *b = *at;

	*at = b->next;
	(void)seats_remove(steer_port(p->steer, port->id), b->index);
	if (steer_socket_cookie(p->steer, b->index) == b->cookie)
		(void)steer_clear_socket(p->steer, b->index);
	berth_indices_give_back(p->indices, b->index);
	leaving_add(p->leaving, take_fd(&b->fd));
	free(b);
	if (!port->berths)
		idle_ports_note(port);
}

/* Puts @b behind its index in the maps, and gives it a seat. */
static int seat(struct port *port, struct berth *b, int fd)
{
	struct ports *p = port->ports;
	int r = steer_set_socket(p->steer, b->index, fd);

	if (r < 0)
		return r;
	memset(steer_berth(p->steer, b->index), 0, sizeof(struct steer_berth));
	if (++p->n_openings == 0)
		p->n_openings = 1; /* 0 would be an empty seat */
	if (seats_add(steer_port(p->steer, port->id), p->n_openings, b->index))
		return 0;
	(void)steer_clear_socket(p->steer, b->index);
	return -ENOBUFS;
}

static int add(struct port *port, int fd, const struct sock_facts *facts,
	       const struct berth_owner *owner)
{
	struct ports *p = port->ports;
	struct berth *b = calloc(1, sizeof(*b));
	int r = 0;

	if (!b)
		return -ENOMEM;
	b->cookie = facts->cookie;
	b->inode = facts->inode;
	b->owner = *owner;
	b->fd = NO_FD;
	b->index = berth_indices_take(p->indices);
	if (b->index == BERTH_INDEX_NONE)
		r = -ENOBUFS;
	if (r == 0 && steer_sees_queues(p->steer)) {
		b->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		r = b->fd < 0 ? -errno : 0;
	}
	if (r == 0)
		r = seat(port, b, fd);
	if (r < 0) {
		if (b->index != BERTH_INDEX_NONE)
			berth_indices_give_back(p->indices, b->index);
		drop_fd(&b->fd);
		free(b);
		return r;
	}
	b->next = port->berths;
	port->berths = b;
	return 0;
}

int berths_open(struct port *port, int fd, const struct sock_facts *facts,
		const struct berth_owner *owner)
{
	int r;

	(void)berths_sweep(port);
	if (*find(port, facts->cookie))
		return 0;
	r = add(port, fd, facts, owner);
	if (r == 0 && port->fd >= 0)
		anchor_hand_on(port);
	return r;
}

bool berths_has_worker(struct port *port, uint64_t run)
{
	(void)berths_sweep(port);
	for (const struct berth *b = port->berths; b; b = b->next)
		if (b->owner.run == run)
			return true;
	return false;
}

/* Whether a socket still listens behind the index, and somebody but us has it. */
static bool is_served(const struct port *port, const struct berth *b)
{
	const struct steer *steer = port->ports->steer;

	if (steer_socket_cookie(steer, b->index) != b->cookie)
		return false;
	return b->fd < 0 || steer_n_holders(steer, b->index) != 1;
}

size_t berths_sweep(struct port *port)
{
	struct berth **at = &port->berths;
	size_t n = 0;

	if (port->kind != PORT_STEERED)
		return 0;
	while (*at) {
		if (!is_served(port, *at)) {
			retire(port, at);
			continue;
		}
		at = &(*at)->next;
		n++;
	}
	seats_compact(steer_port(port->ports->steer, port->id));
	return n;
}

void berths_sweep_all(struct ports *p)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i])
			(void)berths_sweep(p->at[i]);
}

static void close_worker_at(struct port *port, uint64_t run)
{
	struct berth **at = &port->berths;

	while (*at) {
		if ((*at)->owner.run == run)
			retire(port, at);
		else
			at = &(*at)->next;
	}
}

void berths_close_worker(struct ports *p, uint64_t run)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i] && p->at[i]->kind == PORT_STEERED)
			close_worker_at(p->at[i], run);
}

void berths_free(struct port *port)
{
	while (port->berths) {
		struct berth *b = port->berths;

		port->berths = b->next;
		berth_indices_give_back(port->ports->indices, b->index);
		drop_fd(&b->fd);
		free(b);
	}
}
