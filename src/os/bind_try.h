/*
 * Asks the kernel whether an address can be bound, in the only way that is never
 * wrong: by binding it, and letting it go at once.
 */
#ifndef BERTH_OS_BIND_TRY_H
#define BERTH_OS_BIND_TRY_H

#include "base/socket_info.h"

/*
 * bind_try - bind a socket as wished, and close it at once
 *
 * @wish:  with AF_UNSPEC, all addresses: those of IPv6 and IPv4 where the host has
 *         both. A Unix path is not bound, since that would make a file: whether its
 *         directory lets us make one is asked instead. A uid
 *         that is not ours needs CAP_CHOWN.
 *
 * The socket never listens and takes no connection. While it's there, for some
 * microseconds, a bind without SO_REUSEADDR by others fails.
 *
 * Returns 0 if it can be bound now; -errno of bind(), as a program would see it, or
 * of what comes before it: socket(), SO_BINDTOIFINDEX (-ENODEV), fchown() (-EPERM).
 * Any thread. Never blocks.
 */
int bind_try(const struct socket_wish *wish);

#endif
