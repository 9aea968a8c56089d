/*
 * A TCP port in the shared tier: one listening socket for all workers.
 *
 * The first worker that listens makes it, with its own socket; the others get
 * a descriptor of that one in the place of theirs. A bind alone decides
 * nothing, for a client may bind, too: until the worker listens its socket is
 * its own, and we only remember where it is.
 */
#ifndef BERTH_PRIMARY_SHARED_PORT_H
#define BERTH_PRIMARY_SHARED_PORT_H

#include "primary/ports.h"

/* A worker's socket that is to be bound. */
struct shared_wish {
	const struct addr *addr;
	int fd; /* our descriptor of it */
	const struct sock_facts *facts;
	unsigned
		any_port; /* index of the "any address" entry that @addr comes from, or PORT_NONE */
	struct berth_owner owner;
};

/*
 * shared_port_bind - a worker binds a TCP socket
 *
 * @ret_fd: NO_FD if the worker's socket is bound now; else the socket that has
 *          to take its place, yours
 *
 * 0 or -errno as bind() gives it. Primary's thread only. Never blocks.
 */
int shared_port_bind(struct ports *p, const struct shared_wish *wish, int *ret_fd);

/*
 * shared_port_listen - a worker listens with its socket @fd at @port
 *
 * 0; -ENOENT if that socket isn't the port's: then it's none of ours; else
 * -errno as listen() gives it.
 */
int shared_port_listen(struct port *port, int fd, const struct sock_facts *facts, int backlog);

#endif
