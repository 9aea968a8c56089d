/*
 * What is trusted about a message: nothing, before channel_accepts() has seen it.
 */
#include "keeper/channel.h"

#include <string.h>
#include <sys/socket.h>

#include "base/own.h"

/* Room for one descriptor. CMSG_SPACE() would leave room for a second; the kernel closes those
 * that find none.
 */
union control {
	char room[CMSG_LEN(sizeof(int))];
	struct cmsghdr header;
};

static bool is_name(const char name[KEEPER_NAME_SIZE])
{
	return name[0] && memchr(name, '\0', KEEPER_NAME_SIZE);
}

bool channel_accepts(const struct keeper_message *m, size_t size, bool has_fd)
{
	if (size != sizeof(*m) || m->magic != KEEPER_MAGIC || m->version != KEEPER_VERSION)
		return false;
	switch (m->type) {
	case KEEPER_STORE: return has_fd && is_name(m->name);
	case KEEPER_DROP: return !has_fd && is_name(m->name);
	case KEEPER_WATCH: return !has_fd && m->pid > 0;
	case KEEPER_FINISH: return !has_fd && m->number >= 0 && m->number <= 255;
	case KEEPER_DONE:
	case KEEPER_READY: return !has_fd;
	case KEEPER_PROGRAM:
	case KEEPER_ADOPT: return has_fd;
	default: return false;
	}
}

int channel_receive(int channel_fd, struct keeper_message *ret_message, int *ret_fd)
{
	struct keeper_message message;
	struct iovec data = { &message, sizeof(message) };
	union control control;
	struct msghdr m = { .msg_iov = &data,
			    .msg_iovlen = 1,
			    .msg_control = control.room,
			    .msg_controllen = sizeof(control.room) };
	ssize_t size = recvmsg(channel_fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC);
	own_fd fd = NO_FD;
	bool is_lost;

	if (size < 0)
		return -errno;
	if (size == 0)
		return -EPIPE; /* or an empty message, which is no better */
	if (m.msg_controllen == sizeof(control.room) && control.header.cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(int));
	is_lost = m.msg_flags & MSG_CTRUNC && fd < 0;
	if ((m.msg_flags & MSG_CTRUNC && !is_lost) || /* more than one */
	    !channel_accepts(&message, (size_t)size, is_lost || fd >= 0))
		return -EBADMSG;
	*ret_message = message;
	*ret_fd = is_lost ? -EMFILE : take_fd(&fd);
	return 0;
}

int channel_send(int channel_fd, const struct keeper_message *message, int fd)
{
	struct iovec data = { (void *)message, sizeof(*message) };
	union control control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
					      .cmsg_level = SOL_SOCKET,
					      .cmsg_type = SCM_RIGHTS } };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
		m.msg_control = control.room;
		m.msg_controllen = sizeof(control.room);
	}
	return sendmsg(channel_fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}
