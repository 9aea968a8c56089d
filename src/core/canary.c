/*
 * The others tell how many resets are to be expected; what is beyond that by more than
 * three standard deviations, and by more than one or two, is the canary's own.
 */
#include "core/canary.h"

#define BY_CHANCE_MAX   2.0 /* more than expected, where hardly any is */
#define DEVIATIONS      3.0
#define PATIENCE_MIN_MS 1000 /* shorter ones happen to those that are only busy */
#define PATIENCE_MAX_MS 5000
#define PATIENCE_PART   4 /* of the watch: several of them fit into it */
#define MUTE_PART       2 /* nobody else shows how long it may take */
#define MUTE_MAX_MS     10000

bool canary_resets_too_many(const struct canary_count *canary, const struct canary_count *others)
{
	double expected, beyond;

	if (!others->n_came)
		return false;
	/* One more on either side: none so far doesn't mean none ever. */
	expected = (double)canary->n_came * (double)(others->n_reset + 1) /
		   (double)(others->n_came + 1);
	beyond = (double)canary->n_reset - expected - BY_CHANCE_MAX;
	return beyond > 0 && beyond * beyond > DEVIATIONS * DEVIATIONS * expected;
}

static uint32_t within(uint32_t ms, uint32_t max_ms)
{
	if (ms < PATIENCE_MIN_MS)
		return PATIENCE_MIN_MS;
	return ms < max_ms ? ms : max_ms;
}

uint32_t canary_patience_ms(uint32_t watch_ms)
{
	return within(watch_ms / PATIENCE_PART, PATIENCE_MAX_MS);
}

uint32_t canary_mute_ms(uint32_t watch_ms)
{
	return within(watch_ms / MUTE_PART, MUTE_MAX_MS);
}
