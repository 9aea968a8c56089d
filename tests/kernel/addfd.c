/*
 * What the kernel promises about descriptors that the answer to a trapped call
 * puts into the worker: how a worker without privileges gets the shared
 * listening socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "kernel_help.h"
#include "net.h"
#include "trap.h"

/* What a trapped worker knows of a descriptor: its port, and whether exec() closes it. */
static void tell_about(int line, int fd)
{
	child_tell(line, net_port(fd));
	child_tell(line, fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

/* Makes the trapped call with a socket of its own; then looks at that and serves one client. */
static int worker(int line, int with_cloexec)
{
	int fd = socket(AF_INET, SOCK_STREAM | (with_cloexec ? SOCK_CLOEXEC : 0), 0);

	if (trap_enter(line))
		return EXIT_FAILURE;
	child_tell(line, trap_call(fd, 1));
	tell_about(line, fd);
	child_tell(line, net_accept(fd) >= 0);
	return 0;
}

/* Answers @call by putting @fd over the worker's descriptor @newfd. */
static int put_over(int notify_fd, const struct seccomp_notif *call, int fd, int newfd_flags)
{
	struct seccomp_notif_addfd put = {
		.id = call->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (uint32_t)fd,
		.newfd = (uint32_t)call->data.args[0],
		.newfd_flags = (uint32_t)newfd_flags,
	};
	int result = ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &put);

	return result < 0 ? -errno : result;
}

static void expect_shared_listener(int newfd_flags)
{
	struct child c;
	struct seccomp_notif call;
	int listener = net_listener(AT_V4, 0, 0);
	int notify_fd = trap_start(&c, worker, !newfd_flags); /* the worker's own differs */

	ck_assert_int_eq(trap_receive(notify_fd, &call), 0);
	ck_assert_int_eq(put_over(notify_fd, &call, listener, newfd_flags), (int)call.data.args[0]);
	ck_assert_int_eq(trap_still_waits(notify_fd, call.id), 0);
	ck_assert_int_eq(trap_answer(notify_fd, call.id, 0), 0);

	ck_assert_int_eq(child_hear(c.line), 0);
	ck_assert_int_eq(child_hear(c.line), net_port(listener));
	ck_assert_int_eq(child_hear(c.line), newfd_flags ? FD_CLOEXEC : 0);
	(void)net_client(AT_V4, net_port(listener));
	ck_assert_int_eq(child_hear(c.line), 1);
}

START_TEST(a_listener_put_over_the_workers_descriptor_is_what_the_worker_accepts_on)
{
	expect_shared_listener(0);
}
END_TEST

START_TEST(a_descriptor_put_over_another_is_closed_on_exec_if_we_say_so)
{
	expect_shared_listener(O_CLOEXEC);
}
END_TEST

/* Makes the trapped call and looks at the descriptor that it was answered. */
static int descriptor_asker(int line, int argument)
{
	int fd;

	if (trap_enter(line))
		return EXIT_FAILURE;
	fd = trap_call(argument, 1);
	tell_about(line, fd);
	return 0;
}

START_TEST(a_descriptor_can_be_added_and_be_the_answer_in_one_step)
{
	struct child c;
	struct seccomp_notif call;
	struct seccomp_notif_addfd add = { .flags = SECCOMP_ADDFD_FLAG_SEND };
	int listener = net_listener(AT_V4, 0, 0);
	int notify_fd = trap_start(&c, descriptor_asker, 0);

	ck_assert_int_eq(trap_receive(notify_fd, &call), 0);
	add.id = call.id;
	add.srcfd = (uint32_t)listener;
	ck_assert_int_ge(ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add), 0);
	ck_assert_int_eq(trap_answer(notify_fd, call.id, 0), -ENOENT); /* it is answered */
	ck_assert_int_eq(child_hear(c.line), net_port(listener));
	ck_assert_int_eq(child_hear(c.line), 0);
}
END_TEST

START_TEST(adding_a_descriptor_to_a_killed_caller_fails_with_enoent)
{
	struct child c;
	struct seccomp_notif call;
	int notify_fd = trap_start(&c, descriptor_asker, 0);

	ck_assert_int_eq(trap_receive(notify_fd, &call), 0);
	child_kill(&c);
	ck_assert_int_ne(help_poll(c.pidfd, POLLIN, HELP_DEADLINE_MS), 0);
	ck_assert_int_eq(put_over(notify_fd, &call, notify_fd, 0), -ENOENT);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_listener_put_over_the_workers_descriptor_is_what_the_worker_accepts_on,
		a_descriptor_put_over_another_is_closed_on_exec_if_we_say_so,
		a_descriptor_can_be_added_and_be_the_answer_in_one_step,
		adding_a_descriptor_to_a_killed_caller_fails_with_enoent,
	};

	return help_run("addfd", tests, ARRAY_SIZE(tests));
}
