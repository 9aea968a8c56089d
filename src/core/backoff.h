/*
 * When the worker of a slot may start again after one has died.
 *
 * The first replacement starts at once. Each further death makes the pause twice
 * as long, from 0.1 s to 30 s; a worker that was up for 10 s clears the account.
 * Half of each pause is chance, so that workers that died together do not start
 * together.
 *
 * A worker that somebody killed has not failed: such a death never makes the
 * pause longer. Otherwise a row of kills would take a healthy app down.
 */
#ifndef BERTH_CORE_BACKOFF_H
#define BERTH_CORE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS   30000
#define BACKOFF_RESET_MS 10000 /* a worker that was up for so long had started well */

/* One per slot, all zero to begin with. It outlives the workers in the slot. */
struct backoff {
	unsigned n_failures; /* deaths that count, since a worker was last up for long */
};

struct backoff_death {
	uint64_t up_ms;  /* from its start to its death */
	bool was_killed; /* it was ready, and a SIGKILL that is not berth's own ended it */
};

/*
 * backoff_after - the pause before the next worker of this slot starts
 *
 * @b:       account of the slot, brought up to date
 * @random:  any number, evenly distributed over all 32-bit numbers
 *
 * Returns milliseconds; 0: at once. Primary's thread. Never blocks.
 */
uint32_t backoff_after(struct backoff *b, const struct backoff_death *death, uint32_t random);

#endif
