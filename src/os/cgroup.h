/*
 * Which cgroup of version 2 this process is in, and so are those that it starts.
 */
#ifndef BERTH_OS_CGROUP_H
#define BERTH_OS_CGROUP_H

#include <limits.h>

struct cgroup_place {
	const char *root;    /* where the hierarchy is mounted, alone or beside version 1; static */
	char path[PATH_MAX]; /* from there, beginning with '/' */
};

/* The mounted hierarchy of version 2; NULL where there's none. Any thread. */
const char *cgroup_root(void);

/* Returns 0; -ENOENT where version 2 is not mounted; another -errno. Any thread. */
int cgroup_own(struct cgroup_place *ret_place);

/*
 * cgroup_open - the directory of our own cgroup, as a descriptor
 *
 * @ret_fd: the caller's
 *
 * Returns 0; as cgroup_own(); -ENOENT also for a cgroup that cannot be seen from here.
 */
int cgroup_open(int *ret_fd);

#endif
