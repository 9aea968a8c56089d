/*
 * Whether a counter that is kept while things go on has drifted from what there is.
 *
 * A count takes its time, and things go on meanwhile: one difference means nothing.
 * What is found again and again, always in the same direction, is a drift, of the
 * least that was found.
 */
#ifndef BERTH_CORE_DRIFT_H
#define BERTH_CORE_DRIFT_H

#include <stdint.h>

#define DRIFT_PROOFS 3 /* differences of one direction that make a drift */

/* All zero when it is new. */
struct drift {
	int64_t least; /* by which the counter is too high (or too low, if negative), at least */
	unsigned n_proofs;
	uint64_t n_mended; /* all that was mended so far, in either direction */
};

/* What one count has shown. */
struct drift_reading {
	int64_t before, after; /* the counter at the begin and at the end of the count */
	int64_t found;         /* how many there are, by the count */
	uint64_t n_changes;    /* that there were meanwhile, as far as is known */
};

/*
 * drift_note - take in a count
 *
 * Returns what has to be added to the counter now, 0 mostly. Any thread.
 */
int64_t drift_note(struct drift *d, const struct drift_reading *reading);

#endif
