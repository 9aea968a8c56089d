/*
 * The socket of the control API: where it is, how it is made, how it goes.
 *
 * Each app has one, NAME.sock, in a directory that only its user may enter:
 * $BERTH_RUNTIME_DIR where that is set; else /run/berth for root, and
 * $XDG_RUNTIME_DIR/berth for others.
 *
 * All calls: any thread that nobody else changes the environment beside.
 */
#ifndef BERTH_CONTROL_CONTROL_SOCKET_H
#define BERTH_CONTROL_CONTROL_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#define CONTROL_PATH_MAX        108 /* a path that fits into a Unix address, with its NUL */
#define CONTROL_DIRECTORIES_MAX 2
#define CONTROL_SOCKET_SUFFIX   ".sock"

/*
 * control_socket_directories - where a client looks for sockets
 *
 * @ret_directories:  $BERTH_RUNTIME_DIR alone; or the user's own, if any, and root's
 *
 * Returns how many there are. None needs to exist. Never blocks.
 */
size_t
control_socket_directories(char ret_directories[static CONTROL_DIRECTORIES_MAX][CONTROL_PATH_MAX]);

/*
 * control_socket_path - the path of an app's socket
 *
 * Returns 0, or -ENAMETOOLONG. Never blocks.
 */
int control_socket_path(const char *directory, const char *app_name,
			char ret_path[static CONTROL_PATH_MAX]);

/*
 * control_socket_open - make the socket of an app, and listen
 *
 * @app_name:  a valid one, see app_name.h
 * @ret_fd:    yours; non-blocking
 * @ret_path:  where it is
 *
 * Makes the directory if it isn't there, and replaces a socket that nobody listens at any
 * more. Returns 0; -EADDRINUSE if somebody does, or if there is another file; -ENOENT if
 * there's no directory to be had; -EPERM if others may change the directory; -ENAMETOOLONG;
 * another -errno as mkdir(), open(), bind() and their like give it. May block as the file
 * system does, and for as long as others of the same user do the same.
 */
int control_socket_open(const char *app_name, int *ret_fd, char ret_path[static CONTROL_PATH_MAX]);

/*
 * control_socket_own_path - where control_socket_open() makes the socket of an app
 *
 * Returns 0; -ENOENT if there's no directory to be had; -ENAMETOOLONG. Never blocks.
 */
int control_socket_own_path(const char *app_name, char ret_path[static CONTROL_PATH_MAX]);

/*
 * control_socket_is_at - whether the file at a path is a socket's
 *
 * @listen_fd:  the socket, or a copy of it
 *
 * Also true if that can't be found out. Never blocks.
 */
bool control_socket_is_at(const char *path, int listen_fd);

/*
 * control_socket_remove - remove the file of a socket, if it still is that socket's
 *
 * @path:       as control_socket_open() gave it
 * @listen_fd:  that socket, or a copy of it
 *
 * Blocks as control_socket_open() does.
 */
void control_socket_remove(const char *path, int listen_fd);

#endif
