/*
 * The file of a shared Unix socket.
 *
 * A program unlinks the path before it binds; with several workers that would
 * cut off those who listen already. So the socket has a second name beside its
 * first, ".NAME.berth-PID", from which the first is made again.
 */
#ifndef BERTH_OS_UNIX_PATH_H
#define BERTH_OS_UNIX_PATH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/addr.h"
#include "os/peek.h"

struct unix_path {
	char *first;  /* NULL for an abstract name */
	char *second; /* NULL if the file system has no links: then it can't be made again */
	dev_t device;
	ino_t inode;
};

/*
 * unix_path_init - note the file that the bound socket at @a has, and give it its second name
 *
 * 0 or -errno; unix_path_done() it either way.
 */
int unix_path_init(struct unix_path *p, const struct addr *a);

/* Removes both names, the first only if it is still ours. */
void unix_path_done(struct unix_path *p);

/* Makes the first name again if it was unlinked. -EADDRINUSE: something else is there now. */
int unix_path_restore(const struct unix_path *p);

/* Gives the file to whom it would belong, had the worker made it. */
void unix_path_chown(const struct unix_path *p, const struct peek_identity *owner);

/* Removes a socket file that nobody listens at any more; true if there was one. */
bool unix_path_remove_stale(const struct addr *a);

#endif
