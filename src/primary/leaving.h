/*
 * Listening sockets of which nobody is to be sent to any more. They stay open
 * until every handshake that had begun there has ended, and then close: what
 * they hold moves to the berths.
 */
#ifndef BERTH_PRIMARY_LEAVING_H
#define BERTH_PRIMARY_LEAVING_H

#include <stdint.h>
#include <uv.h>

#include "core/seats.h"
#include "primary/keep.h"

struct leaving;

/*
 * @keep, @indices: borrowed
 *
 * 0 or -ENOMEM. Primary's thread only, as all of these; none blocks.
 */
int leaving_new(uv_loop_t *loop, struct keep *keep, struct berth_indices *indices,
		struct leaving **ret_leaving);

/* Closes what is left at once. Takes NULL. */
struct leaving *leaving_free(struct leaving *l);

/* Takes @fd over, and closes it in a few milliseconds. Takes an unset fd. */
void leaving_add(struct leaving *l, int fd);

/* The same for the keeper's copy of a berth's socket; until then its index is not free. */
void leaving_add_berth(struct leaving *l, uint32_t berth);

#endif
