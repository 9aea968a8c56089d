/*
 * A worker's bind of a UDP socket: what it means is judged, and from here on it is done.
 */
#ifndef BERTH_PRIMARY_DATAGRAM_BIND_H
#define BERTH_PRIMARY_DATAGRAM_BIND_H

#include "primary/broker_parts.h"

#define DATAGRAM_BIND_PASS 1 /* the kernel's answer is the right one */

/*
 * datagram_bind - bind the socket of @t at a port of ours, which it may make one
 *
 * @j:         BIND_JOIN or BIND_CLAIM
 * @ret_port:  where it gets datagrams now
 *
 * Returns 0, DATAGRAM_BIND_PASS, or the -errno that the bind is to end with. One that
 * a predecessor of ours has begun is finished. Primary's thread only.
 */
int datagram_bind(const struct trap *t, const struct bind_judgement *j, struct port **ret_port);

#endif
