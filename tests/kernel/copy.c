/*
 * What the kernel promises about a worker's socket that the primary copies,
 * uses and drops again: what is done to the copy is done to the worker's, and
 * the copy keeps nothing alive once it is closed.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "kernel_help.h"
#include "net.h"
#include "steering.h"

enum order {
	SAY_PORT,
	SAY_LISTENING,
	CLOSE,
	ACCEPT,
	SHUT_DOWN,
};

/* A worker with one socket, which it neither binds nor listens on itself. */
static int worker(int line, int with)
{
	int fd = net_socket(AT_V4, (unsigned)with);

	child_tell(line, fd);
	for (;;) {
		int order = child_hear(line);

		if (order == SAY_PORT)
			child_tell(line, net_port(fd));
		else if (order == SAY_LISTENING)
			child_tell(line, net_is_listening(fd));
		else if (order == CLOSE)
			child_tell(line, close(fd));
		else if (order == ACCEPT)
			child_tell(line, net_accept(fd));
		else if (order == SHUT_DOWN)
			child_tell(line, shutdown(fd, SHUT_RD));
		else
			return order;
	}
}

static int ask(const struct child *c, enum order order)
{
	child_tell(c->line, order);
	return child_hear(c->line);
}

/* Starts a worker and copies its socket. */
static int copy_of_worker(struct child *ret_worker, unsigned with)
{
	int copy;

	child_start(ret_worker, worker, (int)with);
	copy = child_copy_fd(ret_worker, child_hear(ret_worker->line));
	ck_assert_int_ge(copy, 0);
	return copy;
}

START_TEST(a_bind_of_the_copy_binds_the_workers_socket)
{
	struct child w;
	int copy = copy_of_worker(&w, 0);

	ck_assert_int_eq(ask(&w, SAY_PORT), 0);
	ck_assert_int_eq(net_bind(copy, AT_V4, 0), 0);
	ck_assert_int_gt(net_port(copy), 0);
	ck_assert_int_eq(ask(&w, SAY_PORT), net_port(copy));
}
END_TEST

START_TEST(a_listen_on_the_copy_makes_the_workers_socket_listen)
{
	struct child w;
	int copy = copy_of_worker(&w, 0);

	ck_assert_int_eq(net_bind(copy, AT_V4, 0), 0);
	ck_assert_int_eq(ask(&w, SAY_LISTENING), 0);
	ck_assert_int_eq(net_listen(copy), 0);
	ck_assert_int_eq(ask(&w, SAY_LISTENING), 1);
}
END_TEST

START_TEST(a_worker_serves_on_after_the_copy_was_closed)
{
	struct child w;
	int copy = copy_of_worker(&w, 0);
	uint16_t port;

	ck_assert_int_eq(net_bind(copy, AT_V4, 0), 0);
	ck_assert_int_eq(net_listen(copy), 0);
	port = net_port(copy);
	(void)close(copy);

	ck_assert_int_eq(ask(&w, SAY_LISTENING), 1);
	(void)net_client(AT_V4, port);
	ck_assert_int_ge(ask(&w, ACCEPT), 0);
}
END_TEST

START_TEST(a_port_is_free_at_once_when_the_worker_closes_and_no_copy_is_held)
{
	struct child w;
	uint16_t port;
	int copy;

	NEEDS(net_lacks_own_namespace());
	copy = copy_of_worker(&w, 0);
	ck_assert_int_eq(net_bind(copy, AT_V4, 0), 0);
	ck_assert_int_eq(net_listen(copy), 0);
	port = net_port(copy);
	(void)close(copy);

	ck_assert_int_eq(ask(&w, CLOSE), 0);
	ck_assert_int_eq(net_connect(AT_V4, port), -ECONNREFUSED);
	(void)net_listener(AT_V4, port, 0);
}
END_TEST

START_TEST(a_copy_that_is_held_keeps_the_port_listening_when_the_worker_closes)
{
	struct child w;
	int copy = copy_of_worker(&w, 0);

	ck_assert_int_eq(net_bind(copy, AT_V4, 0), 0);
	ck_assert_int_eq(net_listen(copy), 0);
	ck_assert_int_eq(ask(&w, CLOSE), 0);
	(void)net_client(AT_V4, net_port(copy));
	(void)close(net_accept(copy));
}
END_TEST

START_TEST(a_listener_that_another_holder_shut_down_hangs_up_and_listens_again_when_told)
{
	struct child w;
	uint16_t port;
	int copy = copy_of_worker(&w, WITH_REUSEPORT); /* first, so that it holds no anchor */
	int anchor = net_anchor(AT_V4, &port);

	ck_assert_int_eq(net_bind(copy, AT_V4, port), 0);
	ck_assert_int_eq(net_listen(copy), 0);
	(void)close(anchor);
	ck_assert_int_eq(help_poll(copy, POLLIN, 0), 0);

	ck_assert_int_eq(ask(&w, SHUT_DOWN), 0);
	ck_assert_int_eq(help_poll(copy, POLLIN, HELP_DEADLINE_MS) & POLLHUP, POLLHUP);
	ck_assert_int_eq(net_connect(AT_V4, port), -ECONNREFUSED);

	ck_assert_int_eq(net_listen(copy), 0);
	ck_assert_int_eq(help_poll(copy, POLLIN, 0), 0);
	(void)net_client(AT_V4, port);
	ck_assert_int_ge(ask(&w, ACCEPT), 0);
}
END_TEST

/* A worker in entry 0 of a group, of whose socket no copy is held. */
static int group_with_worker(struct steering *ret_s, struct child *ret_worker, uint16_t *ret_port)
{
	int copy =
		copy_of_worker(ret_worker, WITH_REUSEPORT); /* first, so that it holds no anchor */
	int anchor;

	ck_assert_int_eq(steering_init(ret_s, false), 0);
	anchor = steering_anchor(ret_s, ret_port);
	ck_assert_int_eq(net_bind(copy, AT_V4, *ret_port), 0);
	ck_assert_int_eq(net_listen(copy), 0);
	ck_assert_int_eq(steering_put(ret_s, 0, copy), 0);
	(void)close(copy);

	ck_assert(steering_has(ret_s, 0));
	(void)net_client(AT_V4, *ret_port);
	ck_assert_int_ge(ask(ret_worker, ACCEPT), 0);
	return anchor;
}

START_TEST(a_close_by_the_worker_takes_it_out_of_group_and_map_before_it_returns)
{
	struct steering s;
	struct child w;
	uint16_t port;
	int anchor;

	NEEDS(help_lacks_steering());
	anchor = group_with_worker(&s, &w, &port);

	ck_assert_int_eq(ask(&w, CLOSE), 0);
	ck_assert(!steering_has(&s, 0));
	(void)net_client(AT_V4, port);
	(void)close(net_accept(anchor));
	steering_done(&s);
}
END_TEST

START_TEST(a_killed_worker_is_out_of_group_and_map_when_its_pidfd_says_so)
{
	struct steering s;
	struct child w;
	uint16_t port;
	int anchor;

	NEEDS(help_lacks_steering());
	anchor = group_with_worker(&s, &w, &port);

	child_kill(&w);
	ck_assert_int_ne(help_poll(w.pidfd, POLLIN, HELP_DEADLINE_MS), 0);
	ck_assert(!steering_has(&s, 0));
	(void)net_client(AT_V4, port);
	(void)close(net_accept(anchor));
	steering_done(&s);
}
END_TEST

START_TEST(an_entry_whose_worker_left_takes_the_next_one)
{
	struct steering s;
	struct child w;
	uint16_t port;
	int berth;

	NEEDS(help_lacks_steering());
	(void)group_with_worker(&s, &w, &port);
	ck_assert_int_eq(ask(&w, CLOSE), 0);

	berth = steering_berth(&s, port, 0);
	(void)net_client(AT_V4, port);
	(void)close(net_accept(berth));
	steering_done(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_bind_of_the_copy_binds_the_workers_socket,
		a_listen_on_the_copy_makes_the_workers_socket_listen,
		a_worker_serves_on_after_the_copy_was_closed,
		a_port_is_free_at_once_when_the_worker_closes_and_no_copy_is_held,
		a_copy_that_is_held_keeps_the_port_listening_when_the_worker_closes,
		a_listener_that_another_holder_shut_down_hangs_up_and_listens_again_when_told,
		a_close_by_the_worker_takes_it_out_of_group_and_map_before_it_returns,
		a_killed_worker_is_out_of_group_and_map_when_its_pidfd_says_so,
		an_entry_whose_worker_left_takes_the_next_one,
	};

	return help_run("copy", tests, ARRAY_SIZE(tests));
}
