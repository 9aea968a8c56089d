/*
 * Who stands in whose way, decided from addresses and states alone. What the rules
 * are is the kernel's to say: holders_rules.c asks it.
 */
#include "core/holders.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OUR_UID   1000
#define OTHER_UID 33

static struct addr addr(const char *text)
{
	struct addr a;

	ck_assert_msg(addr_parse(text, &a) == ADDR_OK, "%s", text);
	return a;
}

static struct addr v6only(const char *text)
{
	struct addr a = addr(text);

	a.v6only = true;
	return a;
}

static struct socket_info listener(struct addr local)
{
	struct socket_info s = { .local = local, .state = SOCKET_LISTENING, .uid = OTHER_UID };

	return s;
}

/* As berth claims a port. */
static struct socket_wish claim(struct addr a)
{
	struct socket_wish wish = { .addr = a, .uid = OUR_UID, .reuseaddr = true };

	return wish;
}

static enum holders_relation relation(struct addr ours, struct addr its)
{
	struct socket_wish wish = claim(ours);
	struct socket_info s = listener(its);
	struct holders_verdict v = holders_judge(&wish, &s);

	ck_assert_int_eq(v.effect == HOLDERS_PASSES, v.relation < HOLDERS_SAME_ADDRESS);
	return v.relation;
}

static enum holders_effect effect(struct socket_wish wish, enum socket_state state, uint32_t uid)
{
	struct socket_info s = listener(addr("127.0.0.1:8000"));

	s.state = state;
	s.uid = uid;
	s.local.protocol = wish.addr.protocol;
	return holders_judge(&wish, &s).effect;
}

START_TEST(the_same_address_and_port_is_in_the_way)
{
	ck_assert_int_eq(relation(addr("127.0.0.1:8000"), addr("127.0.0.1:8000")),
			 HOLDERS_SAME_ADDRESS);
	ck_assert_int_eq(relation(addr("0.0.0.0:8000"), addr("0.0.0.0:8000")),
			 HOLDERS_SAME_ADDRESS);
	ck_assert_int_eq(relation(addr("[::1]:8000"), addr("[::1]:8000")), HOLDERS_SAME_ADDRESS);
	ck_assert_int_eq(relation(addr("[::]:8000"), v6only("[::]:8000")), HOLDERS_SAME_ADDRESS);
}
END_TEST

START_TEST(a_wildcard_is_in_the_way_of_each_of_its_addresses_and_the_reverse)
{
	ck_assert_int_eq(relation(addr("127.0.0.1:8000"), addr("0.0.0.0:8000")), HOLDERS_COVERS_US);
	ck_assert_int_eq(relation(addr("0.0.0.0:8000"), addr("127.0.0.1:8000")),
			 HOLDERS_COVERED_BY_US);
	ck_assert_int_eq(relation(addr("[::1]:8000"), addr("[::]:8000")), HOLDERS_COVERS_US);
	ck_assert_int_eq(relation(addr("[::]:8000"), addr("[::1]:8000")), HOLDERS_COVERED_BY_US);
}
END_TEST

START_TEST(another_address_of_the_same_kind_is_not_in_the_way)
{
	ck_assert_int_eq(relation(addr("127.0.0.1:8000"), addr("127.0.0.2:8000")),
			 HOLDERS_OTHER_ADDRESS);
	ck_assert_int_eq(relation(addr("[::1]:8000"), addr("[::2]:8000")), HOLDERS_OTHER_ADDRESS);
}
END_TEST

START_TEST(a_dual_stack_socket_takes_ipv4_too)
{
	ck_assert_int_eq(relation(addr("0.0.0.0:8000"), addr("[::]:8000")),
			 HOLDERS_DUAL_STACK_TAKES_US);
	ck_assert_int_eq(relation(addr("127.0.0.1:8000"), addr("[::]:8000")),
			 HOLDERS_DUAL_STACK_TAKES_US);
	ck_assert_int_eq(relation(addr("[::]:8000"), addr("127.0.0.1:8000")),
			 HOLDERS_OUR_DUAL_STACK);
	ck_assert_int_eq(relation(addr("[::]:8000"), addr("0.0.0.0:8000")), HOLDERS_OUR_DUAL_STACK);
}
END_TEST

START_TEST(v6only_leaves_ipv4_alone)
{
	ck_assert_int_eq(relation(addr("0.0.0.0:8000"), v6only("[::]:8000")), HOLDERS_OTHER_FAMILY);
	ck_assert_int_eq(relation(v6only("[::]:8000"), addr("127.0.0.1:8000")),
			 HOLDERS_OTHER_FAMILY);
	ck_assert_int_eq(relation(addr("0.0.0.0:8000"), addr("[::1]:8000")), HOLDERS_OTHER_FAMILY);
}
END_TEST

START_TEST(an_ipv4_address_written_as_ipv6_is_ipv4)
{
	ck_assert_int_eq(relation(addr("127.0.0.1:8000"), addr("[::ffff:127.0.0.1]:8000")),
			 HOLDERS_SAME_ADDRESS);
	ck_assert_int_eq(relation(addr("127.0.0.2:8000"), addr("[::ffff:127.0.0.1]:8000")),
			 HOLDERS_OTHER_ADDRESS);
	ck_assert_int_eq(relation(addr("[::1]:8000"), addr("[::ffff:127.0.0.1]:8000")),
			 HOLDERS_OTHER_FAMILY);
}
END_TEST

START_TEST(a_port_without_an_address_means_all_of_both_ip_versions)
{
	static const char *const texts[] = {
		"0.0.0.0:8000",
		"127.0.0.1:8000",
		"[::]:8000",
		"[::1]:8000",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(relation(addr("8000"), addr(texts[i])) == HOLDERS_COVERED_BY_US, "%s",
			      texts[i]);
}
END_TEST

START_TEST(other_ports_protocols_and_interfaces_are_not_in_the_way)
{
	struct addr ours = addr("127.0.0.1:8000"), its = ours;

	ck_assert_int_eq(relation(ours, addr("127.0.0.1:8001")), HOLDERS_OTHER_PORT);
	its.protocol = IPPROTO_UDP;
	ck_assert_int_eq(relation(ours, its), HOLDERS_OTHER_PROTOCOL);
	its = ours;
	its.device = 2;
	ck_assert_int_eq(relation(ours, its), HOLDERS_SAME_ADDRESS);
	ours.device = 3;
	ck_assert_int_eq(relation(ours, its), HOLDERS_OTHER_DEVICE);
	ours.device = 2;
	ck_assert_int_eq(relation(ours, its), HOLDERS_SAME_ADDRESS);
}
END_TEST

START_TEST(unix_addresses_are_in_the_way_of_themselves_only)
{
	struct addr path = addr("unix:/run/a"), name = addr("unix:@a");

	ck_assert_int_eq(relation(path, path), HOLDERS_SAME_ADDRESS);
	ck_assert_int_eq(relation(path, addr("unix:/run/b")), HOLDERS_OTHER_ADDRESS);
	ck_assert_int_eq(relation(name, name), HOLDERS_SAME_ADDRESS);
	ck_assert_int_eq(relation(name, addr("8000")), HOLDERS_OTHER_FAMILY);
	ck_assert_int_eq(effect(claim(path), SOCKET_BOUND, OUR_UID), HOLDERS_PASSES);
}
END_TEST

START_TEST(a_listening_socket_blocks_whoever_does_not_share)
{
	struct socket_wish wish = claim(addr("127.0.0.1:8000"));

	ck_assert_int_eq(effect(wish, SOCKET_LISTENING, OUR_UID), HOLDERS_BLOCKS);
	wish.reuseport = true;
	ck_assert_int_eq(effect(wish, SOCKET_LISTENING, OTHER_UID), HOLDERS_BLOCKS);
	ck_assert_int_eq(effect(wish, SOCKET_LISTENING, OUR_UID), HOLDERS_PASSES_IF_REUSEPORT);
}
END_TEST

START_TEST(what_does_not_listen_passes_if_both_have_reuseaddr)
{
	static const enum socket_state states[] = {
		SOCKET_BOUND,
		SOCKET_CONNECTED,
		SOCKET_CLOSING,
		SOCKET_TIME_WAIT,
	};
	struct socket_wish with = claim(addr("127.0.0.1:8000")), without = with;

	without.reuseaddr = false;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		ck_assert_int_eq(effect(with, states[i], OTHER_UID), HOLDERS_PASSES_IF_REUSEADDR);
		ck_assert_int_eq(effect(without, states[i], OTHER_UID),
				 states[i] == SOCKET_TIME_WAIT && without.reuseport
					 ? HOLDERS_PASSES_IF_REUSEPORT
					 : HOLDERS_BLOCKS);
	}
}
END_TEST

START_TEST(in_time_wait_it_does_not_matter_whose_socket_it_was)
{
	struct socket_wish wish = claim(addr("127.0.0.1:8000"));

	wish.reuseaddr = false;
	wish.reuseport = true;
	ck_assert_int_eq(effect(wish, SOCKET_TIME_WAIT, OTHER_UID), HOLDERS_PASSES_IF_REUSEPORT);
	ck_assert_int_eq(effect(wish, SOCKET_BOUND, OTHER_UID), HOLDERS_BLOCKS);
}
END_TEST

START_TEST(what_bind_said_decides_where_sockets_leave_it_open)
{
	struct holders_count none = { 0 }, blocks = { .n_blocks = 1 },
			     maybe = { .n_unless_reuse = 1 };

	ck_assert_int_eq(holders_conclude(none, 0), HOLDERS_FREE);
	ck_assert_int_eq(holders_conclude(maybe, 0), HOLDERS_FREE);
	ck_assert_int_eq(holders_conclude(maybe, EADDRINUSE), HOLDERS_HELD);
	ck_assert_int_eq(holders_conclude(blocks, EADDRINUSE), HOLDERS_HELD);
	ck_assert_int_eq(holders_conclude(none, EADDRINUSE), HOLDERS_HELD_BY_UNKNOWN);
	ck_assert_int_eq(holders_conclude(blocks, 0), HOLDERS_CHANGED);
	ck_assert_int_eq(holders_conclude(none, EACCES), HOLDERS_NOT_PERMITTED);
	ck_assert_int_eq(holders_conclude(maybe, EPERM), HOLDERS_NOT_PERMITTED);
	ck_assert_int_eq(holders_conclude(blocks, EACCES), HOLDERS_HELD);
	ck_assert_int_eq(holders_conclude(none, EADDRNOTAVAIL), HOLDERS_UNUSABLE);
}
END_TEST

START_TEST(verdicts_are_counted_by_what_they_mean)
{
	static const enum holders_effect effects[] = {
		HOLDERS_PASSES,
		HOLDERS_PASSES_IF_REUSEADDR,
		HOLDERS_PASSES_IF_REUSEPORT,
		HOLDERS_BLOCKS,
	};
	struct holders_count count = { 0 };

	for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++) {
		struct holders_verdict v = { .effect = effects[i] };

		holders_add(v, &count);
	}
	ck_assert_uint_eq(count.n_blocks, 1);
	ck_assert_uint_eq(count.n_unless_reuse, 2);
}
END_TEST

START_TEST(a_group_is_one_address_one_interface_and_one_user)
{
	struct socket_info a = listener(addr("[::]:8000")), b = a;

	ck_assert(holders_share_group(&a, &b));
	b.uid = OUR_UID;
	ck_assert(!holders_share_group(&a, &b));
	b = a;
	b.local.device = 1;
	ck_assert(!holders_share_group(&a, &b));
	b = a;
	b.local.v6only = true;
	ck_assert(!holders_share_group(&a, &b));
	b = listener(addr("0.0.0.0:8000"));
	ck_assert(!holders_share_group(&a, &b));
	b = a;
	b.state = SOCKET_BOUND; /* TCP joins a group when it listens */
	ck_assert(!holders_share_group(&a, &b));
}
END_TEST

START_TEST(listening_sockets_come_first_and_time_wait_last)
{
	struct socket_info a = listener(addr("127.0.0.1:8000")), b = a;

	ck_assert_int_eq(holders_compare(&a, &b), 0);
	b.state = SOCKET_TIME_WAIT;
	ck_assert_int_lt(holders_compare(&a, &b), 0);
	a.state = SOCKET_BOUND;
	ck_assert_int_lt(holders_compare(&a, &b), 0);
	ck_assert_int_gt(holders_compare(&b, &a), 0);
	b = a;
	b.inode = 1;
	ck_assert_int_lt(holders_compare(&a, &b), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("holders");
	TCase *tcase = tcase_create("holders");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(tcase, the_same_address_and_port_is_in_the_way);
	tcase_add_test(tcase, a_wildcard_is_in_the_way_of_each_of_its_addresses_and_the_reverse);
	tcase_add_test(tcase, another_address_of_the_same_kind_is_not_in_the_way);
	tcase_add_test(tcase, a_dual_stack_socket_takes_ipv4_too);
	tcase_add_test(tcase, v6only_leaves_ipv4_alone);
	tcase_add_test(tcase, an_ipv4_address_written_as_ipv6_is_ipv4);
	tcase_add_test(tcase, a_port_without_an_address_means_all_of_both_ip_versions);
	tcase_add_test(tcase, other_ports_protocols_and_interfaces_are_not_in_the_way);
	tcase_add_test(tcase, unix_addresses_are_in_the_way_of_themselves_only);
	tcase_add_test(tcase, a_listening_socket_blocks_whoever_does_not_share);
	tcase_add_test(tcase, what_does_not_listen_passes_if_both_have_reuseaddr);
	tcase_add_test(tcase, in_time_wait_it_does_not_matter_whose_socket_it_was);
	tcase_add_test(tcase, what_bind_said_decides_where_sockets_leave_it_open);
	tcase_add_test(tcase, verdicts_are_counted_by_what_they_mean);
	tcase_add_test(tcase, a_group_is_one_address_one_interface_and_one_user);
	tcase_add_test(tcase, listening_sockets_come_first_and_time_wait_last);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
