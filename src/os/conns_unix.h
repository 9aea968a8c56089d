/*
 * Connections at Unix sockets. The kernel tells far less of them than of TCP ones: that they
 * are there, and what waits in them to be read.
 */
#ifndef BERTH_OS_CONNS_UNIX_H
#define BERTH_OS_CONNS_UNIX_H

#include <stddef.h>

#include "base/conn_info.h"

/* Returns 0 to go on, anything else to stop. @info is borrowed for the call. */
typedef int conns_unix_visit(const struct conn_info *info, void *arg);

/*
 * conns_unix_each - visit the accepted end of every connection at some Unix addresses
 *
 * @ports:  those of other families are passed over
 *
 * An accepted socket has the name of the one that listened, as that was bound. Returns 0;
 * what @visit returned when it stopped; -errno, -ENOENT where the kernel cannot tell.
 * Any thread. Never blocks.
 */
int conns_unix_each(const struct addr *ports, size_t n_ports, conns_unix_visit *visit, void *arg);

#endif
