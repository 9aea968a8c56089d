/*
 * Whether a berth is just starting.
 */
#ifndef BERTH_PROG_CLIENT_STARTING_H
#define BERTH_PROG_CLIENT_STARTING_H

#include <stdbool.h>

/*
 * client_starting - whether a `berth run` began a moment ago that will have its socket where
 * ours would be
 *
 * Only of processes whose environment we may read. False where that can't be found out. May
 * wait for a process's memory: for the command line.
 */
bool client_starting(void);

#endif
