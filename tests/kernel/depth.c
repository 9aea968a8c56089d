/*
 * What the kernel promises about looking into accept queues: the steering
 * program reads how many connections wait at a listener, if it was loaded with
 * the right to read kernel structures; without that right, everything else
 * still loads.
 */
#include <errno.h>
#include <linux/capability.h>
#include <unistd.h>

#include "child.h"
#include "kernel_help.h"
#include "net.h"
#include "steering.h"

#define CAP_BIT(cap) (1ULL << (cap))

/* The depth that the program sees at @index while it sends a client to entry 1. */
static uint32_t depth_of(const struct steering *s, uint16_t port, uint32_t index)
{
	s->state->look_at = index;
	s->state->want = 1;
	(void)net_client(AT_V4, port);
	return s->state->depth_seen;
}

START_TEST(the_program_reads_how_many_connections_wait_at_a_listener)
{
	struct steering s;
	uint16_t port;
	int berth;

	NEEDS(help_lacks_depth());
	ck_assert_int_eq(steering_init(&s, true), 0);
	(void)steering_anchor(&s, &port);
	berth = steering_berth(&s, port, 0);
	(void)steering_berth(&s, port, 1);

	for (unsigned i = 0; i < 10; i++) {
		ck_assert_uint_eq(depth_of(&s, port, 0), i);
		s.state->want = 0;
		(void)net_client(AT_V4, port);
		net_await_queue(berth, i + 1);
	}
	for (unsigned i = 10; i-- > 0;) {
		(void)close(net_accept(berth));
		ck_assert_uint_eq(depth_of(&s, port, 0), i);
	}
	steering_done(&s);
}
END_TEST

START_TEST(the_program_sees_that_an_entry_is_empty)
{
	struct steering s;
	uint16_t port;
	int berth;

	NEEDS(help_lacks_depth());
	ck_assert_int_eq(steering_init(&s, true), 0);
	(void)steering_anchor(&s, &port);
	(void)steering_berth(&s, port, 1);
	ck_assert_uint_eq(depth_of(&s, port, 0), PROMISE_NO_SOCKET);
	berth = steering_berth(&s, port, 0);
	ck_assert_uint_eq(depth_of(&s, port, 0), 0);
	(void)close(berth);
	ck_assert_uint_eq(depth_of(&s, port, 0), PROMISE_NO_SOCKET);
	steering_done(&s);
}
END_TEST

/* Tells what loading a program gives with just the rights that plain steering needs. */
static int load_with_few_rights(int line, int with_depth)
{
	struct steering s;
	int error = help_keep_caps(CAP_BIT(CAP_BPF) | CAP_BIT(CAP_NET_ADMIN));

	if (!error)
		error = steering_init(&s, with_depth);
	child_tell(line, error);
	return 0;
}

START_TEST(steering_without_queue_depth_needs_no_more_than_cap_bpf_and_cap_net_admin)
{
	struct child c;

	NEEDS(help_lacks_steering());
	child_start(&c, load_with_few_rights, false);
	ck_assert_int_eq(child_hear(c.line), 0);
}
END_TEST

START_TEST(a_program_that_reads_queue_depth_is_refused_without_cap_perfmon)
{
	struct child c;
	int error;

	NEEDS(help_lacks_steering());
	child_start(&c, load_with_few_rights, true);
	error = child_hear(c.line);
	ck_assert_msg(error == -EACCES || error == -EPERM, "error %d", error);
}
END_TEST

/* The same with every right gone. */
static int load_with_no_rights(int line, int with_depth)
{
	struct steering s;
	int error = help_keep_caps(0);

	if (!error)
		error = steering_init(&s, with_depth);
	child_tell(line, error);
	return 0;
}

START_TEST(loading_a_program_without_rights_fails_with_eperm)
{
	struct child c;

	child_start(&c, load_with_no_rights, false);
	ck_assert_int_eq(child_hear(c.line), -EPERM);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_program_reads_how_many_connections_wait_at_a_listener,
		the_program_sees_that_an_entry_is_empty,
		steering_without_queue_depth_needs_no_more_than_cap_bpf_and_cap_net_admin,
		a_program_that_reads_queue_depth_is_refused_without_cap_perfmon,
		loading_a_program_without_rights_fails_with_eperm,
	};

	return help_run("depth", tests, ARRAY_SIZE(tests));
}
