/*
 * Unix sockets that workers share: the path is the worker's, as it stands in
 * the worker's directory, with the worker's umask and owner.
 */
#ifndef BERTH_PRIMARY_UNIX_PORT_H
#define BERTH_PRIMARY_UNIX_PORT_H

#include <stdbool.h>
#include <sys/types.h>

#include "os/peek.h"
#include "primary/ports.h"

/*
 * unix_port_is_ours - make a worker's path absolute
 *
 * False if the path means another file to the worker than to us (it has its
 * own root or mounts), or has no room with its directory before it: then
 * berth leaves the socket alone, and @a is unchanged.
 */
bool unix_port_is_ours(pid_t tid, struct addr *a);

/*
 * unix_port_claim - ports_claim() with what worker @tid would have given the file
 *
 * Returns as ports_claim() does, and -ESRCH if the worker is gone. Primary's
 * thread only: it changes the umask of the process for a moment.
 */
int unix_port_claim(struct ports *p, const struct peek_identity *owner, const struct addr *a,
		    const struct sock_facts *like, struct port **ret_port);

#endif
