/*
 * Whether workers could be run under our filter, and be looked into: by running one
 * that does nothing.
 */
#ifndef BERTH_OS_WORKER_TRY_H
#define BERTH_OS_WORKER_TRY_H

#include "base/machine_info.h"

/*
 * worker_try - see what the kernel and its security modules say
 *
 * Two children are made and have ended when this returns: a worker, and beside it, not
 * above it, one that looks, since that is what a worker and a primary are to each other.
 *
 * Returns 0, or -errno where that could not be tried: no process or no descriptor is to
 * be had. One thread only: the children are forked. Blocks for some milliseconds.
 */
int worker_try(struct machine_worker_try *ret_try);

#endif
