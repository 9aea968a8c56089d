/*
 * What the files that a fleet consists of share.
 */
#ifndef BERTH_PRIMARY_FLEET_PARTS_H
#define BERTH_PRIMARY_FLEET_PARTS_H

#include "primary/fleet.h"

/* --- in fleet.c --- */

/* The fleet's, in its place by @role, and not started yet. NULL without memory, which is said. */
struct worker *fleet_add_worker(struct fleet *f, unsigned slot, enum worker_role role,
				unsigned generation);

/* @w is one of those that are no members, or is none of them any more. */
void fleet_add_other(struct fleet *f, struct worker *w);
void fleet_remove_other(struct fleet *f, const struct worker *w);

/* The member @w gives its slot up; it drains first, where it has clients. See worker_leave(). */
void fleet_send_member_away(struct fleet *f, struct worker *w, bool must_stay);

/* Where @w listens, if it's a member and ready: whoever comes after it must, too. */
void fleet_note_served(struct fleet *f, const struct worker *w);

/* As many slots as are wanted have a worker, or had one that has ended; and no others. */
void fleet_fit(struct fleet *f);

#endif
