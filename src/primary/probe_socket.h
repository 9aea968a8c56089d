/*
 * Where a probe's connection goes, and where it comes from: the steering program can
 * only direct it to one worker if its source is known before it is made.
 */
#ifndef BERTH_PRIMARY_PROBE_SOCKET_H
#define BERTH_PRIMARY_PROBE_SOCKET_H

#include "base/addr.h"
#include "core/probe.h"

/*
 * probe_socket_target - the address that a probe asks
 *
 * @p:     PROBE_HTTP or PROBE_TCP
 * @port:  the app's first
 *
 * A wildcard means the loopback of its family, that of AF_UNSPEC being IPv4's. Returns
 * 0, or -EAFNOSUPPORT if that is no TCP address with a port.
 */
int probe_socket_target(const struct probe *p, const struct addr *port, struct addr *ret_target);

/*
 * probe_socket_open - make a socket that can connect to @target
 *
 * @ret_source:  what it is bound to: the target's own address, and a port that
 *               nobody else gets
 * @ret_fd:      non-blocking, closed on exec, yours
 *
 * Returns 0; -EADDRNOTAVAIL if the address isn't one of this machine; -EADDRINUSE if
 * there is no port left; -EMFILE and the like. Never blocks.
 */
int probe_socket_open(const struct addr *target, struct addr *ret_source, int *ret_fd);

#endif
