/*
 * The connections at an app's ports, and whose they are. One look asks the kernel for
 * all of them; then processes are asked, one by one, which of them they have open.
 */
#ifndef BERTH_OS_CONNS_H
#define BERTH_OS_CONNS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/conn_info.h"

#define CONNS_MAX 65536 /* that one look takes, in some 100 ms and twice 21 MiB */

struct conn {
	struct conn_info info;
	uint32_t owner;        /* as conns_claim() was told; 0: nobody's that was asked */
	pid_t pid;             /* a process that has it open, */
	int fd;                /* and under which number */
	int64_t same_since_ms; /* when we first saw it with just these numbers of bytes */
};

struct conns;

/* No look is taken yet. NULL where memory is short. */
struct conns *conns_new(void);

/* Takes NULL, returns NULL. */
struct conns *conns_free(struct conns *c);

/*
 * conns_look - all connections that were accepted at some ports
 *
 * @ports:   their addresses, TCP or Unix; a wildcard means all addresses of its family
 * @now_ms:  on a clock that only goes forward
 *
 * Takes the place of the look before. What was claimed stays claimed, as long as it is
 * the same socket: that it still is under the same number, conn_close() sees to.
 * Connections that nobody has accepted yet, and those that nobody has open any
 * more, are left out.
 *
 * Returns 0; 1 if there are more than CONNS_MAX, and the others are left out; -errno,
 * and the look before stays. Any thread, one at a time, as all of these. Never blocks;
 * takes about 1.5 us per connection at these ports, and 0.1 us for any other that the
 * machine has: the kernel passes them all, and those that have ended a minute ago, too.
 */
int conns_look(struct conns *c, const struct addr *ports, size_t n_ports, int64_t now_ms);

/*
 * conns_claim - note which of them a process has open
 *
 * @owner:  a number for whom it belongs to, not 0: one for all of a worker's tree
 *
 * Returns how many; -EACCES if we may not know, as when it has changed its user and we
 * are not root; -ESRCH if it is gone. Does not block; takes about 3 us per descriptor
 * of the process.
 */
int conns_claim(struct conns *c, pid_t pid, uint32_t owner);

/*
 * conn_take - a descriptor of ours for a connection that somebody was found to have open
 *
 * @ret_fd:  the caller's to close, and soon: as long as it's open, the worker's own close()
 *           ends nothing
 *
 * Returns 0; -ESRCH if the process or its connection is gone, or the number means another
 * socket now: look and claim again. -EPERM if we may not take the process's descriptors.
 */
int conn_take(const struct conn *conn, int *ret_fd);

/*
 * conn_look - look at one connection again, that somebody was found to have open
 *
 * Takes 5 us, however many others there are. On success @conn is as the next conns_look()
 * would tell it; on errors, which are conn_take()'s, it is left as it was.
 */
int conn_look(struct conn *conn, int64_t now_ms);

/* All that the look found, by rising inode; good until the next one. */
struct conn *conns_all(const struct conns *c, size_t *ret_n);

#endif
