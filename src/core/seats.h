/*
 * The seats of a port: which berths the steering program may choose from.
 *
 * The program reads this memory while we write it, and may itself empty a seat
 * whose socket is gone. So every change is one aligned word, and every order
 * in which the program can see the words is harmless: a berth looked at twice,
 * or not for the length of one change.
 */
#ifndef BERTH_CORE_SEATS_H
#define BERTH_CORE_SEATS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"

/*
 * seats_add - open a berth to new connections
 *
 * @opening:  a number that no seat of any port has had, and not 0
 * @berth:    its index, less than STEER_BERTHS_MAX; without a seat at @p
 *
 * Returns false, and changes nothing, if all seats of @p are in use. Any thread,
 * one at a time, as all of these; the program may read meanwhile. None of them blocks.
 */
bool seats_add(struct steer_port *p, uint32_t opening, uint32_t berth);

/* Closes @berth to new connections. Returns whether it was open. */
bool seats_remove(struct steer_port *p, uint32_t berth);

/* Whether @berth is open to new connections. */
bool seats_has(const struct steer_port *p, uint32_t berth);

/* Moves seats into the holes that the program made, so that turns stay even. */
void seats_compact(struct steer_port *p);

/* The indices of berths that are in use; all zero when it is new. */
struct berth_indices {
	uint64_t taken[STEER_BERTHS_MAX / 64];
	uint32_t next; /* where the search begins: an index rests after it was given back */
};

#define BERTH_INDEX_NONE UINT32_MAX

/* Takes an index that is not in use, or returns BERTH_INDEX_NONE when all are. */
uint32_t berth_indices_take(struct berth_indices *set);

/* Notes that an index is in use, by whom ever it was taken. */
void berth_indices_note(struct berth_indices *set, uint32_t berth);

/* Gives an index back that was taken. */
void berth_indices_give_back(struct berth_indices *set, uint32_t berth);

#endif
