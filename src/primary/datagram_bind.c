/*
 * A worker's own UDP socket joins the port's group, and is a berth from then on:
 * there is no listen() to wait for. Where one socket serves all, that one takes the
 * place of the worker's.
 */
#include "primary/datagram_bind.h"

#include <fcntl.h>

#include "base/own.h"
#include "os/peek.h"
#include "os/sock_udp.h"
#include "primary/berths.h"
#include "primary/datagram_hold.h"

/* Whether the program knows how to have an address together with others. */
static bool wants_to_share(const struct sock_sharing *s)
{
	return s->reuse_addr || s->reuse_port;
}

/*
 * The port that it means, ours from now on. What a program may have by its own means, beside
 * a stranger that shares it, berth does not forbid.
 */
static int find_port(const struct trap *t, const struct bind_judgement *j, struct port **ret_port)
{
	struct ports *p = t->broker->ports;
	const bool is_named = j->port != PORT_NONE;
	struct sock_sharing sharing;
	int r;

	if (j->verdict == BIND_JOIN) {
		*ret_port = p->at[j->port];
		return 0;
	}
	sock_sharing(t->fd, &sharing);
	r = ports_claim(p, &t->addr, &t->facts, j->port, ret_port);
	if (is_named || r == 0)
		return r;
	return (r == -EADDRINUSE && wants_to_share(&sharing)) || r == -ENOBUFS ? DATAGRAM_BIND_PASS
									       : r;
}

/* A program that didn't ask to share may have an address only once. */
static int bind_member(const struct trap *t, struct port *port)
{
	struct sock_sharing before;
	int r;

	sock_sharing(t->fd, &before);
	if (!wants_to_share(&before) && berths_has_worker(port, t->client->run))
		return -EADDRINUSE;
	r = broker_make_ours(t, port);
	if (r == 0)
		r = sock_set_option(t->fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (r == 0)
		r = sock_bind(t->fd, &t->addr);
	if (r < 0) {
		sock_restore_sharing(t->fd, &before);
		broker_make_theirs(t, port);
	}
	return r;
}

static bool is_bound(const struct trap *t)
{
	struct addr bound;

	return sock_bound_to(t->fd, &t->facts, &bound) == 0 && bound.port != 0;
}

/*
 * The socket that the slot's last worker had takes the place of this one. Returns whether
 * it did: one that epoll was told of would not be heard of again.
 */
static bool takes_held(const struct trap *t, struct port *port, const struct berth_owner *owner)
{
	struct berth *b = datagram_hold_find(port, owner->slot);

	if (!b)
		return false;
	if (peek_is_polled(t->call.tid, (int)t->call.args[0])) {
		output_say_worker(t->broker->output, &t->client->source, MESSAGE_WARNING,
				  "udp_not_held",
				  "asked epoll about its socket before it bound it: it cannot have "
				  "the one of the worker before it, and what waits there is lost");
		datagram_hold_give_up(b);
		return false;
	}
	if (sock_become(b->hold_fd, t->fd) < 0 || broker_put_in_place(t, b->hold_fd) < 0)
		return false;
	datagram_hold_occupy(port, b, owner, t->client->is_held);
	return true;
}

static int bind_steered(const struct trap *t, struct port *port)
{
	const struct berth_owner owner = broker_owner(t);
	int r;

	if (!is_bound(t) && takes_held(t, port, &owner))
		return 0;
	/* A predecessor of ours had bound it, and died before it was a berth. */
	r = is_bound(t) ? 0 : bind_member(t, port);
	return r < 0 ? r : berths_open(port, t->fd, &t->facts, &owner, t->client->is_held);
}

static bool has_it_already(const struct trap *t, const struct port *port)
{
	struct sock_sharing sharing;
	int number;

	sock_sharing(t->fd, &sharing);
	return !wants_to_share(&sharing) &&
	       peek_find_socket(t->call.tid, port->like.inode, &number) == 0;
}

static int bind_shared(const struct trap *t, const struct port *port)
{
	own_fd fd = NO_FD;
	int r;

	if (port->like.cookie == t->facts.cookie)
		return 0; /* a predecessor of ours has put it there */
	if (has_it_already(t, port))
		return -EADDRINUSE;
	fd = fcntl(port->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = sock_udp_become(fd, t->fd);
	return r < 0 ? r : broker_put_in_place(t, fd);
}

int datagram_bind(const struct trap *t, const struct bind_judgement *j, struct port **ret_port)
{
	struct port *port = NULL;
	int r = find_port(t, j, &port);

	if (r)
		return r;
	r = port->kind == PORT_STEERED ? bind_steered(t, port) : bind_shared(t, port);
	if (r < 0) {
		if (j->verdict == BIND_CLAIM)
			port_release(port);
		return r;
	}
	*ret_port = port;
	return 0;
}
