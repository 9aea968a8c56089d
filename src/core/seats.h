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

/* Opens @berth to new connections. @opening is never 0 and never used twice. False: no room. */
bool seats_add(struct steer_port *p, uint32_t opening, uint32_t berth);

/* Closes @berth to new connections; true if it was open. */
bool seats_remove(struct steer_port *p, uint32_t berth);

/* Whether @berth has a seat. */
bool seats_has(const struct steer_port *p, uint32_t berth);

/* Moves seats into the holes that the program made, so that turns stay even. */
void seats_compact(struct steer_port *p);

/* Indices for berths. The next free one is taken from where the last search ended. */
struct berth_indices {
	uint64_t taken[STEER_BERTHS_MAX / 64];
	uint32_t next;
};

#define BERTH_INDEX_NONE UINT32_MAX

uint32_t berth_indices_take(struct berth_indices *set);
void berth_indices_give_back(struct berth_indices *set, uint32_t berth);

#endif
