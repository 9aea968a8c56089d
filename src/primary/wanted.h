/*
 * Where a worker must listen before it is ready: at what --listen names, or where the
 * worker does that it is to follow.
 */
#ifndef BERTH_PRIMARY_WANTED_H
#define BERTH_PRIMARY_WANTED_H

#include "primary/worker.h"

struct ports;

/* Both: the primary's thread only. Neither blocks. */

/*
 * Of a candidate that is about to start. @before: who has the slot, or had it last, or NULL;
 * @served: where the last one in the slot that was ready listened, or nothing.
 */
void wanted_begin(struct worker *w, const struct worker *before,
		  const struct readiness_ports *served, const struct ports *ports);

/* It listens somewhere: that may have changed which ports there are. */
void wanted_update(struct worker *w, const struct ports *ports);

#endif
