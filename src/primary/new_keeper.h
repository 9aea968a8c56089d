/*
 * A new keeper in the place of a dead one.
 */
#ifndef BERTH_PRIMARY_NEW_KEEPER_H
#define BERTH_PRIMARY_NEW_KEEPER_H

#include <sys/types.h>

#include "os/spawn.h"

/*
 * new_keeper_start - start a keeper that keeps us
 *
 * @argv:         our own command line: what it starts our successors with
 * @inherited:    what the keeper before got from our user, and this one gets
 * @ret_link_fd:  our end of the channel to it, yours
 * @ret_pid:      the keeper
 *
 * It stands beside us, not below: when we die, it doesn't. Returns 0 or -errno.
 * Main thread only. Blocks for as long as two forks take.
 */
int new_keeper_start(char *const *argv, const struct spawn_inherited *inherited, int *ret_link_fd,
		     pid_t *ret_pid);

#endif
