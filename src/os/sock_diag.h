/*
 * Asks the kernel for the sockets of this network namespace (NETLINK_SOCK_DIAG).
 * Needs no privilege: every user may see every socket, though not who has it open.
 */
#ifndef BERTH_OS_SOCK_DIAG_H
#define BERTH_OS_SOCK_DIAG_H

#include <sys/types.h>

#include "base/socket_info.h"

/* Which states to ask for, as bits. */
#define SOCK_DIAG_LISTENING   (1U << 0) /* TCP that listens; all of UDP */
#define SOCK_DIAG_BOUND       (1U << 1) /* TCP that is bound and no more; from Linux 6.8 on */
#define SOCK_DIAG_CONNECTIONS (1U << 2) /* TCP: connections until the end of TIME_WAIT */

/* Returns 0 to go on, -errno to stop. @socket is borrowed for the call. */
typedef int sock_diag_visit(const struct socket_info *socket, void *arg);

/*
 * sock_diag_port - visit every IPv4 and IPv6 socket that has a local port
 *
 * @protocol:  IPPROTO_TCP or IPPROTO_UDP
 * @port:      host order, not 0; the kernel filters by it
 * @states:    SOCK_DIAG_ bits, at least one
 * @visit:     called for each
 *
 * Connections that are still being made by a peer hold no port and are left out.
 *
 * Returns 0; what @visit returned when it stopped; -ENOENT if this kernel has no
 * socket diagnosis for @protocol; -EPROTO if the answer makes no sense; -EMFILE
 * and the like. Any thread. Never blocks.
 */
int sock_diag_port(uint16_t protocol, uint16_t port, unsigned states, sock_diag_visit *visit,
		   void *arg);

/*
 * sock_diag_unix - visit every socket that has a Unix address, listening or only bound
 *
 * @wanted:         AF_UNIX; a path matches by the file it names, whatever its spelling
 * @ret_file_type:  what stands at the path: a type of <sys/stat.h> (S_IFSOCK), 0 for
 *                  nothing or for an abstract name
 *
 * The sockets visited have @wanted as their address. Errors as sock_diag_port, and
 * those of stat(2) but ENOENT. Any thread. Blocks as long as the path's file system.
 */
int sock_diag_unix(const struct addr *wanted, sock_diag_visit *visit, void *arg,
		   mode_t *ret_file_type);

#endif
