/*
 * A port that --listen names without an address is another one as soon as the first
 * worker has said which address that is; and a port that nobody serves is given up. Nobody
 * could listen at what is there no more.
 */
#include "primary/wanted.h"

#include "primary/ports.h"

/* A member must listen at all of it. */
static struct readiness_ports named(const struct ports *ports)
{
	struct readiness_ports set = { { 0 } };

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (ports->at[i] && ports->at[i]->is_named)
			readiness_add(&set, i);
	return set;
}

/* Those of @set that are there. */
static struct readiness_ports still_there(const struct readiness_ports *set,
					  const struct ports *ports)
{
	struct readiness_ports left = { { 0 } };

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (ports->at[i] && readiness_has(set, i))
			readiness_add(&left, i);
	return left;
}

void wanted_begin(struct worker *w, const struct worker *before,
		  const struct readiness_ports *served, const struct ports *ports)
{
	w->wanted = *served;
	/* One that has never been ready is no example: it may listen where it shouldn't. */
	if (before && before->was_ready && readiness_is_empty(&w->wanted))
		w->wanted = worker_readiness(before).listens;
	if (readiness_is_empty(&w->wanted))
		w->wanted = named(ports);
}

void wanted_update(struct worker *w, const struct ports *ports)
{
	w->wanted = still_there(&w->wanted, ports);
	if (w->role == WORKER_MEMBER || readiness_is_empty(&w->wanted))
		w->wanted = named(ports);
}
