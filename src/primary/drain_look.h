/*
 * One look for all workers that drain: which connections are there, and whose they are.
 */
#ifndef BERTH_PRIMARY_DRAIN_LOOK_H
#define BERTH_PRIMARY_DRAIN_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "os/conns.h"
#include "primary/fleet.h"

struct drain_look {
	struct fleet *fleet;
	struct conns *conns;
	struct tree_census *census; /* NULL: this turn has needed none yet */
	int64_t whole_ms;           /* of the last whole look */
	int64_t whole_due_ms;       /* of the next one */
	int64_t share_ms; /* for so long none is begun: it would be too much of our time */
	bool is_fresh;    /* this look was a whole one */
	bool is_partial;  /* there were more connections than one look takes */
	bool has_said_unknown;
};

/* The primary's thread only, as all of these. */

uint32_t drain_look_owner(const struct worker *w);

/* The one behind @w in the list of those that drain; behind NULL: the first. */
struct worker *drain_look_next(const struct drain_look *l, const struct worker *w);

/*
 * drain_look_take - look
 *
 * @every_ms:  how long a whole look is good for
 *
 * Of workers that are to stand still, notes whether they do. Blocks for no longer than the
 * looks take: some ten milliseconds.
 */
void drain_look_take(struct drain_look *l, uint32_t every_ms, int64_t now_ms);

/* The same, and a whole look in any case. Returns whether there was one. */
bool drain_look_whole(struct drain_look *l, uint32_t every_ms, int64_t now_ms);

/* The processes of this turn; NULL if that cannot be had. */
struct tree_census *drain_look_census(struct drain_look *l);

/* This turn is over. */
void drain_look_end(struct drain_look *l);

/* How many connections a worker has; -1 if it isn't known. */
int drain_look_n_connections(const struct drain_look *l, const struct worker *w);

/* Somebody has just begun to drain: his clients aren't known yet. */
bool drain_look_has_newcomer(const struct drain_look *l);

#endif
