/*
 * One message at a time, in or out, with at most one descriptor; nothing waits.
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

/*
 * channel_send - send a message, and a copy of @fd with it unless that is NO_FD
 *
 * Returns 0; -EAGAIN when the primary must read first, -EPIPE or -ECONNRESET when it reads no
 * more; -ETOOMANYREFS, -ENOMEM or -ENOBUFS for now.
 */
int channel_send(int channel_fd, const struct keeper_message *message, int fd);

#endif
