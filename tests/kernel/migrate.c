/*
 * What the kernel promises about connections that a listener leaves behind
 * when it closes: a group with an sk_reuseport/migrate program hands each of
 * them, with what the client has sent, to the listener that the program names.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "kernel_help.h"
#include "net.h"
#include "steering.h"

#define N_CLIENTS 20

/* Connects @n clients one after another; each sends its number. */
static void queue_clients(uint16_t port, int listener, int n)
{
	for (int i = 0; i < n; i++) {
		int client = net_client(AT_V4, port);

		ck_assert_int_eq(send(client, &i, sizeof(i), 0), sizeof(i));
		net_await_delivery(client);
	}
	net_await_queue(listener, (unsigned)n);
}

/* Accepts @n connections and expects their clients' numbers, each once. */
static void expect_clients(int listener, int n)
{
	unsigned long seen = 0;

	for (int i = 0; i < n; i++) {
		int fd = net_accept(listener);
		int number = -1;

		ck_assert_int_eq(recv(fd, &number, sizeof(number), 0), sizeof(number));
		ck_assert_int_ge(number, 0);
		ck_assert_int_lt(number, n);
		seen |= 1UL << number;
		(void)close(fd);
	}
	ck_assert_uint_eq(seen, (1UL << n) - 1);
}

START_TEST(a_closing_listeners_queue_moves_with_its_data_to_the_listener_selected)
{
	struct steering s;
	uint16_t port;
	int berths[2];

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	(void)steering_anchor(&s, &port);
	berths[0] = steering_berth(&s, port, 0);
	berths[1] = steering_berth(&s, port, 1);
	queue_clients(port, berths[0], N_CLIENTS);

	s.state->want = 1;
	(void)close(berths[0]);
	ck_assert_uint_eq(s.state->n_migrations, N_CLIENTS); /* before close() returned */
	expect_clients(berths[1], N_CLIENTS);
	steering_done(&s);
}
END_TEST

START_TEST(a_listener_that_is_shut_down_hands_its_queue_on_too)
{
	struct steering s;
	uint16_t port;
	int berths[2];

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	(void)steering_anchor(&s, &port);
	berths[0] = steering_berth(&s, port, 0);
	berths[1] = steering_berth(&s, port, 1);
	queue_clients(port, berths[0], N_CLIENTS);

	s.state->want = 1;
	ck_assert_int_eq(shutdown(berths[0], SHUT_RD), 0);
	expect_clients(berths[1], N_CLIENTS);
	steering_done(&s);
}
END_TEST

START_TEST(the_queue_moves_to_the_anchor_when_no_berth_is_left)
{
	struct steering s;
	uint16_t port;
	int anchor;
	int berth;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	anchor = steering_anchor(&s, &port);
	berth = steering_berth(&s, port, 0);
	queue_clients(port, berth, N_CLIENTS);

	(void)close(berth);
	expect_clients(anchor, N_CLIENTS);
	steering_done(&s);
}
END_TEST

/* A worker with a berth, at which it never accepts. */
static int idle_worker(int line, int port)
{
	child_tell(line, net_listener(AT_V4, (uint16_t)port, WITH_REUSEPORT));
	return child_hear(line);
}

START_TEST(the_queue_of_a_killed_worker_has_moved_when_its_pidfd_says_that_it_ended)
{
	struct steering s;
	struct child w;
	uint16_t port;
	int anchor;
	int copy;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	anchor = steering_anchor(&s, &port);
	child_start(&w, idle_worker, port);
	copy = child_copy_fd(&w, child_hear(w.line));
	ck_assert_int_eq(steering_put(&s, 0, copy), 0);
	queue_clients(port, copy, N_CLIENTS);
	(void)close(copy);

	child_kill(&w);
	ck_assert_int_ne(help_poll(w.pidfd, POLLIN, HELP_DEADLINE_MS), 0);
	ck_assert_uint_eq(s.state->n_migrations, N_CLIENTS);
	expect_clients(anchor, N_CLIENTS);
	steering_done(&s);
}
END_TEST

START_TEST(an_anchor_replaced_in_its_entry_and_closed_hands_its_queue_to_a_berth)
{
	struct steering s;
	uint16_t port;
	int old_anchor;
	int new_anchor;
	int berth;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	old_anchor = steering_anchor(&s, &port);
	queue_clients(port, old_anchor, N_CLIENTS);
	berth = steering_berth(&s, port, 0);

	new_anchor = steering_berth(&s, port, STEERING_ANCHOR);
	(void)close(old_anchor);
	ck_assert(steering_has(&s, STEERING_ANCHOR));
	expect_clients(berth, N_CLIENTS);
	ck_assert_int_eq(help_poll(new_anchor, POLLIN, 0), 0);
	steering_done(&s);
}
END_TEST

START_TEST(a_queue_can_move_again_and_again)
{
	struct steering s;
	uint16_t port;
	int holder;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	holder = steering_anchor(&s, &port);
	queue_clients(port, holder, N_CLIENTS);

	for (uint32_t i = 0; i < 10; i++) {
		int next = steering_berth(&s, port, i % 2);

		s.state->want = i % 2;
		(void)close(holder);
		net_await_queue(next, N_CLIENTS);
		holder = next;
	}
	expect_clients(holder, N_CLIENTS);
	steering_done(&s);
}
END_TEST

START_TEST(a_handshake_that_a_closing_listener_left_half_done_is_finished_by_another)
{
	struct steering s;
	uint16_t port;
	int wait_for_data_s = 30;
	int number = 0;
	int berths[2];
	int client;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	(void)steering_anchor(&s, &port);
	berths[0] = steering_berth(&s, port, 0);
	berths[1] = steering_berth(&s, port, 1);

	/* the kernel ignores the ACK that has no data, as if it had been lost */
	ck_assert_int_eq(setsockopt(berths[0], IPPROTO_TCP, TCP_DEFER_ACCEPT, &wait_for_data_s,
				    sizeof(wait_for_data_s)),
			 0);
	client = net_client(AT_V4, port);
	s.state->want = 1;
	(void)close(berths[0]);
	ck_assert_uint_eq(s.state->n_migrations, 0);

	ck_assert_int_eq(send(client, &number, sizeof(number), 0), sizeof(number));
	expect_clients(berths[1], 1);
	ck_assert_uint_eq(s.state->n_migrations, 1);
	steering_done(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_closing_listeners_queue_moves_with_its_data_to_the_listener_selected,
		a_listener_that_is_shut_down_hands_its_queue_on_too,
		the_queue_moves_to_the_anchor_when_no_berth_is_left,
		the_queue_of_a_killed_worker_has_moved_when_its_pidfd_says_that_it_ended,
		an_anchor_replaced_in_its_entry_and_closed_hands_its_queue_to_a_berth,
		a_queue_can_move_again_and_again,
		a_handshake_that_a_closing_listener_left_half_done_is_finished_by_another,
	};

	return help_run("migrate", tests, ARRAY_SIZE(tests));
}
