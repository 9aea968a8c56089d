/*
 * Which primary is meant.
 */
#ifndef BERTH_PROG_CLIENT_FIND_H
#define BERTH_PROG_CLIENT_FIND_H

#include "control/control_socket.h"
#include "prog/client.h"

/*
 * client_find - find the socket of a primary
 *
 * @who:       how a complaint begins: "berth ps"
 * @name:      the app's, or NULL for the only one that runs
 * @ret_path:  written on CLIENT_DONE only
 *
 * Sockets that were left behind do not count. Where none runs and one is just starting, that
 * is waited for, 3 s at most. Returns CLIENT_DONE; else the exit code, and
 * the reason has been said on standard error: none runs, or there are several and these are
 * their names. Main thread only. Blocks as file systems do.
 */
enum client_exit client_find(const char *who, const char *name,
			     char ret_path[static CONTROL_PATH_MAX]);

#endif
