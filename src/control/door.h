/*
 * The door of the control API: accepts who connects, one at a time, and goes on doing so
 * after descriptors have run out.
 *
 * It belongs to the loop's thread; nothing blocks.
 */
#ifndef BERTH_CONTROL_DOOR_H
#define BERTH_CONTROL_DOOR_H

#include <stdbool.h>
#include <uv.h>

#define DOOR_HANDLES 2

struct door;

/* @fd: the client's, whoever is called owns it; NO_FD: no descriptor is left for the next one */
typedef void door_client(struct door *door, int fd);

struct door {
	int listen_fd;
	door_client *on_client;
	uv_poll_t poll;
	uv_timer_t pause;
	bool is_shut;
};

/*
 * door_init - begin to accept
 *
 * @listen_fd:  listening, non-blocking; stays yours, open until door_done()
 *
 * Returns 0, or -errno and there's nothing to close.
 */
int door_init(struct door *door, uv_loop_t *loop, int listen_fd, door_client *on_client);

/* Who connects from now on waits until door_open(). */
void door_shut(struct door *door);
void door_open(struct door *door);

/*
 * door_is_narrow - whether a descriptor is among the last ones that this process may have
 *
 * These are not for clients: what is controlled needs some for its own work.
 */
bool door_is_narrow(int fd);

/* @on_closed is called DOOR_HANDLES times, with handles whose data is @data. */
void door_done(struct door *door, uv_close_cb on_closed, void *data);

#endif
