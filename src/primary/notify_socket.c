/*
 * Looks at each datagram first, and takes it when it was dealt with. So a kill between
 * the two loses nothing.
 *
 * There's never room for a descriptor: those that come with a datagram stay in the
 * kernel, which closes them with it. That is also what sd_notify_barrier() waits for.
 */
#include "primary/notify_socket.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/addr.h"
#include "base/container_of.h"
#include "base/own.h"
#include "os/sock.h"

#define UNIX_PREFIX "unix:" /* of addr_text(), and not of NOTIFY_SOCKET */

struct notify_socket {
	const struct notify_events *events;
	void *data;
	uv_poll_t poll;
	int fd;
	char name[NOTIFY_NAME_MAX];
};

/* Room for the sender, and not for a descriptor behind that. */
union control {
	char room[CMSG_LEN(sizeof(struct ucred))];
	struct cmsghdr aligned;
};

_Static_assert(NOTIFY_NAME_MAX > ADDR_UNIX_MAX, "any name that a socket may have");

/* Looks at the next datagram. Returns its true size, or -errno. */
static ssize_t look(int fd, char *ret_bytes, size_t size, struct notify_told *ret_told)
{
	struct iovec data = { ret_bytes, size };
	union control control;
	struct msghdr h = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	ssize_t n = recvmsg(fd, &h, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c;

	if (n < 0)
		return -errno;
	ret_told->had_descriptors = (h.msg_flags & MSG_CTRUNC) != 0;
	c = CMSG_FIRSTHDR(&h);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS &&
	    c->cmsg_len == CMSG_LEN(sizeof(struct ucred)))
		memcpy(&ret_told->sender, CMSG_DATA(c), sizeof(struct ucred));
	return n;
}

/* The one that look() has seen: nobody else reads here. */
static void take(int fd)
{
	struct msghdr h = { 0 };

	(void)recvmsg(fd, &h, MSG_DONTWAIT);
}

/* Deals with one datagram. Returns whether there may be more. */
static bool serve_one(struct notify_socket *n)
{
	char bytes[NOTIFY_SIZE_MAX];
	struct notify_message message;
	struct notify_told told = { 0 };
	ssize_t size = look(n->fd, bytes, sizeof(bytes), &told);

	if (size < 0)
		return size == -EINTR;
	/* One outside of our pid namespace has no number here: none of ours. */
	if (told.sender.pid > 0) {
		told.verdict = notify_message_parse(bytes, (size_t)size, &message);
		told.message = told.verdict == NOTIFY_OK ? &message : NULL;
		n->events->told(n->data, &told);
	}
	if (n->fd < 0)
		return false; /* freed */
	take(n->fd);
	return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct notify_socket *n = container_of(poll, struct notify_socket, poll);
	unsigned n_left = NOTIFY_AT_ONCE;

	(void)status;
	(void)events;
	/* Who floods us waits for the others in the loop; and, its queue full, for us. */
	while (n_left > 0 && serve_one(n))
		n_left--;
}

int notify_socket_open(const char *app, int *ret_fd)
{
	own_fd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct addr a = { .family = AF_UNIX };
	uint64_t number;
	int r;

	if (fd < 0)
		return -errno;
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
		return -errno;
	/* A first byte of 0; a number that nobody else has, or could take before us. */
	r = snprintf(a.u.path + 1, sizeof(a.u.path) - 1, "berth/%s/%016" PRIx64, app, number);
	if (r < 0 || (size_t)r >= sizeof(a.u.path) - 1)
		return -ENAMETOOLONG;
	a.unix_len = (uint16_t)(r + 1);
	/* Before it has a name, so that nothing comes without its sender. */
	r = sock_set_option(fd, SOL_SOCKET, SO_PASSCRED, 1);
	if (r == 0)
		r = sock_bind(fd, &a);
	if (r < 0)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}

static int read_name(int fd, char ret_name[static NOTIFY_NAME_MAX])
{
	char text[ADDR_TEXT_MAX];
	struct sock_facts facts;
	struct addr a;
	int r = sock_facts(fd, &facts);

	if (r == 0 && (facts.family != AF_UNIX || facts.type != SOCK_DGRAM))
		r = -EINVAL;
	if (r == 0)
		r = sock_bound_to(fd, &facts, &a);
	if (r == 0 && a.unix_len == 0)
		r = -EINVAL;
	if (r < 0)
		return r;
	(void)snprintf(ret_name, NOTIFY_NAME_MAX, "%s", addr_text(&a, text) + strlen(UNIX_PREFIX));
	return 0;
}

int notify_socket_new(uv_loop_t *loop, int fd, const struct notify_events *events, void *data,
		      struct notify_socket **ret_socket)
{
	struct notify_socket *n = calloc(1, sizeof(*n));
	int r = n ? read_name(fd, n->name) : -ENOMEM;

	if (r == 0)
		r = uv_poll_init(loop, &n->poll, fd);
	if (r < 0) {
		free(n);
		return r;
	}
	n->fd = fd;
	n->events = events;
	n->data = data;
	(void)uv_poll_start(&n->poll, UV_READABLE, on_readable);
	*ret_socket = n;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(container_of((uv_poll_t *)handle, struct notify_socket, poll));
}

struct notify_socket *notify_socket_free(struct notify_socket *n)
{
	if (!n)
		return NULL;
	uv_close((uv_handle_t *)&n->poll, on_closed);
	drop_fd(&n->fd);
	return NULL;
}

int notify_socket_fd(const struct notify_socket *n)
{
	return n->fd;
}

const char *notify_socket_name(const struct notify_socket *n)
{
	return n->name;
}
