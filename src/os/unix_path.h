/*
 * The file of a shared Unix socket.
 *
 * A program unlinks the path before it binds; with several workers that would
 * cut off those who listen already. So the socket has a second name beside its
 * first, ".NAME.berth-ORIGIN", from which the first is made again.
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
	bool has_owner;
	struct peek_identity owner; /* as whom everything is done at the path */
};

/*
 * unix_path_init - note the file that a socket has just been bound to, and give it its second name
 *
 * @a:       its address; copied
 * @origin:  a number that stands for this berth from its beginning to its end
 *
 * Returns 0; -ENOMEM, or -errno if the file isn't there. unix_path_done() it
 * either way. Primary's thread only, as all of these. They block as file systems do.
 */
int unix_path_init(struct unix_path *p, const struct addr *a, pid_t origin);

/* The file, as a predecessor of ours has noted it. */
struct unix_path_mark {
	dev_t device;
	ino_t inode;
	pid_t origin;
};

/* Goes on with a file that unix_path_init() noted, in another process. 0 or -ENOMEM. */
int unix_path_resume(struct unix_path *p, const struct addr *a, const struct unix_path_mark *mark);

/* Removes both names, the first only if it is still ours. Takes one that is all zero. */
void unix_path_done(struct unix_path *p);

/*
 * unix_path_restore - make the first name again if it was unlinked
 *
 * Returns 0, also if it is still there; -EADDRINUSE if something else is there
 * now, or if there's no second name; another -errno as link() gives it.
 */
int unix_path_restore(const struct unix_path *p);

/* From now on everything at the path is done as @owner would. */
void unix_path_set_owner(struct unix_path *p, const struct peek_identity *owner);

/* Removes a socket file that nobody listens at any more; true if there was one. */
bool unix_path_remove_stale(const struct addr *a);

#endif
