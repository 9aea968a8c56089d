/*
 * Binds before it connects, with bind() and not at connect() (IP_BIND_ADDRESS_NO_PORT):
 * so the port is known, and ours, while nothing has been sent.
 */
#include "primary/probe_socket.h"

#include <errno.h>

#include "base/own.h"
#include "os/sock.h"

int probe_socket_target(const struct probe *p, const struct addr *port, struct addr *ret_target)
{
	struct addr a = p->host.family != AF_UNSPEC ? p->host : *port;

	if (a.family == AF_UNIX || (a.protocol && a.protocol != IPPROTO_TCP))
		return -EAFNOSUPPORT;
	a.port = p->port ? p->port : port->port;
	if (a.port == 0)
		return -EAFNOSUPPORT;
	if (a.family == AF_UNSPEC) {
		a.family = AF_INET;
		a.u.v4.s_addr = htonl(INADDR_LOOPBACK);
	} else if (addr_is_wildcard(&a)) {
		if (a.family == AF_INET)
			a.u.v4.s_addr = htonl(INADDR_LOOPBACK);
		else
			a.u.v6 = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
		a.device = 0; /* the loopback is no other interface's */
	}
	a.protocol = IPPROTO_TCP;
	a.v6only = false; /* says nothing of one address */
	*ret_target = a;
	return 0;
}

int probe_socket_open(const struct addr *target, struct addr *ret_source, int *ret_fd)
{
	own_fd fd = socket(target->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct addr source = *target;
	struct sock_facts facts;
	int r;

	if (fd < 0)
		return -errno;
	source.port = 0;
	r = sock_bind(fd, &source);
	if (r == 0)
		r = sock_facts(fd, &facts);
	if (r == 0)
		r = sock_bound_to(fd, &facts, &source);
	if (r < 0)
		return r;
	*ret_source = source;
	*ret_fd = take_fd(&fd);
	return 0;
}
