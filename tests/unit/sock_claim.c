/*
 * Claiming and holding an address, and what that means for everybody else who
 * wants it.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/own.h"
#include "os/sock.h"
#include "own_network.h"
#include "run_suite.h"
#include "sock_help.h"

#define NOBODY 65534

/* --- claiming --- */

START_TEST(a_claimed_address_listens)
{
	struct addr a = any_port("127.0.0.1");
	struct sock_facts facts;
	int fd = claim(&a);

	ck_assert_int_eq(sock_facts(fd, &facts), 0);
	ck_assert(facts.is_listening);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(!sock_has_queue(fd));
	a = bound_to(fd);
	(void)connect_to(&a);
	ck_assert(sock_has_queue(fd));
}
END_TEST

START_TEST(what_anybody_listens_at_cannot_be_claimed)
{
	static const int options[] = { 0, SO_REUSEADDR, SO_REUSEPORT };

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		struct addr a = any_port("127.0.0.1");
		int fd = try_bind(&a, options[i]);

		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(sock_listen(fd, 1), 0);
		a = bound_to(fd);
		assert_not_claimed(&a, EADDRINUSE);
		a = at_port("0.0.0.0", a.port);
		assert_not_claimed(&a, EADDRINUSE);
		a = at_port("[::]", a.port);
		assert_not_claimed(&a, EADDRINUSE);
	}
}
END_TEST

START_TEST(what_we_have_claimed_others_can_only_share)
{
	struct addr a = any_port("127.0.0.1");
	int fd = claim(&a);

	a = bound_to(fd);
	assert_not_claimed(&a, EADDRINUSE);
	ck_assert_int_eq(try_bind(&a, 0), -EADDRINUSE);
	ck_assert_int_eq(try_bind(&a, SO_REUSEADDR), -EADDRINUSE);
	fd = try_bind(&a, SO_REUSEPORT);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(sock_listen(fd, 1), 0);
}
END_TEST

START_TEST(another_anchor_can_stand_beside_the_first)
{
	struct addr a = any_port("127.0.0.1");
	int first = claim(&a);
	int second = NO_FD;

	a = bound_to(first);
	ck_assert_int_eq(sock_join(&a, NULL, &second), 0);
	ck_assert_int_ne(second, first);
	ck_assert_uint_eq(bound_to(second).port, a.port);
	(void)close(first);
	(void)connect_to(&a);
	ck_assert(sock_has_queue(second));
}
END_TEST

START_TEST(an_anchor_does_not_stand_beside_a_stranger_that_shares_with_nobody)
{
	struct addr a = any_port("127.0.0.1");
	int fd = NO_FD;

	a = bound_to(try_bind(&a, 0));
	ck_assert_int_eq(sock_join(&a, NULL, &fd), -EADDRINUSE);
	ck_assert_int_eq(fd, NO_FD);
}
END_TEST

START_TEST(connections_that_are_over_do_not_block_a_claim)
{
	struct addr a = any_port("127.0.0.1");
	int client, server, fd;
	char byte;

	/* where nobody else can get the port between its two claims */
	if (!own_network_enter("connections_that_are_over_do_not_block_a_claim"))
		return;
	fd = claim(&a);
	a = bound_to(fd);
	client = connect_to(&a);
	server = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(server, 0);
	/* the side that closes first is the one that keeps TIME_WAIT */
	(void)close(server);
	ck_assert_int_eq(read(client, &byte, 1), 0);
	(void)close(client);
	(void)close(fd);
	(void)claim(&a);
}
END_TEST

START_TEST(dual_stack_and_v6only_are_claimed_as_they_are_asked_for)
{
	struct addr a = any_port("[::]");
	struct addr v4;
	int fd;

	/* where no client can have the same port at another address */
	if (!own_network_enter("dual_stack_and_v6only_are_claimed_as_they_are_asked_for"))
		return;
	a.v6only = true;
	fd = claim(&a);
	ck_assert_int_eq(get(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	v4 = at_port("0.0.0.0", bound_to(fd).port);
	(void)claim(&v4);

	a.v6only = false;
	fd = claim(&a);
	ck_assert_int_eq(get(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	v4 = at_port("0.0.0.0", bound_to(fd).port);
	assert_not_claimed(&v4, EADDRINUSE);
}
END_TEST

START_TEST(an_address_that_is_not_here_needs_the_workers_freebind)
{
	const struct sock_facts like = { .has_freebind = true };
	struct addr a = any_port("203.0.113.7");
	int fd = NO_FD;

	assert_not_claimed(&a, EADDRNOTAVAIL);
	ck_assert_int_eq(sock_claim(&a, &like, &fd), 0);
}
END_TEST

START_TEST(a_device_is_claimed_with_its_address)
{
	struct addr a = any_port("0.0.0.0");

	a.device = 1;
	ck_assert_uint_eq(bound_to(claim(&a)).device, 1);
}
END_TEST

START_TEST(a_privileged_port_is_refused_to_those_who_may_not)
{
	struct addr a = address("127.0.0.1:1");
	FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
	int first = 0;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%d", &first), 1); /* NOLINT(cert-err34-c): the kernel's */
	(void)fclose(file);
	if (first <= 1) {
		skip_test(__func__, "no port is privileged here");
		return;
	}
	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
	assert_not_claimed(&a, EACCES);
}
END_TEST

/* --- holding a port number --- */

START_TEST(a_held_port_is_closed_to_others_at_every_address)
{
	static const char *const hosts[] = { "127.0.0.1", "0.0.0.0", "[::1]", "[::]", "127.9.9.9" };
	int held = NO_FD;

	ck_assert_int_eq(sock_hold(0, &held), 0);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct addr a = at_port(hosts[i], bound_to(held).port);

		assert_not_claimed(&a, EADDRINUSE);
		ck_assert_int_eq(try_bind(&a, SO_REUSEADDR), -EADDRINUSE);
		ck_assert_int_eq(try_bind(&a, SO_REUSEPORT), -EADDRINUSE);
	}
}
END_TEST

START_TEST(a_held_port_refuses_connections)
{
	struct sockaddr_storage bytes;
	struct addr a;
	socklen_t size;
	int held = NO_FD;

	ck_assert_int_eq(sock_hold(0, &held), 0);
	a = at_port("127.0.0.1", bound_to(held).port);
	size = addr_to_sockaddr(&a, &bytes);
	ck_assert_int_lt(connect(make(AF_INET, SOCK_STREAM), (struct sockaddr *)&bytes, size), 0);
	ck_assert_int_eq(errno, ECONNREFUSED);
}
END_TEST

START_TEST(what_anybody_has_at_any_address_cannot_be_held)
{
	static const char *const hosts[] = { "127.0.0.1", "0.0.0.0", "[::1]", "[::]" };

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct addr a = any_port(hosts[i]);
		int fd = claim(&a);
		int held = NO_FD;

		ck_assert_int_eq(sock_hold(bound_to(fd).port, &held), -EADDRINUSE);
		ck_assert_int_eq(held, NO_FD);
	}
}
END_TEST

START_TEST(a_loosened_port_can_be_claimed_and_a_tightened_one_cannot)
{
	struct addr a;
	int held = NO_FD;
	int fd;

	ck_assert_int_eq(sock_hold(0, &held), 0);
	a = at_port("127.0.0.1", bound_to(held).port);
	ck_assert_int_eq(sock_loosen(held), 0);
	fd = claim(&a);
	(void)connect_to(&a);
	ck_assert(sock_has_queue(fd));
	(void)close(fd);

	ck_assert_int_eq(sock_tighten(held), 0);
	assert_not_claimed(&a, EADDRINUSE);
	ck_assert_int_eq(try_bind(&a, SO_REUSEADDR), -EADDRINUSE);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_claimed_address_listens,
		what_anybody_listens_at_cannot_be_claimed,
		what_we_have_claimed_others_can_only_share,
		another_anchor_can_stand_beside_the_first,
		an_anchor_does_not_stand_beside_a_stranger_that_shares_with_nobody,
		connections_that_are_over_do_not_block_a_claim,
		dual_stack_and_v6only_are_claimed_as_they_are_asked_for,
		an_address_that_is_not_here_needs_the_workers_freebind,
		a_device_is_claimed_with_its_address,
		a_privileged_port_is_refused_to_those_who_may_not,
		a_held_port_is_closed_to_others_at_every_address,
		a_held_port_refuses_connections,
		what_anybody_has_at_any_address_cannot_be_held,
		a_loosened_port_can_be_claimed_and_a_tightened_one_cannot,
	};

	return RUN_SUITE("sock_claim", tests);
}
