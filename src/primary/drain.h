/*
 * The clients of workers that drain: counts them, closes what is idle, and tells when the
 * last one has left.
 */
#ifndef BERTH_PRIMARY_DRAIN_H
#define BERTH_PRIMARY_DRAIN_H

#include <stdint.h>
#include <uv.h>

#include "os/conns.h"
#include "primary/fleet.h"

struct drain;

/* @fleet: borrowed until drain_free(). 0 or -ENOMEM. The primary's thread only, as all of these. */
int drain_new(uv_loop_t *loop, struct fleet *fleet, struct drain **ret_drain);

/* Takes NULL, returns NULL. */
struct drain *drain_free(struct drain *d);

/* Some worker drains, or does no more. Looks soon. */
void drain_note(struct drain *d);

/* The worker drains no more: what was held back on its connections is let go. */
void drain_call_off(struct drain *d, const struct worker *w);

/*
 * drain_cut - cut all connections of a worker whose time is over
 *
 * Returns whether it has none left, and nobody waits for it: so that it may stand still.
 */
bool drain_cut(struct drain *d, const struct worker *w);

/* How many connections a worker had at the last look; -1 if it isn't known yet. */
int drain_n_connections(const struct drain *d, const struct worker *w);

/* The connections of the last look; see conns_all(). Their owners are drain_owner() of workers. */
struct conn *drain_connections(const struct drain *d, size_t *ret_n);
uint32_t drain_owner(const struct worker *w);

#endif
