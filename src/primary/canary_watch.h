/*
 * Watches a canary while it has its share: whether its accept queues stand still, and
 * whether it resets its clients. (That it ends, or fails its probes, its worker tells.)
 */
#ifndef BERTH_PRIMARY_CANARY_WATCH_H
#define BERTH_PRIMARY_CANARY_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "primary/output.h"
#include "primary/ports.h"

struct canary_watch;

struct canary_watch_events {
	/*
	 * @is_stuck:  it comes for nobody, and who waits in its queues waits for nothing
	 * @why:       the rest of a sentence
	 *
	 * Said at every look, as long as it is so.
	 */
	void (*bad)(void *data, uint64_t run, bool is_stuck, const char *why);
	void *data;
};

/* All of these are for the primary's thread only. None blocks. */

/*
 * canary_watch_new - watch the canary of @run, until canary_watch_free()
 *
 * @ports:     steered; borrowed, as @output; @events is copied
 * @watch_ms:  how long it will be watched
 *
 * What it has reset before is not known. 0 or -errno.
 */
int canary_watch_new(struct ports *ports, struct output *output, uint64_t run, uint32_t watch_ms,
		     const struct canary_watch_events *events, struct canary_watch **ret_watch);

/* Takes NULL, returns NULL. The memory goes when the loop has closed its handles. */
struct canary_watch *canary_watch_free(struct canary_watch *c);

#endif
