/*
 * The pause between the death of a worker and the start of its replacement.
 */
#include "core/backoff.h"

/* 100 ms doubled as often is more than the longest pause. */
#define DOUBLINGS_MAX 9

static uint32_t whole_pause_ms(unsigned n_failures)
{
	unsigned doublings = n_failures - 1;
	uint32_t pause_ms;

	if (n_failures == 0)
		return 0;
	if (doublings >= DOUBLINGS_MAX)
		return BACKOFF_MAX_MS;
	pause_ms = (uint32_t)BACKOFF_FIRST_MS << doublings;
	return pause_ms < BACKOFF_MAX_MS ? pause_ms : BACKOFF_MAX_MS;
}

/* From half of the pause to all of it. */
static uint32_t with_chance(uint32_t pause_ms, uint32_t random)
{
	uint32_t half_ms = pause_ms / 2;

	return half_ms + (uint32_t)((uint64_t)random * (pause_ms - half_ms + 1) >> 32);
}

uint32_t backoff_after(struct backoff *b, const struct backoff_death *death, uint32_t random)
{
	unsigned n_before;

	if (death->up_ms >= BACKOFF_RESET_MS)
		b->n_failures = 0;
	n_before = b->n_failures;

	if (death->was_killed && n_before > 0)
		return with_chance(BACKOFF_FIRST_MS, random);
	if (n_before <= DOUBLINGS_MAX)
		b->n_failures++;
	return with_chance(whole_pause_ms(n_before), random);
}
