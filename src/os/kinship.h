/*
 * What shows that a process was started by a berth, also when nothing of that
 * berth is its parent any more: the mark and the environment that it was started
 * with, and the pidfds that a berth has open.
 */
#ifndef BERTH_OS_KINSHIP_H
#define BERTH_OS_KINSHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * kinship_origin - which berth has started a process, or what it descends from
 *
 * Returns the pid that stands for that berth, which may have ended: see spawn_mark().
 * 0 if none has, or if nobody tells us. Any thread. Blocks as kinship_app() does.
 */
pid_t kinship_origin(pid_t pid);

/*
 * kinship_app - the BERTH_APP that a process was started with
 *
 * @ret_app:  as the process has it: anything may stand there; cut where it is too long
 *
 * Whoever writes his title over his environment has none. Returns whether there is one.
 * Any thread. May wait until memory is read back from swap; the kernel never waits for
 * a file here.
 */
bool kinship_app(pid_t pid, char *ret_app, size_t size);

/* Whether a keeper took the place of one that died. Blocks as kinship_app() does. Any thread. */
bool kinship_was_adopted(pid_t keeper);

typedef void kinship_visit(pid_t pid, void *arg);

/*
 * kinship_for_each_watched - visit every process that @pid has a pidfd of
 *
 * Returns 0; -EACCES or -EPERM if we may not look into @pid, -ENOENT or -ESRCH if it has
 * ended, another -errno. Any thread. Does not block.
 */
int kinship_for_each_watched(pid_t pid, kinship_visit *visit, void *arg);

#endif
