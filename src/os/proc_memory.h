/*
 * How much memory a process tree has.
 *
 * What several processes share counts once: the kernel gives each its part of it (PSS).
 * To ask for that takes the kernel some 10 ms per GiB, so it's asked only of a tree whose
 * pages, those that are shared counted over and over (RSS), are more than what matters.
 * What was swapped out is memory, too.
 */
#ifndef BERTH_OS_PROC_MEMORY_H
#define BERTH_OS_PROC_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "os/tree.h"

/*
 * proc_memory_of_tree - how much memory all of a tree has
 *
 * @enough_bytes: less than this need not be exact: it may be said to be more than it is
 *
 * Of processes that we may not look into, what they share counts in full. Returns 0;
 * -ESRCH if nobody is left; another -errno if /proc cannot be read. Any thread. May wait for a
 * process's memory: not for the primary's loop.
 */
int proc_memory_of_tree(const struct tree *t, uint64_t enough_bytes, uint64_t *ret_bytes);

/*
 * proc_memory_parse - the sum of two lines of /proc/PID/status or smaps_rollup
 *
 * @first, @second: their names, such as "VmRSS"; @second may be missing
 *
 * False if @first is missing or no number of kB. Any thread. Never blocks.
 */
bool proc_memory_parse(const char *text, const char *first, const char *second,
		       uint64_t *ret_bytes);

#endif
