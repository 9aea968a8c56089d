/*
 * The names under which the keeper holds something for us, and how many it can hold.
 */
#ifndef BERTH_PRIMARY_KEEP_NAMES_H
#define BERTH_PRIMARY_KEEP_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/keeper_message.h"

struct keep_names {
	char (*at)[KEEPER_NAME_SIZE];
	size_t n;
	size_t n_room; /* in our memory */
	size_t n_max;  /* that there may be */
};

/*
 * keep_names_init - begin with none
 *
 * @n_files: how many files a process may have open, the keeper and its primaries alike
 */
void keep_names_init(struct keep_names *k, size_t n_files);
void keep_names_done(struct keep_names *k);

/* 0, also for one that is there; -EMFILE where there may be no more, -ENOMEM. */
int keep_names_add(struct keep_names *k, const char *name);

/* One that isn't there may be dropped, too. */
void keep_names_drop(struct keep_names *k, const char *name);

/*
 * Whether one more run of a worker would find room for all that will have a name: so that it
 * is not started to be refused its port. Those that have begun get theirs first.
 */
bool keep_names_has_room(const struct keep_names *k);

#endif
