/*
 * A worker's process tree: its leader, and everything that came of it, however
 * it tried to get away (a new session, a second fork).
 */
#ifndef BERTH_OS_TREE_H
#define BERTH_OS_TREE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * tree_signal - send @signal to all of a tree but its leader
 *
 * @leader: its pid, also when it is dead and reaped; it led a session of its own
 * @mark:   "NAME=value" in the environment that the leader was started with
 *
 * We must be the subreaper of the tree: what lost its parent is our child then,
 * and is told from others by its session or by the mark. A process that forks
 * meanwhile may be missed: call again until the tree is gone. Returns how many
 * were signalled, or -errno if /proc cannot be read.
 */
int tree_signal(pid_t leader, const char *mark, int signal);

#endif
