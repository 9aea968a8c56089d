/*
 * One message over a Unix socket, with at most one descriptor. Needs libc only: the
 * keeper has it, too.
 */
#ifndef BERTH_OS_RIGHTS_H
#define BERTH_OS_RIGHTS_H

#include <stddef.h>
#include <sys/types.h>

/*
 * rights_send - send a message, and a copy of a descriptor with it
 *
 * @fd:     stays yours; NO_FD for none
 * @flags:  as for send(); nobody gets a SIGPIPE in any case
 *
 * Returns 0 or -errno, as sendmsg() gives it. Async-signal-safe; any thread.
 */
int rights_send(int socket_fd, const void *bytes, size_t size, int fd, int flags);

/*
 * rights_receive - receive a message, and the descriptor that came with it
 *
 * @flags:   as for recv(); with MSG_TRUNC the size is told as it was sent
 * @ret_fd:  yours, close-on-exec. NO_FD for none; -EMFILE for one that we had no place for,
 *           and -E2BIG where more than one came: they are closed
 *
 * Returns the size of the message, 0 at the end, or -errno, as recvmsg() gives it. Any thread.
 */
ssize_t rights_receive(int socket_fd, void *bytes, size_t size, int flags, int *ret_fd);

#endif
