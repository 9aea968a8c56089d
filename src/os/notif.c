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
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/own.h"
#include "os/fault.h"

/* A later kernel's notification may be longer than the one that we were built with. */
union notif_buffer {
	struct seccomp_notif notif;
	char room[512];
};

struct notif_record {
	uint64_t run;
	union notif_buffer received; /* its id is 0 while there is none */
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

int notif_record_new(int *fd, struct notif_record **ret_record)
{
	own_fd fresh = NO_FD;
	struct stat st;
	void *p;

	if (*fd < 0) {
		fresh = memfd_create("berth-trapped", MFD_CLOEXEC);
		if (fresh < 0 || ftruncate(fresh, sizeof(struct notif_record)) < 0)
			return -errno;
	} else if (fstat(*fd, &st) < 0 || st.st_size != (off_t)sizeof(struct notif_record)) {
		return -EINVAL;
	}
	p = mmap(NULL, sizeof(struct notif_record), PROT_READ | PROT_WRITE, MAP_SHARED,
		 *fd < 0 ? fresh : *fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	if (*fd < 0)
		*fd = take_fd(&fresh);
	*ret_record = p;
	return 0;
}

struct notif_record *notif_record_free(struct notif_record *r)
{
	if (r)
		(void)munmap(r, sizeof(*r));
	return NULL;
}

static void copy_call(const struct seccomp_notif *notif, struct notif_call *ret_call)
{
	ret_call->id = notif->id;
	ret_call->tid = (pid_t)notif->pid;
	ret_call->number = notif->data.nr;
	for (int i = 0; i < 6; i++)
		ret_call->args[i] = notif->data.args[i];
}

bool notif_record_find(const struct notif_record *r, uint64_t *ret_run, struct notif_call *ret_call)
{
	if (!r->received.notif.id)
		return false;
	*ret_run = r->run;
	copy_call(&r->received.notif, ret_call);
	return true;
}

void notif_record_clear(struct notif_record *r)
{
	memset(&r->received, 0, sizeof(r->received));
	fault_point("notif_record_clear");
}

int notif_receive(int notif_fd, struct notif_record *record, uint64_t run,
		  struct notif_call *ret_call)
{
	/* When the last caller has gone, kernels before 6.11 would let us wait for ever. */
	int r = check_readable(notif_fd);

	if (r < 0)
		return r;
	notif_record_clear(record); /* the kernel insists on zeros */
	record->run = run;
	if (ioctl(notif_fd, SECCOMP_IOCTL_NOTIF_RECV, &record->received.notif) < 0)
		return -errno;
	fault_point("notif_receive");
	copy_call(&record->received.notif, ret_call);
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

	if (ioctl(notif_fd, SECCOMP_IOCTL_NOTIF_SEND, &b.resp) < 0)
		return -errno;
	fault_point("notif_answer");
	return 0;
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

	if (ioctl(notif_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &copy) < 0)
		return -errno;
	fault_point("notif_add_fd");
	return 0;
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
