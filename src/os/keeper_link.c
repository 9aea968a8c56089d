/*
 * Messages with a descriptor, over a SOCK_SEQPACKET socket.
 */
#include "os/keeper_link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/own.h"
#include "os/fault.h"

/*
 * Room for one descriptor, aligned as the kernel wants it. CMSG_SPACE() would leave room
 * for a second; the kernel closes those that have none.
 */
union control {
	char room[CMSG_LEN(sizeof(int))];
	struct cmsghdr aligned;
};

#define ROOM_MAX_MS 5000 /* a keeper that reads nothing for so long is stopped, or worse */

/* A loop that watches the link has made it non-blocking. */
static bool has_room(int link_fd)
{
	struct pollfd p = { .fd = link_fd, .events = POLLOUT };

	return poll(&p, 1, ROOM_MAX_MS) > 0;
}

int keeper_link_send(int link_fd, const struct keeper_message *m, int fd)
{
	struct keeper_message copy = *m;
	union control control = { 0 };
	struct iovec data = { &copy, sizeof(copy) };
	struct msghdr h = { .msg_iov = &data, .msg_iovlen = 1 };
	ssize_t n;

	copy.magic = KEEPER_MAGIC;
	copy.version = KEEPER_VERSION;
	if (fd >= 0) {
		struct cmsghdr *c;

		h.msg_control = control.room;
		h.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	do
		n = sendmsg(link_fd, &h, MSG_NOSIGNAL);
	while (n < 0 && (errno == EINTR || (errno == EAGAIN && has_room(link_fd))));
	if (n < 0)
		return -errno;
	fault_point("keeper_link_send");
	return 0;
}

static bool is_good(const struct keeper_message *m, ssize_t n)
{
	return n == (ssize_t)sizeof(*m) && m->magic == KEEPER_MAGIC &&
	       m->version == KEEPER_VERSION && memchr(m->name, '\0', sizeof(m->name));
}

int keeper_link_receive(int link_fd, bool may_wait, struct keeper_message *ret_message, int *ret_fd)
{
	struct keeper_message m;
	union control control;
	struct iovec data = { &m, sizeof(m) };
	struct msghdr h = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	/* The size is told as it was sent: a message that is longer than ours is none. */
	const int flags = MSG_TRUNC | MSG_CMSG_CLOEXEC | (may_wait ? 0 : MSG_DONTWAIT);
	own_fd fd = NO_FD;
	struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(link_fd, &h, flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -EPIPE;
	fault_point("keeper_link_receive");
	c = CMSG_FIRSTHDR(&h);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
	if (!is_good(&m, n))
		return -EPROTO;
	*ret_message = m;
	*ret_fd = take_fd(&fd);
	return 0;
}
