/*
 * SCM_RIGHTS, which is the same each time.
 */
#include "os/rights.h"

#include <string.h>
#include <sys/socket.h>

#include "base/own.h"

/*
 * Room for one descriptor, aligned as the kernel wants it. CMSG_SPACE() would leave room
 * for a second; the kernel closes those that have none.
 */
union control {
	char room[CMSG_LEN(sizeof(int))];
	struct cmsghdr header;
};

int rights_send(int socket_fd, const void *bytes, size_t size, int fd, int flags)
{
	struct iovec data = { (void *)bytes, size };
	union control control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
					      .cmsg_level = SOL_SOCKET,
					      .cmsg_type = SCM_RIGHTS } };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
		m.msg_control = control.room;
		m.msg_controllen = sizeof(control.room);
	}
	return sendmsg(socket_fd, &m, MSG_NOSIGNAL | flags) < 0 ? -errno : 0;
}

ssize_t rights_receive(int socket_fd, void *bytes, size_t size, int flags, int *ret_fd)
{
	struct iovec data = { bytes, size };
	union control control;
	struct msghdr m = { .msg_iov = &data,
			    .msg_iovlen = 1,
			    .msg_control = control.room,
			    .msg_controllen = sizeof(control.room) };
	ssize_t n = recvmsg(socket_fd, &m, MSG_CMSG_CLOEXEC | flags);
	int fd = NO_FD;

	if (n < 0)
		return -errno;
	if (m.msg_controllen == sizeof(control.room) && control.header.cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(int));
	if (m.msg_flags & MSG_CTRUNC && fd < 0)
		fd = -EMFILE;
	if (m.msg_flags & MSG_CTRUNC && fd >= 0) {
		drop_fd(&fd);
		fd = -E2BIG;
	}
	*ret_fd = fd;
	return n;
}
