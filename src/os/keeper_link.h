/*
 * The primary's end of the channel to its keeper: messages of one size, each with
 * at most one descriptor.
 */
#ifndef BERTH_OS_KEEPER_LINK_H
#define BERTH_OS_KEEPER_LINK_H

#include <stdbool.h>

#include "base/keeper_message.h"

/*
 * keeper_link_send - send one message
 *
 * @m:   its magic and version are filled in
 * @fd:  goes with it and stays yours; NO_FD for none
 *
 * Returns 0, or -errno: -EPIPE or -ECONNRESET when the keeper is dead. Waits for
 * the keeper, which is always quick; -EAGAIN if it reads nothing for 5 s. Any thread.
 */
int keeper_link_send(int link_fd, const struct keeper_message *m, int fd);

/*
 * keeper_link_receive - receive one message
 *
 * @may_wait:  wait for it; else -EAGAIN where there is none
 * @ret_fd:    yours, NO_FD where none came with it
 *
 * Returns 0; -EPIPE when the keeper is dead; -EPROTO for what is no message of
 * a keeper's; -EMFILE where a descriptor came that we had no place for; another -errno as
 * recvmsg() gives it. Any thread.
 */
int keeper_link_receive(int link_fd, bool may_wait, struct keeper_message *ret_message,
			int *ret_fd);

#endif
