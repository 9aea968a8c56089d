/*
 * Differences of one direction, and the least of them.
 */
#include "core/drift.h"

/* By how much the counter was surely too high, or too low if negative. */
static int64_t sure_difference(const struct drift_reading *r)
{
	const int64_t low = (r->before < r->after ? r->before : r->after) - (int64_t)r->n_changes;
	const int64_t high = (r->before < r->after ? r->after : r->before) + (int64_t)r->n_changes;

	if (r->found < low)
		return low - r->found;
	return r->found > high ? high - r->found : 0;
}

static int64_t nearer_to_zero(int64_t a, int64_t b)
{
	return (a < 0 ? -a : a) < (b < 0 ? -b : b) ? a : b;
}

int64_t drift_note(struct drift *d, const struct drift_reading *reading)
{
	const int64_t difference = sure_difference(reading);
	int64_t mend;

	if (difference == 0 || (d->n_proofs > 0 && (difference < 0) != (d->least < 0)))
		d->n_proofs = 0;
	if (difference == 0)
		return 0;
	d->least = d->n_proofs > 0 ? nearer_to_zero(d->least, difference) : difference;
	if (++d->n_proofs < DRIFT_PROOFS)
		return 0;
	mend = -d->least;
	d->n_mended += (uint64_t)(mend < 0 ? -mend : mend);
	d->n_proofs = 0;
	return mend;
}
