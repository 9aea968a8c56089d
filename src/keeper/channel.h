/*
 * What a primary sends: one message at a time, with at most one descriptor.
 */
#ifndef BERTH_KEEPER_CHANNEL_H
#define BERTH_KEEPER_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/keeper_message.h"

/* Whether @size bytes at @m, with a descriptor or without, are what a primary may send. Pure. */
bool channel_accepts(const struct keeper_message *m, size_t size, bool has_fd);

/*
 * channel_receive - take the next message of the primary
 *
 * @ret_fd:  the caller's; -EMFILE if one was sent and we could take no more; NO_FD for none
 *
 * Returns 0; -EAGAIN when there is none now, -EPIPE when there will be none, -EBADMSG for one
 * that no primary sends; -ECONNRESET once when the primary left without reading all: try again.
 */
int channel_receive(int channel_fd, struct keeper_message *ret_message, int *ret_fd);

#endif
