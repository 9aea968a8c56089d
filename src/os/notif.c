/*
 * Seccomp's user notifications: each function is one ioctl.
 */
#include "os/notif.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

/* A later kernel's notification may be longer than the one that we were built with. */
union notif_buffer {
	struct seccomp_notif notif;
	char room[512];
};

/* Whether there is a call to receive: 0, -ENOENT if there is none, -ENODEV if there'll be none. */
static int check_readable(int notif_fd)
{
	struct pollfd p = { .fd = notif_fd, .events = POLLIN };

	if (poll(&p, 1, 0) < 0)
		return -errno;
	if (p.revents & POLLIN)
		return 0;
	return p.revents & (POLLHUP | POLLERR) ? -ENODEV : -ENOENT;
}

int notif_receive(int notif_fd, struct notif_call *ret_call)
{
	union notif_buffer b;
	/* When the last caller has gone, kernels before 6.11 would let us wait for ever. */
	int r = check_readable(notif_fd);

	if (r < 0)
		return r;
	memset(&b, 0, sizeof(b)); /* the kernel insists */
	if (ioctl(notif_fd, SECCOMP_IOCTL_NOTIF_RECV, &b.notif) < 0)
		return -errno;
	ret_call->id = b.notif.id;
	ret_call->tid = (pid_t)b.notif.pid;
	ret_call->number = b.notif.data.nr;
	for (int i = 0; i < 6; i++)
		ret_call->args[i] = b.notif.data.args[i];
	return 0;
}

int notif_still_waits(int notif_fd, uint64_t id)
{
	if (ioctl(notif_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return 0;
}

static int respond(int notif_fd, const struct seccomp_notif_resp *answer)
{
	union {
		struct seccomp_notif_resp resp;
		char room[512];
	} b = { .resp = *answer };

	return ioctl(notif_fd, SECCOMP_IOCTL_NOTIF_SEND, &b.resp) < 0 ? -errno : 0;
}

int notif_answer(int notif_fd, uint64_t id, int result)
{
	struct seccomp_notif_resp answer = { .id = id, .error = result < 0 ? result : 0 };

	return respond(notif_fd, &answer);
}

int notif_pass(int notif_fd, uint64_t id)
{
	struct seccomp_notif_resp answer = {
		.id = id,
		.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE,
	};

	return respond(notif_fd, &answer);
}

static int add_fd(int notif_fd, const struct seccomp_notif_addfd *request)
{
	struct seccomp_notif_addfd copy = *request;

	return ioctl(notif_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &copy) < 0 ? -errno : 0;
}

int notif_put_fd(int notif_fd, uint64_t id, int fd, int target, bool cloexec)
{
	struct seccomp_notif_addfd request = {
		.id = id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (uint32_t)fd,
		.newfd = (uint32_t)target,
		.newfd_flags = cloexec ? O_CLOEXEC : 0,
	};

	return add_fd(notif_fd, &request);
}

int notif_answer_fd(int notif_fd, uint64_t id, int fd, bool cloexec)
{
	struct seccomp_notif_addfd request = {
		.id = id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = (uint32_t)fd,
		.newfd_flags = cloexec ? O_CLOEXEC : 0,
	};

	return add_fd(notif_fd, &request);
}

bool notif_is_deserted(int notif_fd)
{
	return check_readable(notif_fd) == -ENODEV;
}
