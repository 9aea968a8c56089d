/*
 * Asks the kernel for all connections that bear a mark of the steering's: a
 * count of what the program on the cgroup counts as it comes and goes.
 */
#ifndef BERTH_OS_LIVE_H
#define BERTH_OS_LIVE_H

#include "os/steer.h"

/* Called for each live connection with the mark of where it is counted. */
typedef void live_visit(const struct steer_mark *mark, void *arg);

/*
 * live_look - visit each connection that is counted
 *
 * @fds:  the steering's, its marks and what was handed on are asked for
 *
 * Returns 0; -errno, and then some may be missing. Any thread. Blocks while the kernel
 * walks its table of all TCP connections, 20 ms on a large machine.
 */
int live_look(const struct steer_fds *fds, live_visit *visit, void *arg);

#endif
