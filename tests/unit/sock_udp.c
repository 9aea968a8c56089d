/*
 * Claiming an address for datagrams, and what that means for everybody else who wants it.
 */
#include "os/sock_udp.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <poll.h>

#include "base/own.h"
#include "own_network.h"
#include "run_suite.h"

static struct addr udp(const char *text, uint16_t port)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(text, &a), ADDR_OK);
	a.port = port;
	return a;
}

static uint16_t port_of(int fd)
{
	struct sock_facts facts;
	struct addr a;

	ck_assert_int_eq(sock_facts(fd, &facts), 0);
	ck_assert_int_eq(sock_bound_to(fd, &facts, &a), 0);
	return a.port;
}

/* A socket at @a with this option; -errno where it cannot be bound. */
static int try_bind(const struct addr *a, int option)
{
	own_fd fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	ck_assert_int_ge(fd, 0);
	if (option)
		ck_assert_int_eq(sock_set_option(fd, SOL_SOCKET, option, 1), 0);
	r = sock_bind(fd, a);
	return r < 0 ? r : take_fd(&fd);
}

static uint16_t free_port(void)
{
	struct addr any = udp("udp:127.0.0.1:1", 0);
	own_fd fd = try_bind(&any, 0);

	return port_of(fd);
}

static int claim(const struct addr *a)
{
	int fd = NO_FD;

	ck_assert_int_eq(sock_udp_claim(a, NULL, false, &fd), 0);
	return fd;
}

static void send_to(const struct addr *a)
{
	own_fd fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage bytes;
	socklen_t size = addr_to_sockaddr(a, &bytes);

	ck_assert_int_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)&bytes, size), 1);
}

static bool has_datagram(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

START_TEST(what_anybody_has_cannot_be_claimed)
{
	static const int options[] = { 0, SO_REUSEADDR, SO_REUSEPORT };

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		struct addr any = udp("udp:127.0.0.1:1", 0);
		own_fd theirs = try_bind(&any, options[i]);
		struct addr a = udp("udp:0.0.0.0:1", port_of(theirs));
		int fd = NO_FD;

		ck_assert_int_eq(sock_udp_claim(&a, NULL, false, &fd), -EADDRINUSE);
		ck_assert_int_eq(sock_udp_claim_alone(&a, false, &fd), -EADDRINUSE);
		ck_assert_int_eq(sock_udp_hold(a.port, &fd), -EADDRINUSE);
	}
}
END_TEST

START_TEST(what_we_have_claimed_only_a_member_of_the_group_gets)
{
	struct addr a = udp("udp:127.0.0.1:1", free_port());
	own_fd ours = claim(&a);
	own_fd member = NO_FD;

	ck_assert_int_eq(try_bind(&a, 0), -EADDRINUSE);
	ck_assert_int_eq(try_bind(&a, SO_REUSEADDR), -EADDRINUSE);
	member = try_bind(&a, SO_REUSEPORT);
	ck_assert_int_ge(member, 0);
	ck_assert_int_ge(ours, 0);
}
END_TEST

START_TEST(what_comes_to_a_claim_is_forgotten)
{
	struct addr a = udp("udp:127.0.0.1:1", free_port());
	own_fd ours = claim(&a);

	send_to(&a);
	ck_assert(!has_datagram(ours));
}
END_TEST

START_TEST(a_socket_for_all_has_a_queue_and_no_door)
{
	struct addr a = udp("udp:127.0.0.1:1", free_port());
	struct sock_queue queue;
	own_fd fd = NO_FD;

	ck_assert_int_eq(sock_udp_claim_alone(&a, false, &fd), 0);
	ck_assert_int_eq(try_bind(&a, SO_REUSEPORT), -EADDRINUSE);
	ck_assert_int_eq(sock_udp_queue(fd, &queue), 0);
	ck_assert_uint_eq(queue.n_waiting, 0);
	send_to(&a);
	ck_assert(has_datagram(fd));
	ck_assert_int_eq(sock_udp_queue(fd, &queue), 0);
	ck_assert_uint_gt(queue.n_waiting, 0);
	ck_assert_uint_gt(queue.n_max, queue.n_waiting);
}
END_TEST

START_TEST(a_held_number_is_nobodys_until_it_is_claimed_beside_it)
{
	struct addr a = udp("udp:127.0.0.1:1", free_port());
	own_fd held = NO_FD, ours = NO_FD;

	ck_assert_int_eq(sock_udp_hold(a.port, &held), 0);
	ck_assert_int_eq(try_bind(&a, SO_REUSEADDR), -EADDRINUSE);
	ck_assert_int_eq(sock_udp_claim(&a, NULL, true, &ours), -EADDRINUSE);
	ck_assert_int_eq(sock_loosen(held), 0);
	ck_assert_int_eq(sock_udp_claim(&a, NULL, true, &ours), 0);
	drop_fd(&held);
	ck_assert_int_eq(try_bind(&a, SO_REUSEADDR), -EADDRINUSE);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_anybody_has_cannot_be_claimed,
		what_we_have_claimed_only_a_member_of_the_group_gets,
		what_comes_to_a_claim_is_forgotten,
		a_socket_for_all_has_a_queue_and_no_door,
		a_held_number_is_nobodys_until_it_is_claimed_beside_it,
	};

	return RUN_SUITE("sock_udp", tests);
}
