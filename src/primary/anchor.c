/*
 * What waits at an anchor moves by itself when the anchor closes: another one takes
 * its place, and it closes. A shared socket is only watched.
 */
#include "primary/anchor.h"

#include <sys/epoll.h>

#include "base/container_of.h"
#include "base/own.h"
#include "primary/berths.h"
#include "primary/datagrams.h"
#include "primary/leaving.h"

/* Lives on its own, since the loop needs it for a while after the port is gone. */
struct anchor_watch {
	uv_poll_t poll;
	struct port *port;
	int epoll_fd; /* for a shared socket: what the loop watches in its place */
};

static void on_closed(uv_handle_t *handle)
{
	free(container_of((uv_poll_t *)handle, struct anchor_watch, poll));
}

void anchor_watch_stop(struct port *port)
{
	if (!port->watch)
		return;
	port->watch->port = NULL;
	uv_close((uv_handle_t *)&port->watch->poll, on_closed);
	drop_fd(&port->watch->epoll_fd);
	port->watch = NULL;
}

static int watch(struct port *port, int fd, int events, uv_poll_cb on_event)
{
	struct anchor_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->epoll_fd = NO_FD;
	r = uv_poll_init(port->ports->loop, &w->poll, fd);
	if (r < 0) {
		free(w);
		return r;
	}
	w->port = port;
	port->watch = w;
	return uv_poll_start(&w->poll, events, on_event);
}

/*
 * The queue of a listening socket moves when the socket closes. So a second
 * anchor takes the place of the first, and the first one closes: what it held
 * goes through the program to the berths, or to the new anchor.
 */
static int replace(struct port *port)
{
	own_fd next = NO_FD;
	int r = sock_join(port_addr(port), &port->like, &next);

	if (r == 0)
		r = steer_set_anchor(port->ports->steer, port->anchor, next);
	if (r < 0)
		return r;
	anchor_watch_stop(port);
	leaving_add(port->ports->leaving, take_fd(&port->fd));
	port->fd = take_fd(&next);
	(void)port_store(port);
	return 0;
}

static void on_connection(uv_poll_t *handle, int status, int events)
{
	struct port *port = container_of(handle, struct anchor_watch, poll)->port;

	(void)status;
	(void)events;
	/* Nobody to hand it on to: it waits here, and so do we, until a berth is opened. */
	if (berths_sweep(port) == 0) {
		(void)uv_poll_stop(handle);
		return;
	}
	if (replace(port) == 0)
		(void)watch(port, port->fd, UV_READABLE, on_connection);
	else
		(void)uv_poll_stop(handle);
}

void anchor_hand_on(struct port *port)
{
	/* What nobody came for in time is no datagram any more. */
	if (port_is_udp(port))
		return;
	if (port->watch)
		(void)uv_poll_start(&port->watch->poll, UV_READABLE, on_connection);
	else
		(void)watch(port, port->fd, UV_READABLE, on_connection);
}

static void on_shut_down(uv_poll_t *handle, int status, int events)
{
	struct port *port = container_of(handle, struct anchor_watch, poll)->port;
	struct sock_facts facts;

	(void)status;
	(void)events;
	if (sock_facts(port->fd, &facts) == 0 && !facts.is_listening &&
	    sock_listen(port->fd, SOMAXCONN) == 0)
		return;
	(void)uv_poll_stop(handle); /* it cannot be helped, and would be reported for ever */
}

/*
 * The loop makes what it watches non-blocking, and of a shared socket that is
 * the workers' affair: it watches an epoll of ours instead, which asks the socket
 * for nothing but a hang-up.
 */
int anchor_watch_start(struct port *port)
{
	struct epoll_event nothing = { .events = 0 };
	own_fd epoll_fd = NO_FD;
	int r;

	if (port_is_udp(port))
		return 0; /* there is nothing that a worker could shut for others */
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		return -errno;
	anchor_watch_stop(port); /* a new keeper has everything begin again */
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, port->fd, &nothing) < 0)
		return -errno;
	r = watch(port, epoll_fd, UV_READABLE, on_shut_down);
	if (r == 0)
		port->watch->epoll_fd = take_fd(&epoll_fd);
	return r;
}
