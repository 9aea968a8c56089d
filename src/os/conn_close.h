/*
 * Closes a worker's connections from outside, by a copy of its descriptor. The worker
 * sees what it always sees when a client has gone: the end of the stream.
 */
#ifndef BERTH_OS_CONN_CLOSE_H
#define BERTH_OS_CONN_CLOSE_H

#include "os/conns.h"

/*
 * For all of them, @conn has an owner, from conns_claim(). They return 0 or -errno, as
 * conn_take() does. Any thread. None of them blocks.
 */

/*
 * conn_close - close an idle connection
 *
 * Sends what is held, then FIN. The worker reads the end of the stream at once. Should
 * the client's next request cross the FIN, it is refused with RST: nobody acts on it,
 * and the client may send it again.
 *
 * Returns -EAGAIN, and leaves it alone, if anything has happened on it since @conn was
 * looked at.
 */
int conn_close(const struct conn *conn);

/* The same at the deadline, whatever happens on it. */
int conn_cut(const struct conn *conn);

/*
 * conn_hold - let the ends of answers wait, so that conn_close() can send FIN with one
 *
 * A segment that isn't full leaves when conn_release() or conn_close() is called, and after
 * 200 ms at the latest. It has no effect on a worker that does the same (TCP_CORK) and undoes it.
 * Doing it again does no harm; it stays when we die.
 */
int conn_hold(struct conn *conn);
int conn_release(struct conn *conn);

#endif
