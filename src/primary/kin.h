/*
 * Which berth a process belongs to: by name, by descent, by the pidfds that a
 * berth has of its workers, and by the mark that these were started with.
 *
 * Workers whose keeper was killed are children of init, or of the next subreaper: then
 * descent tells nothing any more, and the others do.
 */
#ifndef BERTH_PRIMARY_KIN_H
#define BERTH_PRIMARY_KIN_H

#include <stdbool.h>

#include "core/app_config.h"
#include "os/procfs.h"

/* All processes at one moment; kin_init() and kin_done(). */
struct kin {
	struct procfs_process *processes; /* by rising pid */
	size_t n, size;
	struct kin_watch *watches; /* who has a pidfd of whom */
	size_t n_watches, watches_size;
	bool is_blind; /* there is a berth whose workers nobody tells us */
};

/* What a process is to berth: @keeper is 0, and the texts are empty, where there's none. */
struct kin_berth {
	pid_t keeper;                      /* the process to end, so that all of it ends */
	char keeper_name[PROCFS_COMM_MAX]; /* as it is called now */
	char app[APP_NAME_MAX + 1];        /* empty where nobody tells */
	bool is_left_over;                 /* a worker, but its berth has died */
};

/*
 * kin_init - look at all processes
 *
 * Returns 0, -ENOMEM or -errno if /proc can't be read; kin_done() it on success only. Does
 * not block.
 */
int kin_init(struct kin *ret_kin);
void kin_done(struct kin *k);

/* Whether a process of this name is one of berth's own programs. */
bool kin_is_berth(const char *comm);
bool kin_is_keeper(const char *comm);

/*
 * kin_find - which berth a process is, or belongs to
 *
 * Blocks as kinship_app() does.
 */
void kin_find(const struct kin *k, pid_t pid, struct kin_berth *ret_berth);

#endif
