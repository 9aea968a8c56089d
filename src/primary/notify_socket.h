/*
 * Where workers say that they are ready: the receiving end of NOTIFY_SOCKET, see
 * sd_notify(3).
 *
 * It has an abstract name, no path. A worker may have changed its root, its mounts or
 * its user before it says anything, and reaches that name all the same; nothing is left
 * behind in a directory by a kill. Whoever shares our network namespace may send: so
 * the kernel's word on the sender is what counts, and the owner of this believes those
 * only whom it knows as its workers'.
 *
 * The keeper holds the socket, and what was sent waits in it while there's no primary.
 */
#ifndef BERTH_PRIMARY_NOTIFY_SOCKET_H
#define BERTH_PRIMARY_NOTIFY_SOCKET_H

#include <sys/socket.h>
#include <uv.h>

#include "core/notify_message.h"

#define NOTIFY_NAME_MAX 110 /* of what stands in NOTIFY_SOCKET, with its NUL */
#define NOTIFY_AT_ONCE  16  /* datagrams that one turn of the loop takes */

struct notify_socket;

struct notify_told {
	struct ucred sender; /* as the kernel knows it; it may have ended meanwhile */
	enum notify_verdict verdict;
	const struct notify_message *message; /* NULL unless the verdict is NOTIFY_OK */
	bool had_descriptors;                 /* they were refused: closed, and never ours */
};

struct notify_events {
	/*
	 * Somebody has said something. It is taken off the socket after this has returned: what
	 * must outlive us is to be saved in here, and a successor may be told the same again.
	 * notify_socket_free() may be called in it.
	 */
	void (*told)(void *data, const struct notify_told *told);
};

/* All of these are for the primary's thread only. None blocks. */

/*
 * notify_socket_open - make a socket, for notify_socket_new() and for the keeper
 *
 * @app:     its name becomes part of the socket's
 * @ret_fd:  yours
 *
 * Returns 0 or -errno.
 */
int notify_socket_open(const char *app, int *ret_fd);

/*
 * notify_socket_new - listen to a socket that was made now, or by a predecessor
 *
 * @fd:         owned from now on, on success only
 * @events:     borrowed, as @data
 *
 * Returns 0; -ENOTSOCK or -EINVAL if @fd is no such socket; another -errno.
 */
int notify_socket_new(uv_loop_t *loop, int fd, const struct notify_events *events, void *data,
		      struct notify_socket **ret_socket);

/* Takes NULL, returns NULL. The memory goes when the loop has closed the handle. */
struct notify_socket *notify_socket_free(struct notify_socket *n);

/* For the keeper; borrowed. */
int notify_socket_fd(const struct notify_socket *n);

/* The value of NOTIFY_SOCKET: "@berth/web/...". Borrowed. */
const char *notify_socket_name(const struct notify_socket *n);

#endif
