/*
 * Watches the accept queues while there is traffic; a worker that hangs, by core/hung, is
 * shown thread by thread, and replaced.
 */
#ifndef BERTH_PRIMARY_HANG_WATCH_H
#define BERTH_PRIMARY_HANG_WATCH_H

#include <uv.h>

#include "core/hung.h"
#include "primary/fleet.h"
#include "primary/output.h"
#include "primary/recycling.h"
#include "primary/stack_look.h"

struct hang_watch {
	const struct app_config *config;
	struct fleet *fleet;
	struct output *output;
	struct recycling *recycling;
	uv_timer_t timer;
	struct hung_watch watch;
	struct hung_berth *berths; /* NULL: nobody asked for it */
	struct hung_reading *readings;
	struct stack_look *stacks; /* of one that hangs; NULL: nobody looks at any */
	uint64_t n_came;           /* to all berths, at the last look */
};

/* All of these are for the primary's thread only. None blocks. */

/*
 * @h: all zero but for what is borrowed: config, fleet, output, recycling. 0 or -errno;
 * hang_watch_done() it either way.
 */
int hang_watch_init(struct hang_watch *h, uv_loop_t *loop);

void hang_watch_done(struct hang_watch *h);

/* Connections come, or wait somewhere: looks until there are none. */
void hang_watch_note_traffic(struct hang_watch *h);

#endif
