/* See trap.h. */
#include "trap.h"

#include <errno.h>
#include <linux/filter.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel_help.h"

int trap_filter(int call, uint32_t action, unsigned long flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };
	long result;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	return result < 0 ? -errno : (int)result;
}

int trap_enter(int line)
{
	int notify_fd = trap_filter(SYS_listen, SECCOMP_RET_USER_NOTIF,
				    SECCOMP_FILTER_FLAG_NEW_LISTENER |
					    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);

	child_tell(line, notify_fd);
	if (notify_fd < 0)
		return notify_fd;
	(void)child_hear(line);
	(void)close(notify_fd);
	return 0;
}

int trap_start(struct child *c, int (*body)(int line, int argument), int argument)
{
	int notify_fd;

	child_start(c, body, argument);
	notify_fd = child_hear(c->line);
	ck_assert_int_ge(notify_fd, 0);
	notify_fd = child_copy_fd(c, notify_fd);
	ck_assert_int_ge(notify_fd, 0);
	child_tell(c->line, 0);
	return notify_fd;
}

int trap_call(int a, int b)
{
	long result = syscall(SYS_listen, a, b);

	return result < 0 ? -errno : (int)result;
}

int trap_receive(int notify_fd, struct seccomp_notif *ret_call)
{
	struct seccomp_notif call = { 0 };

	if (ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_RECV, &call))
		return -errno;
	*ret_call = call;
	return 0;
}

int trap_answer(int notify_fd, uint64_t id, int value)
{
	struct seccomp_notif_resp answer = { .id = id, .val = value };

	return ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_SEND, &answer) ? -errno : 0;
}

int trap_still_waits(int notify_fd, uint64_t id)
{
	return ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) ? -errno : 0;
}

void trap_await(int notify_fd, struct seccomp_notif *ret_call)
{
	int error;

	do {
		error = trap_receive(notify_fd, ret_call);
	} while (error == -ENOENT);
	ck_assert_int_eq(error, 0);
}
