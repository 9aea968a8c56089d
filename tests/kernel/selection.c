/*
 * What the kernel promises about steering: whom an sk_reuseport program
 * selects, how long it stays attached, and what it shares with us.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "kernel_help.h"
#include "net.h"
#include "steering.h"

#define N_REPLACEMENTS 2000

START_TEST(the_program_selects_listeners_by_their_entry_in_the_map)
{
	struct steering s;
	int listeners[3];
	uint16_t port;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	listeners[2] = steering_anchor(&s, &port);
	listeners[0] = steering_berth(&s, port, 5); /* entries out of the order of joining */
	listeners[1] = steering_berth(&s, port, 2);

	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t entries[] = { 5, 2, STEERING_ANCHOR };
		size_t counts[3];

		s.state->want = entries[i];
		(void)net_client(AT_V4, port);
		(void)net_client(AT_V4, port);
		net_accept_all(listeners, 3, 2, counts);
		ck_assert_uint_eq(counts[i], 2);
	}
	steering_done(&s);
}
END_TEST

START_TEST(a_member_that_is_not_in_the_map_gets_no_connection)
{
	struct steering s;
	int listeners[3];
	size_t counts[3];
	uint16_t port;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	listeners[0] = steering_anchor(&s, &port);
	listeners[1] = net_listener(AT_V4, port, WITH_REUSEPORT); /* the stranger */
	listeners[2] = steering_berth(&s, port, 0);

	for (unsigned i = 0; i < 32; i++)
		(void)net_client(AT_V4, port);
	net_accept_all(listeners, 3, 32, counts);
	ck_assert_uint_eq(counts[2], 32);
	steering_done(&s);
}
END_TEST

START_TEST(the_program_sees_family_and_port_of_the_group_it_serves)
{
	struct steering s;
	uint16_t port;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	(void)steering_anchor(&s, &port);
	(void)net_client(AT_V4, port);
	ck_assert_uint_eq(s.state->port_seen, port);
	ck_assert_uint_eq(s.state->family_seen, AF_INET);
	steering_done(&s);
}
END_TEST

START_TEST(a_dual_stack_group_is_steered_for_clients_of_both_families)
{
	struct steering s;
	int listeners[2];
	size_t counts[2];
	uint16_t port;

	NEEDS(help_lacks_steering());
	NEEDS(net_lacks_ipv6());
	ck_assert_int_eq(steering_init(&s, false), 0);
	listeners[0] = net_anchor(AT_DUAL, &port);
	ck_assert_int_eq(steering_attach(&s, listeners[0]), 0);
	listeners[1] = net_listener(AT_DUAL, port, WITH_REUSEPORT);
	ck_assert_int_eq(steering_put(&s, 0, listeners[1]), 0);

	(void)net_client(AT_V4, port);
	(void)net_client(AT_V6, port);
	net_accept_all(listeners, 2, 2, counts);
	ck_assert_uint_eq(counts[1], 2);
	ck_assert_uint_eq(s.state->family_seen, AF_INET6); /* the listener's, whoever the client */
	steering_done(&s);
}
END_TEST

START_TEST(a_program_that_drops_refuses_the_client_at_once)
{
	struct steering s;
	uint16_t port;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	(void)steering_anchor(&s, &port);
	s.state->drop = 1;
	ck_assert_int_eq(net_connect(AT_V4, port), -ECONNREFUSED);
	s.state->drop = 0;
	(void)net_client(AT_V4, port);
	steering_done(&s);
}
END_TEST

START_TEST(the_program_stays_as_long_as_one_member_lives_and_joiners_inherit_it)
{
	struct steering s;
	uint16_t port;
	int member;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	member = steering_anchor(&s, &port);

	for (unsigned i = 1; i <= 3; i++) {
		int joiner = net_listener(AT_V4, port, WITH_REUSEPORT);

		(void)close(member);
		ck_assert_int_eq(steering_put(&s, 0, joiner), 0);
		(void)net_client(AT_V4, port);
		(void)close(net_accept(joiner));
		ck_assert_uint_eq(s.state->n_runs, i);
		member = joiner;
	}
	steering_done(&s);
}
END_TEST

START_TEST(a_group_that_lost_all_members_has_to_be_given_its_program_again)
{
	struct steering s;
	uint16_t port;
	int anchor;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	anchor = steering_anchor(&s, &port);
	ck_assert_int_eq(shutdown(anchor, SHUT_RD), 0);
	ck_assert_int_eq(net_listen(anchor), 0);

	(void)net_client(AT_V4, port);
	(void)close(net_accept(anchor));
	ck_assert_uint_eq(s.state->n_runs, 0);

	ck_assert_int_eq(steering_attach(&s, anchor), 0);
	ck_assert_int_eq(steering_put(&s, STEERING_ANCHOR, anchor), 0);
	(void)net_client(AT_V4, port);
	(void)close(net_accept(anchor));
	ck_assert_uint_eq(s.state->n_runs, 1);
	steering_done(&s);
}
END_TEST

START_TEST(attaching_the_program_again_changes_nothing)
{
	struct steering s;
	uint16_t port;
	int anchor;
	int berth;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	anchor = steering_anchor(&s, &port);
	berth = steering_berth(&s, port, 0);
	ck_assert_int_eq(steering_attach(&s, berth), 0);
	ck_assert_int_eq(steering_attach(&s, anchor), 0);

	(void)net_client(AT_V4, port);
	(void)close(net_accept(berth));
	ck_assert_uint_eq(s.state->n_runs, 1);
	steering_done(&s);
}
END_TEST

START_TEST(a_listener_can_stand_in_one_entry_only)
{
	struct steering s;
	uint16_t port;
	int berth;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	(void)steering_anchor(&s, &port);
	berth = steering_berth(&s, port, 0);
	ck_assert_int_eq(steering_put(&s, 1, berth), -EBUSY);
	ck_assert(steering_has(&s, 0));
	ck_assert(!steering_has(&s, 1));
	steering_done(&s);
}
END_TEST

START_TEST(only_a_listening_socket_can_be_put_in_the_map)
{
	struct steering s;
	uint16_t port;
	int joiner;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	(void)steering_anchor(&s, &port);
	joiner = net_socket(AT_V4, WITH_REUSEPORT);
	ck_assert_int_eq(net_bind(joiner, AT_V4, port), 0);
	ck_assert_int_lt(steering_put(&s, 0, joiner), 0);
	ck_assert_int_eq(net_listen(joiner), 0);
	ck_assert_int_eq(steering_put(&s, 0, joiner), 0);
	steering_done(&s);
}
END_TEST

/* Connects without a pause until it is told to stop, and says how often it was refused. */
static int keep_connecting(int line, int port)
{
	int n_refused = 0;
	int n_done = 0;

	do {
		struct linger reset = { .l_onoff = 1 };
		int fd = net_connect(AT_V4, (uint16_t)port);

		n_refused += fd < 0;
		if (fd >= 0) {
			/* leaves no TIME_WAIT, of which a run would make thousands */
			(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
			(void)close(fd);
		}
		if (!n_done++)
			child_tell(line, 0);
	} while (!help_poll(line, POLLIN, 0));
	(void)child_hear(line); /* what is left unread resets the line */
	child_tell(line, n_refused);
	return 0;
}

static void accept_and_drop(int listener)
{
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0)
		(void)close(fd);
}

START_TEST(a_listener_that_takes_the_place_of_another_leaves_no_moment_without_one)
{
	struct steering s;
	struct child client;
	int listeners[2];
	uint16_t port;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	listeners[0] = steering_anchor(&s, &port);
	listeners[1] = net_listener(AT_V4, port, WITH_REUSEPORT);

	child_start(&client, keep_connecting, port);
	ck_assert_int_eq(child_hear(client.line), 0);
	for (unsigned i = 1; i <= N_REPLACEMENTS; i++) {
		ck_assert_int_eq(steering_put(&s, STEERING_ANCHOR, listeners[i % 2]), 0);
		accept_and_drop(listeners[0]);
		accept_and_drop(listeners[1]);
	}
	child_tell(client.line, 0);
	ck_assert_int_eq(child_hear(client.line), 0);
	ck_assert_int_eq(child_end(&client), 0);
	steering_done(&s);
}
END_TEST

START_TEST(each_side_sees_at_once_what_the_other_writes_to_the_mapped_state)
{
	struct steering s;
	int berths[2];
	uint16_t port;

	NEEDS(help_lacks_steering());
	ck_assert_int_eq(steering_init(&s, false), 0);
	(void)steering_anchor(&s, &port);
	berths[0] = steering_berth(&s, port, 0);
	berths[1] = steering_berth(&s, port, 1);

	for (unsigned i = 0; i < 100; i++) {
		s.state->want = i % 2;
		(void)close(net_client(AT_V4, port));
		ck_assert_uint_eq(s.state->n_runs, i + 1);
		(void)close(net_accept(berths[i % 2]));
	}
	steering_done(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_program_selects_listeners_by_their_entry_in_the_map,
		a_member_that_is_not_in_the_map_gets_no_connection,
		the_program_sees_family_and_port_of_the_group_it_serves,
		a_dual_stack_group_is_steered_for_clients_of_both_families,
		a_program_that_drops_refuses_the_client_at_once,
		the_program_stays_as_long_as_one_member_lives_and_joiners_inherit_it,
		a_group_that_lost_all_members_has_to_be_given_its_program_again,
		attaching_the_program_again_changes_nothing,
		a_listener_can_stand_in_one_entry_only,
		only_a_listening_socket_can_be_put_in_the_map,
		a_listener_that_takes_the_place_of_another_leaves_no_moment_without_one,
		each_side_sees_at_once_what_the_other_writes_to_the_mapped_state,
	};

	return help_run("selection", tests, ARRAY_SIZE(tests));
}
