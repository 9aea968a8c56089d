/*
 * Which worker is due to be replaced because it has grown, or is old, or has served
 * enough.
 *
 * Each run of a worker has limits of its own, a tenth more or less than the user's, by
 * chance that belongs to the run: so workers that began together don't end together, and
 * whoever asks later comes to the same verdict.
 */
#ifndef BERTH_CORE_RECYCLE_H
#define BERTH_CORE_RECYCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/worker_fsm.h"

#define RECYCLE_PAUSE_FIRST_MS 1000 /* behind a replacement that failed */
#define RECYCLE_PAUSE_MAX_MS   300000
#define RECYCLE_YOUNG_MS       60000 /* a limit that is reached sooner is one for everybody */
#define RECYCLE_NEVER_MS       INT64_MAX

enum recycle_reason {
	RECYCLE_NONE = 0,
	RECYCLE_MEMORY,
	RECYCLE_AGE,
	RECYCLE_CONNECTIONS,
	RECYCLE_HUNG,  /* see core/hung.h */
	RECYCLE_ASKED, /* by `berth drain` */
};

#define RECYCLE_REASONS (RECYCLE_ASKED + 1)

struct recycle_limits {
	uint64_t memory_bytes; /* each 0: none */
	uint64_t age_ms;
	uint64_t n_connections;
};

/* What is known of one run; 0 where it isn't. */
struct recycle_reading {
	uint64_t run;
	uint64_t age_ms;
	uint64_t memory_bytes;
	uint64_t n_connections;
};

/* Any thread, as all of these. None blocks. */

/* @limit for that run: from nine tenths to eleven tenths of it. */
uint64_t recycle_limit(uint64_t limit, uint64_t run, enum recycle_reason reason);

/*
 * recycle_next - whose turn it is
 *
 * @ret_reason: why, where there is one
 *
 * Returns the index of the one that is furthest beyond a limit of its own; @n if none is due.
 */
size_t recycle_next(const struct recycle_limits *limits, const struct recycle_reading *readings,
		    size_t n, enum recycle_reason *ret_reason);

/* In how many ms the first of them is too old; RECYCLE_NEVER_MS where no age is too high. */
int64_t recycle_due_ms(const struct recycle_limits *limits, const struct recycle_reading *readings,
		       size_t n);

/* Whether one that had to go for that reason, at that age, makes the next one wait. */
bool recycle_is_soon(enum recycle_reason reason, uint64_t age_ms);

/* How long to wait when the last @n_failures replacements, at least one, have failed. */
uint32_t recycle_pause_ms(unsigned n_failures);

/*
 * Whether a replacement for that reason may wait for the back-off of others, and makes others
 * wait: an order doesn't, nor one that hangs, which takes a while to be found each time.
 */
bool recycle_can_wait(enum recycle_reason reason);

/*
 * recycle_is_late - whether a replacement that a predecessor had begun has failed
 *
 * @deadline_ms:      that it has to become ready, 0: none any more
 * @ready_timeout_ms: 0 where there never is a deadline
 *
 * That it was late is said once; who heard of it may have died over it.
 */
bool recycle_is_late(enum worker_state state, int64_t deadline_ms, uint32_t ready_timeout_ms);

/* The rest of a sentence: "is older than --max-age allows". */
const char *recycle_reason_text(enum recycle_reason reason);

#endif
