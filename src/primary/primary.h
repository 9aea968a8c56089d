/*
 * The primary: claims the ports, starts the workers of one app and looks after
 * them until it is told to stop.
 */
#ifndef BERTH_PRIMARY_PRIMARY_H
#define BERTH_PRIMARY_PRIMARY_H

#include "core/app_config.h"

/* Exit codes that users may rely on. */
enum primary_exit {
	PRIMARY_DONE = 0,
	PRIMARY_FAILED = 1,
	PRIMARY_NOT_PERMITTED = 4,
	PRIMARY_PORT_HELD = 8,
	PRIMARY_NOT_EXECUTABLE = 126,
	PRIMARY_NOT_FOUND = 127,
};

/*
 * primary_run - run an app in the foreground
 *
 * @config: checked; stays yours
 *
 * Returns the exit code for the process, when all workers have ended: blocks
 * until then. Takes the process over: its signals, its children, its limit of
 * open files, its stdout and stderr. Main thread only.
 */
int primary_run(const struct app_config *config);

#endif
