/*
 * Compares what was read with the limits of each run.
 */
#include "core/recycle.h"

#include <assert.h>

#define TENTHS_ALL    10
#define PER_MILLE     1000
#define DOUBLINGS_MAX 16

/* A number that looks like chance, and is the same for the same run (splitmix64). */
static uint64_t chance(uint64_t run, enum recycle_reason reason)
{
	uint64_t x = (run << 3 | (uint64_t)reason) * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint64_t recycle_limit(uint64_t limit, uint64_t run, enum recycle_reason reason)
{
	const uint64_t tenth = limit / TENTHS_ALL;

	if (limit > UINT64_MAX / 2)
		return limit;
	return limit - tenth + chance(run, reason) % (2 * tenth + 1);
}

/* How much of its limit that run has used up, in thousandths; 0 without a limit. */
static uint64_t used(uint64_t value, uint64_t limit, uint64_t run, enum recycle_reason reason)
{
	uint64_t own = limit ? recycle_limit(limit, run, reason) : 0;

	if (!own || value < own)
		return 0;
	value /= own / PER_MILLE + 1; /* not exact, and never too large for the product */
	return value + PER_MILLE;
}

static uint64_t most_used(const struct recycle_limits *limits, const struct recycle_reading *r,
			  enum recycle_reason *ret_reason)
{
	const struct {
		enum recycle_reason reason;
		uint64_t value, limit;
	} all[] = {
		{ RECYCLE_MEMORY, r->memory_bytes, limits->memory_bytes },
		{ RECYCLE_CONNECTIONS, r->n_connections, limits->n_connections },
		{ RECYCLE_AGE, r->age_ms, limits->age_ms },
	};
	uint64_t most = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		uint64_t u = used(all[i].value, all[i].limit, r->run, all[i].reason);

		if (u <= most)
			continue;
		most = u;
		*ret_reason = all[i].reason;
	}
	return most;
}

size_t recycle_next(const struct recycle_limits *limits, const struct recycle_reading *readings,
		    size_t n, enum recycle_reason *ret_reason)
{
	uint64_t most = 0;
	size_t next = n;

	for (size_t i = 0; i < n; i++) {
		enum recycle_reason reason = RECYCLE_NONE;
		uint64_t u = most_used(limits, &readings[i], &reason);

		if (u <= most)
			continue;
		most = u;
		next = i;
		*ret_reason = reason;
	}
	return next;
}

int64_t recycle_due_ms(const struct recycle_limits *limits, const struct recycle_reading *readings,
		       size_t n)
{
	int64_t due_ms = RECYCLE_NEVER_MS;

	for (size_t i = 0; i < n && limits->age_ms; i++) {
		const struct recycle_reading *r = &readings[i];
		uint64_t own = recycle_limit(limits->age_ms, r->run, RECYCLE_AGE);
		int64_t left_ms = r->age_ms < own ? (int64_t)(own - r->age_ms) : 0;

		if (left_ms < due_ms)
			due_ms = left_ms;
	}
	return due_ms;
}

bool recycle_is_soon(enum recycle_reason reason, uint64_t age_ms)
{
	return (reason == RECYCLE_MEMORY || reason == RECYCLE_CONNECTIONS) &&
	       age_ms < RECYCLE_YOUNG_MS;
}

uint32_t recycle_pause_ms(unsigned n_failures)
{
	unsigned doublings = n_failures > 0 ? n_failures - 1 : 0;
	uint64_t pause_ms;

	if (doublings > DOUBLINGS_MAX)
		return RECYCLE_PAUSE_MAX_MS;
	pause_ms = (uint64_t)RECYCLE_PAUSE_FIRST_MS << doublings;
	return pause_ms < RECYCLE_PAUSE_MAX_MS ? (uint32_t)pause_ms : RECYCLE_PAUSE_MAX_MS;
}

bool recycle_can_wait(enum recycle_reason reason)
{
	return reason != RECYCLE_HUNG && reason != RECYCLE_ASKED;
}

bool recycle_is_late(enum worker_state state, int64_t deadline_ms, uint32_t ready_timeout_ms)
{
	return state == WORKER_STARTING && !deadline_ms && ready_timeout_ms;
}

const char *recycle_reason_text(enum recycle_reason reason)
{
	static const char *const texts[RECYCLE_REASONS] = {
		[RECYCLE_NONE] = "is to be replaced",
		[RECYCLE_MEMORY] = "has more memory than --max-memory allows",
		[RECYCLE_AGE] = "is older than --max-age allows",
		[RECYCLE_CONNECTIONS] = "has had as many connections as --max-connections allows",
		[RECYCLE_HUNG] = "hangs",
		[RECYCLE_ASKED] = "is to be drained",
	};

	assert((unsigned)reason < RECYCLE_REASONS);
	return texts[reason];
}
