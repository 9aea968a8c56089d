/*
 * One question after the other, in the order in which a worker comes up.
 */
#include "core/readiness.h"

#include <assert.h>

bool readiness_has(const struct readiness_ports *set, unsigned port)
{
	assert(port < PORT_TABLE_MAX);
	return set->bits[port / 64] & 1ULL << port % 64;
}

void readiness_add(struct readiness_ports *set, unsigned port)
{
	assert(port < PORT_TABLE_MAX);
	set->bits[port / 64] |= 1ULL << port % 64;
}

void readiness_remove(struct readiness_ports *set, unsigned port)
{
	assert(port < PORT_TABLE_MAX);
	set->bits[port / 64] &= ~(1ULL << port % 64);
}

bool readiness_is_empty(const struct readiness_ports *set)
{
	for (size_t i = 0; i < READINESS_WORDS; i++)
		if (set->bits[i])
			return false;
	return true;
}

bool readiness_has_all(const struct readiness_ports *set, const struct readiness_ports *wanted)
{
	for (size_t i = 0; i < READINESS_WORDS; i++)
		if (wanted->bits[i] & ~set->bits[i])
			return false;
	return true;
}

enum readiness_lack readiness_lack(const struct readiness *r)
{
	if (readiness_is_empty(&r->listens) && !r->has_notified)
		return READINESS_LACKS_LISTEN;
	if (!readiness_has_all(&r->listens, &r->wanted))
		return READINESS_LACKS_PORT;
	if (r->must_notify && !r->has_notified)
		return READINESS_LACKS_NOTICE;
	if (r->must_pass && !r->has_passed)
		return READINESS_LACKS_PROBE;
	return READINESS_LACKS_NOTHING;
}
