/*
 * Messages with a descriptor, over a SOCK_SEQPACKET socket.
 */
#include "os/keeper_link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/own.h"
#include "os/fault.h"
#include "os/rights.h"

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
	int r;

	copy.magic = KEEPER_MAGIC;
	copy.version = KEEPER_VERSION;
	do
		r = rights_send(link_fd, &copy, sizeof(copy), fd, 0);
	while (r == -EINTR || (r == -EAGAIN && has_room(link_fd)));
	if (r < 0)
		return r;
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
	/* The size is told as it was sent: a message that is longer than ours is none. */
	const int flags = MSG_TRUNC | (may_wait ? 0 : MSG_DONTWAIT);
	own_fd fd = NO_FD;
	ssize_t n;

	do
		n = rights_receive(link_fd, &m, sizeof(m), flags, &fd);
	while (n == -EINTR);
	if (n < 0)
		return (int)n;
	if (n == 0)
		return -EPIPE;
	fault_point("keeper_link_receive");
	if (fd == -EMFILE)
		return fd;
	if (!is_good(&m, n) || fd == -E2BIG)
		return -EPROTO;
	*ret_message = m;
	*ret_fd = take_fd(&fd);
	return 0;
}
