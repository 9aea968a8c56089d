/*
 * How much memory each member has. To look may wait for a worker's memory, so it's done in
 * a thread of its own, again and again; never for more than a fiftieth of the time.
 */
#ifndef BERTH_PRIMARY_MEMORY_LOOK_H
#define BERTH_PRIMARY_MEMORY_LOOK_H

#include <stdint.h>
#include <uv.h>

#include "primary/fleet.h"

struct memory_look;

struct memory_look_events {
	void (*seen)(void *data); /* somebody may have more than it should */
	void *data;
};

/* @fleet: borrowed until memory_look_free(); @events: copied. 0 or -ENOMEM. The primary's thread only, as all. */
int memory_look_new(uv_loop_t *loop, struct fleet *fleet, const struct memory_look_events *events,
		    struct memory_look **ret_look);

/* The first look; others follow. */
void memory_look_begin(struct memory_look *l);

/* What that run had when it was last looked at; 0 if it wasn't. */
uint64_t memory_look_bytes(const struct memory_look *l, uint64_t run);

/* Takes NULL, returns NULL. The memory goes when the thread has ended. */
struct memory_look *memory_look_free(struct memory_look *l);

#endif
