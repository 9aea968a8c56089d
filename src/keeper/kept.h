/*
 * What outlives a primary: descriptors under names; and what happened, until a primary
 * has dealt with it: exits of the children that it named, and signals. Fixed tables.
 * Zeroed memory keeps nothing.
 */
#ifndef BERTH_KEEPER_KEPT_H
#define BERTH_KEEPER_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/keeper_message.h"

struct kept {
	struct kept_item {
		char name[KEEPER_NAME_SIZE]; /* empty: the item is free */
		int fd;
	} items[KEEPER_ITEMS_MAX];
	size_t n_items; /* from here on no item was ever used, and its memory never touched */

	pid_t watched[KEEPER_EVENTS_MAX]; /* they live, as far as we know */
	size_t n_watched;
	struct kept_event {
		uint16_t type; /* KEEPER_EXITED or KEEPER_SIGNALLED */
		int32_t number;
		pid_t pid;
	} events[KEEPER_EVENTS_MAX]; /* a ring */
	uint64_t last;               /* sequence of the newest event */
	uint64_t done;               /* all up to this one have been dealt with */
};

/*
 * kept_store - keep a descriptor, and close what was kept under its name
 *
 * Returns 0, and *@fd is taken; -ENOBUFS when the table is full. Never blocks.
 */
int kept_store(struct kept *k, const char *name, int *fd);

/* Closes what is kept under a name. Returns whether there was anything. */
bool kept_drop(struct kept *k, const char *name);

/* Returns the first item in use from *@cursor on, and moves *@cursor behind it; NULL: no more. */
const struct kept_item *kept_next(const struct kept *k, size_t *cursor);

/*
 * kept_watch - the exit of a child is to become an event
 *
 * Returns 0, also if it is watched already; -ENOBUFS when there would be no room for its exit.
 */
int kept_watch(struct kept *k, pid_t pid);

/* A child ended with a status, as wait() gives it: an event if it was watched. */
void kept_exited(struct kept *k, pid_t pid, int status);

/* A signal came. Returns 0; -ENOBUFS when there is no room, and this one is forgotten. */
int kept_signalled(struct kept *k, int number);

/* Fills in the event after @sequence, which is at least `done`. Returns whether there is one. */
bool kept_after(const struct kept *k, uint64_t sequence, struct keeper_message *ret_message);

#endif
