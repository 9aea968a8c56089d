/*
 * One look at the accept queues of all berths that are sent anything, for core/hung.
 */
#ifndef BERTH_PRIMARY_QUEUE_LOOK_H
#define BERTH_PRIMARY_QUEUE_LOOK_H

#include "core/hung.h"
#include "primary/ports.h"

#define QUEUE_LOOK_MAX 4096 /* berths, of all ports */

/*
 * queue_look - read them
 *
 * @p:       steered
 * @canary:  a run that is sent connections though it's held, or HUNG_NOBODY
 *
 * Returns how many there are; those that there is no room for are left out. Primary's
 * thread only, as the next. Neither blocks.
 */
size_t queue_look(const struct ports *p, uint64_t canary,
		  struct hung_reading ret_readings[static QUEUE_LOOK_MAX]);

/* The sentence about a run that hangs, of which they tell: "hangs: for ...". */
void queue_look_describe(const struct hung_reading *readings, size_t n, uint64_t run,
			 uint32_t patience_ms, char *ret_text, size_t size);

#endif
