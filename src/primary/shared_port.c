/*
 * One listening socket for all workers. See shared_port.h.
 */
#include "primary/shared_port.h"

#include <fcntl.h>

#include "base/own.h"
#include "os/peek.h"
#include "primary/anchor.h"
#include "primary/idle_ports.h"

static int copy_fd(int fd, int *ret_fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return -errno;
	*ret_fd = copy;
	return 0;
}

static int bind_own(const struct shared_wish *wish)
{
	struct sock_sharing before;
	struct sock_sharing sharable;
	int r;

	/* What is left of earlier connections must not be in the way; nobody else may come in. */
	sock_sharing(wish->fd, &before);
	sharable = (struct sock_sharing){ .reuse_addr = 1, .reuse_port = 0 };
	sock_restore_sharing(wish->fd, &sharable);
	r = sock_bind(wish->fd, wish->addr);
	if (r < 0)
		sock_restore_sharing(wish->fd, &before);
	return r;
}

/* Nobody has the address yet: the worker's own socket may become the port's. */
static int bind_first(struct ports *p, const struct shared_wish *wish, unsigned any_port)
{
	struct port *held = ports_held(p, any_port);
	struct port *port;
	int r;

	r = ports_note_pending(p, wish->addr, any_port, &port);
	if (r < 0)
		return r;
	if (held)
		(void)sock_loosen(held->fd);
	r = bind_own(wish);
	if (held)
		(void)sock_tighten(held->fd);
	if (r < 0) {
		port_release(port);
		return r;
	}
	port->like = *wish->facts;
	port_note_bound(port, &wish->owner, wish->facts->cookie);
	return 0;
}

/* A program that didn't ask for SO_REUSEPORT may have an address only once. */
static bool has_it_already(const struct port *port, const struct shared_wish *wish)
{
	struct sock_sharing sharing;
	int number;

	sock_sharing(wish->fd, &sharing);
	return !sharing.reuse_port &&
	       peek_find_socket(wish->owner.thread, port->like.inode, &number) == 0;
}

int shared_port_bind(struct ports *p, const struct shared_wish *wish, int *ret_fd)
{
	struct port *port = ports_find(p, wish->addr);
	unsigned any_port = wish->any_port;

	*ret_fd = NO_FD;
	if (port && has_it_already(port, wish))
		return -EADDRINUSE;
	/* A worker has shut it down, and it could not be made to listen again. */
	if (port && port->kind == PORT_SHARED && !sock_is_listening(port->fd)) {
		port_drop(port);
		port = NULL;
	}
	if (port && port->kind == PORT_SHARED)
		return copy_fd(port->fd, ret_fd);
	if (port && owner_open_socket(&port->pending, port->pending_cookie, ret_fd) == 0)
		return 0;
	/* Who had bound it has gone without listening; what held the port for it still does. */
	if (port) {
		any_port = port->any_port;
		port_release(port);
	}
	return bind_first(p, wish, any_port);
}

/* The worker's socket becomes the port's. */
static int begin(struct port *port, int fd, int backlog)
{
	struct ports *p = port->ports;
	struct port *held = ports_held(p, port->any_port);
	int r;

	if (held)
		(void)sock_loosen(held->fd);
	r = sock_listen(fd, backlog);
	drop_fd(&port->fd); /* of a predecessor that died just here */
	if (r == 0)
		r = copy_fd(fd, &port->fd);
	if (r == 0)
		r = port_store(port);
	if (r < 0) {
		if (held)
			(void)sock_tighten(held->fd);
		return r;
	}
	port->kind = PORT_SHARED;
	port_replace_held(port);
	idle_ports_note(port);
	return anchor_watch_start(port);
}

int shared_port_listen(struct port *port, int fd, const struct sock_facts *facts, int backlog)
{
	if (facts->cookie != port->like.cookie)
		return -ENOENT;
	if (port->kind == PORT_SHARED)
		return sock_listen(port->fd, backlog);
	return begin(port, fd, backlog);
}
