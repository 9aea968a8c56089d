/*
 * Accepts for libmicrohttpd, which stops listening when descriptors run out, and begins again
 * only when one of its own connections ends. See door.h.
 */
#include "control/door.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/container_of.h"
#include "base/own.h"

#define PAUSE_MS 100
#define RESERVE  8

static void on_connect(uv_poll_t *poll, int status, int events);

static void watch(struct door *door)
{
	if (!door->is_shut)
		(void)uv_poll_start(&door->poll, UV_READABLE, on_connect);
}

static void on_pause_over(uv_timer_t *pause)
{
	watch(container_of(pause, struct door, pause));
}

static void on_connect(uv_poll_t *poll, int status, int events)
{
	struct door *door = container_of(poll, struct door, poll);
	own_fd fd = accept4(door->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)status;
	(void)events;
	if (fd >= 0) {
		door->on_client(door, take_fd(&fd));
		return;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	/* until then it would only fail again, and again at once */
	(void)uv_poll_stop(&door->poll);
	(void)uv_timer_start(&door->pause, on_pause_over, PAUSE_MS, 0);
	door->on_client(door, NO_FD);
}

int door_init(struct door *door, uv_loop_t *loop, int listen_fd, door_client *on_client)
{
	int err;

	*door = (struct door){ .listen_fd = listen_fd, .on_client = on_client };
	err = uv_poll_init(loop, &door->poll, listen_fd);
	if (err)
		return err;
	(void)uv_timer_init(loop, &door->pause);
	watch(door);
	return 0;
}

void door_shut(struct door *door)
{
	door->is_shut = true;
	(void)uv_poll_stop(&door->poll);
}

void door_open(struct door *door)
{
	if (!door->is_shut)
		return;
	door->is_shut = false;
	if (!uv_is_active((uv_handle_t *)&door->pause))
		watch(door);
}

bool door_is_narrow(int fd)
{
	struct rlimit files;

	/* the lowest free number is what a descriptor gets */
	return getrlimit(RLIMIT_NOFILE, &files) == 0 && (rlim_t)fd + RESERVE >= files.rlim_cur;
}

void door_done(struct door *door, uv_close_cb on_closed, void *data)
{
	door->poll.data = data;
	door->pause.data = data;
	uv_close((uv_handle_t *)&door->poll, on_closed);
	uv_close((uv_handle_t *)&door->pause, on_closed);
}
