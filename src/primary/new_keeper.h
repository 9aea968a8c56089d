/*
 * A new keeper in the place of a dead one.
 */
#ifndef BERTH_PRIMARY_NEW_KEEPER_H
#define BERTH_PRIMARY_NEW_KEEPER_H

#include <sys/types.h>

#include "os/spawn.h"

/*
 * new_keeper_channel - make the channel to a keeper that is not there yet
 *
 * What is sent into @ret_ours waits for it; that it is to keep us is in there already. Both
 * ends are yours. @ret_n_messages: so many surely find room until somebody reads them. Returns 0 or -errno. Main thread only, as below. Does not block.
 */
int new_keeper_channel(int *ret_ours, int *ret_theirs, size_t *ret_n_messages);

/*
 * new_keeper_start - start a keeper that keeps us
 *
 * @argv:        our own command line: what it starts our successors with
 * @inherited:   what the keeper before got from our user, and this one gets
 * @channel_fd:  its end of the channel; stays yours, and should be closed afterwards
 * @ret_pid:     the keeper
 *
 * It stands beside us, not below: when we die, it doesn't. Returns 0 or -errno.
 * Blocks for as long as two forks take.
 */
int new_keeper_start(char *const *argv, const struct spawn_inherited *inherited, int channel_fd,
		     pid_t *ret_pid);

#endif
