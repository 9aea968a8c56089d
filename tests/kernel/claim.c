/*
 * What the kernel promises about who may bind a port: that an exclusive claim
 * fails while anyone else listens, and that it can become a group which others
 * of the same user, and nobody else, may join.
 */
#include <errno.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel_help.h"
#include "net.h"

/* The first half of berth's claim: tells whether anyone holds the port. */
static int try_claim(enum net_place place, uint16_t port)
{
	int fd = net_socket(place, WITH_REUSEADDR);
	int error = net_bind(fd, place, port);

	(void)close(fd);
	return error;
}

/* Whatever options the holder of @held has, nobody may claim its port at @claimed. */
static void expect_conflict(enum net_place held, enum net_place claimed)
{
	for (unsigned with = 0; with <= (WITH_REUSEADDR | WITH_REUSEPORT); with++) {
		int holder = net_listener(held, 0, with);
		int error = try_claim(claimed, net_port(holder));

		ck_assert_msg(error == -EADDRINUSE, "place %d held with %u, place %d claimed: %d",
			      held, with, claimed, error);
		(void)close(holder);
	}
}

START_TEST(an_exclusive_bind_fails_while_anyone_listens_on_the_port)
{
	expect_conflict(AT_V4, AT_V4);
	expect_conflict(AT_V4, AT_V4_ANY);
	expect_conflict(AT_V4_ANY, AT_V4);
	expect_conflict(AT_V4_ANY, AT_V4_ANY);
}
END_TEST

START_TEST(an_exclusive_bind_fails_while_anyone_listens_on_the_port_with_ipv6)
{
	NEEDS(net_lacks_ipv6());
	expect_conflict(AT_V6, AT_V6_ANY);
	expect_conflict(AT_V6_ANY, AT_V6);
	expect_conflict(AT_V6, AT_DUAL);
	expect_conflict(AT_DUAL, AT_V6);
	expect_conflict(AT_DUAL, AT_DUAL);
}
END_TEST

START_TEST(an_exclusive_bind_fails_while_a_listener_of_the_other_family_covers_the_port)
{
	NEEDS(net_lacks_ipv6());
	expect_conflict(AT_V4, AT_DUAL);
	expect_conflict(AT_V4_ANY, AT_DUAL);
	expect_conflict(AT_DUAL, AT_V4);
	expect_conflict(AT_DUAL, AT_V4_ANY);
}
END_TEST

START_TEST(an_exclusive_bind_fails_while_a_group_of_several_listens)
{
	uint16_t port;
	int anchor = net_anchor(AT_V4, &port);
	int member = net_listener(AT_V4, port, WITH_REUSEADDR | WITH_REUSEPORT);

	ck_assert_int_eq(try_claim(AT_V4, port), -EADDRINUSE);
	ck_assert_int_eq(try_claim(AT_V4_ANY, port), -EADDRINUSE);
	(void)close(anchor);
	ck_assert_int_eq(try_claim(AT_V4, port), -EADDRINUSE);
	(void)close(member);
}
END_TEST

START_TEST(a_v6only_listener_leaves_the_port_free_for_ipv4)
{
	int holder;

	NEEDS(net_lacks_own_namespace());
	NEEDS(net_lacks_ipv6());
	holder = net_listener(AT_V6_ANY, 0, 0);
	ck_assert_int_eq(try_claim(AT_V4_ANY, net_port(holder)), 0);
	(void)close(holder);
}
END_TEST

START_TEST(connections_that_have_ended_do_not_keep_a_port_from_being_claimed)
{
	uint16_t port;
	int listener;
	int client;
	int served;

	NEEDS(net_lacks_own_namespace());
	listener = net_listener(AT_V4, 0, WITH_REUSEADDR);
	port = net_port(listener);
	client = net_client(AT_V4, port);
	served = net_accept(listener);
	(void)close(served); /* first, so that TIME_WAIT is on the server's side */
	ck_assert_int_ne(help_poll(client, POLLRDHUP, HELP_DEADLINE_MS), 0);
	(void)close(client);
	(void)close(listener);

	ck_assert_int_eq(try_claim(AT_V4, port), 0);
}
END_TEST

/* Sends all of the group's connections to the member that joined as number @index. */
static void select_member(int any_member, unsigned index)
{
	struct sock_filter choice = BPF_STMT(BPF_RET | BPF_K, index);
	struct sock_fprog program = { .len = 1, .filter = &choice };

	ck_assert_int_eq(setsockopt(any_member, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
				    sizeof(program)),
			 0);
}

START_TEST(an_exclusive_claim_that_then_sets_reuseport_becomes_a_group_that_others_join)
{
	int members[3];
	uint16_t port;

	members[0] = net_anchor(AT_V4, &port);
	members[1] = net_listener(AT_V4, port, WITH_REUSEPORT);
	members[2] = net_listener(AT_V4, port, WITH_REUSEPORT | WITH_REUSEADDR);

	for (unsigned i = 0; i < ARRAY_SIZE(members); i++) {
		size_t counts[ARRAY_SIZE(members)];
		int client;

		select_member(members[0], i);
		client = net_client(AT_V4, port);
		net_accept_all(members, ARRAY_SIZE(members), 1, counts);
		ck_assert_uint_eq(counts[i], 1);
		(void)close(client);
	}
}
END_TEST

START_TEST(a_dual_stack_claim_becomes_a_group_too)
{
	uint16_t port;
	int anchor;
	int member;
	int client;

	NEEDS(net_lacks_ipv6());
	anchor = net_anchor(AT_DUAL, &port);
	member = net_listener(AT_DUAL, port, WITH_REUSEPORT);
	select_member(anchor, 1);

	client = net_client(AT_V4, port);
	(void)close(net_accept(member));
	(void)close(client);
	client = net_client(AT_V6, port);
	(void)close(net_accept(member));
	(void)close(client);
}
END_TEST

START_TEST(a_stranger_without_reuseport_cannot_join_a_group)
{
	uint16_t port;
	int anchor = net_anchor(AT_V4, &port);
	int plain = net_socket(AT_V4, 0);
	int reusing = net_socket(AT_V4, WITH_REUSEADDR);

	ck_assert_int_eq(net_bind(plain, AT_V4, port), -EADDRINUSE);
	ck_assert_int_eq(net_bind(reusing, AT_V4, port), -EADDRINUSE);
	(void)close(anchor);
}
END_TEST

/* Two sockets that both bound a port with SO_REUSEADDR, while neither listened. */
static void bind_two(int *ret_claim, int *ret_stranger)
{
	*ret_claim = net_socket(AT_V4, WITH_REUSEADDR);
	*ret_stranger = net_socket(AT_V4, WITH_REUSEADDR);
	ck_assert_int_eq(net_bind(*ret_claim, AT_V4, 0), 0);
	ck_assert_int_eq(net_bind(*ret_stranger, AT_V4, net_port(*ret_claim)), 0);
}

START_TEST(a_stranger_that_bound_before_the_claim_listened_cannot_listen)
{
	int claim;
	int stranger;

	bind_two(&claim, &stranger);
	ck_assert_int_eq(net_set_reuseport(claim), 0);
	ck_assert_int_eq(net_listen(claim), 0);
	ck_assert_int_eq(net_listen(stranger), -EADDRINUSE);
}
END_TEST

START_TEST(a_claim_that_a_stranger_overtook_learns_it_when_it_listens)
{
	int claim;
	int stranger;

	bind_two(&claim, &stranger);
	ck_assert_int_eq(net_listen(stranger), 0);
	ck_assert_int_eq(net_set_reuseport(claim), 0);
	ck_assert_int_eq(net_listen(claim), -EADDRINUSE);
}
END_TEST

static int socket_of_other_user(void)
{
	int fd;

	(void)setfsuid(HELP_OTHER_UID);
	fd = net_socket(AT_V4, WITH_REUSEPORT);
	(void)setfsuid(geteuid());
	return fd;
}

START_TEST(a_socket_of_another_user_cannot_join_a_group)
{
	uint16_t port;
	int anchor;
	int other;

	NEEDS(help_lacks_uid_change());
	anchor = net_anchor(AT_V4, &port);
	other = socket_of_other_user();
	ck_assert_int_eq(net_bind(other, AT_V4, port), -EADDRINUSE);
	(void)close(anchor);
}
END_TEST

START_TEST(a_socket_of_another_user_joins_once_fchown_gave_it_to_the_groups_user)
{
	int members[2];
	uint16_t port;
	size_t counts[2];

	NEEDS(help_lacks_uid_change());
	members[0] = net_anchor(AT_V4, &port);
	members[1] = socket_of_other_user();
	ck_assert_int_eq(fchown(members[1], geteuid(), (gid_t)-1), 0);
	ck_assert_int_eq(net_bind(members[1], AT_V4, port), 0);
	ck_assert_int_eq(net_listen(members[1]), 0);

	select_member(members[0], 1);
	(void)net_client(AT_V4, port);
	net_accept_all(members, ARRAY_SIZE(members), 1, counts);
	ck_assert_uint_eq(counts[1], 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_exclusive_bind_fails_while_anyone_listens_on_the_port,
		an_exclusive_bind_fails_while_anyone_listens_on_the_port_with_ipv6,
		an_exclusive_bind_fails_while_a_listener_of_the_other_family_covers_the_port,
		an_exclusive_bind_fails_while_a_group_of_several_listens,
		a_v6only_listener_leaves_the_port_free_for_ipv4,
		connections_that_have_ended_do_not_keep_a_port_from_being_claimed,
		an_exclusive_claim_that_then_sets_reuseport_becomes_a_group_that_others_join,
		a_dual_stack_claim_becomes_a_group_too,
		a_stranger_without_reuseport_cannot_join_a_group,
		a_stranger_that_bound_before_the_claim_listened_cannot_listen,
		a_claim_that_a_stranger_overtook_learns_it_when_it_listens,
		a_socket_of_another_user_cannot_join_a_group,
		a_socket_of_another_user_joins_once_fchown_gave_it_to_the_groups_user,
	};

	return help_run("claim", tests, ARRAY_SIZE(tests));
}
