/*
 * What a worker's bind means: every verdict, for every kind of socket.
 */
#include "core/port_table.h"

#include <check.h>

#include "run_suite.h"

static struct port_table table;
static struct app_config config;

static struct addr tcp(const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(text, &a), ADDR_OK);
	return a;
}

static struct bind_wish wish_for(const struct addr *a)
{
	return (struct bind_wish){
		.addr = a,
		.type = SOCK_STREAM,
		.is_our_netns = true,
		.slot = 3,
	};
}

static struct bind_judgement judge(const struct bind_wish *wish)
{
	return port_table_judge(&table, &config, wish);
}

static struct bind_judgement judge_text(const char *text)
{
	struct addr a = tcp(text);
	struct bind_wish wish = wish_for(&a);

	return judge(&wish);
}

static void assert_passes(const struct bind_wish *wish)
{
	struct bind_judgement j = judge(wish);

	ck_assert_int_eq(j.verdict, BIND_PASS);
	ck_assert_uint_eq(j.port, PORT_NONE);
}

START_TEST(what_nobody_has_claimed_is_to_be_claimed)
{
	static const char *const texts[] = { "127.0.0.1:8000", "[::]:8000", "[fe80::1%2]:8000",
					     "unix:/run/x",    "unix:@x",   "0.0.0.0:65535" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct bind_judgement j = judge_text(texts[i]);

		ck_assert_int_eq(j.verdict, BIND_CLAIM);
		ck_assert_uint_eq(j.port, PORT_NONE);
	}
}
END_TEST

START_TEST(just_what_was_claimed_is_joined)
{
	struct addr other = tcp("127.0.0.1:7999");
	struct addr a = tcp("127.0.0.1:8000");
	struct addr path = tcp("unix:/run/x");
	unsigned port, unix_port;

	(void)port_table_add(&table, &other);
	port = port_table_add(&table, &a);
	unix_port = port_table_add(&table, &path);
	ck_assert_int_eq(judge_text("127.0.0.1:8000").verdict, BIND_JOIN);
	ck_assert_uint_eq(judge_text("127.0.0.1:8000").port, port);
	ck_assert_int_eq(judge_text("unix:/run/x").verdict, BIND_JOIN);
	ck_assert_uint_eq(judge_text("unix:/run/x").port, unix_port);

	ck_assert_int_eq(judge_text("127.0.0.2:8000").verdict, BIND_CLAIM);
	ck_assert_int_eq(judge_text("0.0.0.0:8000").verdict, BIND_CLAIM);
	ck_assert_int_eq(judge_text("unix:@/run/x").verdict, BIND_CLAIM);
	ck_assert_int_eq(judge_text("unix:/run/xx").verdict, BIND_CLAIM);
}
END_TEST

START_TEST(another_device_or_v6only_is_another_port)
{
	struct addr a = tcp("[::]:8000");
	struct bind_wish wish = wish_for(&a);

	(void)port_table_add(&table, &a);
	ck_assert_int_eq(judge(&wish).verdict, BIND_JOIN);
	a.v6only = true;
	ck_assert_int_eq(judge(&wish).verdict, BIND_CLAIM);
	a.v6only = false;
	a.device = 1;
	ck_assert_int_eq(judge(&wish).verdict, BIND_CLAIM);
}
END_TEST

START_TEST(a_port_at_any_address_is_claimed_at_the_address_that_a_worker_names)
{
	struct addr any = tcp("8000");
	unsigned port = port_table_add(&table, &any);
	struct bind_judgement j = judge_text("127.0.0.1:8000");

	ck_assert_int_eq(j.verdict, BIND_CLAIM);
	ck_assert_uint_eq(j.port, port);
	ck_assert_uint_eq(judge_text("[::1]:8000").port, port);
	ck_assert_uint_eq(judge_text("127.0.0.1:8001").port, PORT_NONE);
	ck_assert_uint_eq(judge_text("unix:@8000").port, PORT_NONE);
}
END_TEST

START_TEST(what_was_claimed_counts_before_any_address)
{
	struct addr any = tcp("8000");
	struct addr a = tcp("127.0.0.1:8000");
	struct bind_judgement j;
	unsigned port;

	(void)port_table_add(&table, &any);
	port = port_table_add(&table, &a);
	j = judge_text("127.0.0.1:8000");
	ck_assert_int_eq(j.verdict, BIND_JOIN);
	ck_assert_uint_eq(j.port, port);
}
END_TEST

static struct bind_judgement judge_datagrams(const char *text, bool is_starting)
{
	struct addr a = tcp(text);
	struct bind_wish wish = wish_for(&a);

	wish.type = SOCK_DGRAM;
	wish.is_starting = is_starting;
	return judge(&wish);
}

START_TEST(udp_is_apart_from_tcp_and_joined_like_it)
{
	struct addr a = tcp("127.0.0.1:8000");
	struct addr udp = tcp("udp:127.0.0.1:8000");
	unsigned port;

	(void)port_table_add(&table, &a);
	port = port_table_add(&table, &udp);
	ck_assert_int_eq(judge_datagrams("udp:127.0.0.1:8000", false).verdict, BIND_JOIN);
	ck_assert_uint_eq(judge_datagrams("udp:127.0.0.1:8000", false).port, port);
	ck_assert_uint_ne(judge_text("127.0.0.1:8000").port, port);
}
END_TEST

START_TEST(a_udp_port_is_claimed_by_who_starts_and_left_to_who_serves_already)
{
	ck_assert_int_eq(judge_datagrams("udp:0.0.0.0:53", true).verdict, BIND_CLAIM);
	ck_assert_int_eq(judge_datagrams("udp:0.0.0.0:53", false).verdict, BIND_PASS);
}
END_TEST

START_TEST(a_udp_port_that_listen_names_is_claimed_at_any_time)
{
	struct addr any_tcp = tcp("53");
	struct addr any = tcp("udp:53");
	unsigned port;

	(void)port_table_add(&table, &any_tcp);
	port = port_table_add(&table, &any);
	ck_assert_int_eq(judge_datagrams("udp:0.0.0.0:53", false).verdict, BIND_CLAIM);
	ck_assert_uint_eq(judge_datagrams("udp:0.0.0.0:53", false).port, port);
}
END_TEST

START_TEST(multicast_and_broadcast_are_left_to_the_kernel)
{
	static const char *const texts[] = { "udp:224.0.0.251:5353", "udp:239.1.2.3:5000",
					     "udp:255.255.255.255:67", "udp:[ff02::fb]:5353" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_int_eq(judge_datagrams(texts[i], true).verdict, BIND_PASS);
}
END_TEST

START_TEST(datagrams_of_other_protocols_are_left_to_the_kernel)
{
	struct addr a = tcp("127.0.0.1:8000");
	struct addr path = tcp("unix:/run/x");
	struct bind_wish wish = wish_for(&a);

	(void)port_table_add(&table, &a);
	wish.type = SOCK_DGRAM;
	wish.is_starting = true;
	assert_passes(&wish);
	wish.type = SOCK_STREAM;
	a.protocol = IPPROTO_UDP;
	assert_passes(&wish);
	wish = wish_for(&path);
	wish.type = SOCK_DGRAM;
	assert_passes(&wish);
	wish.type = SOCK_SEQPACKET;
	assert_passes(&wish);
}
END_TEST

START_TEST(protocols_that_are_not_tcp_are_left_to_the_kernel)
{
	static const uint16_t protocols[] = { 0, IPPROTO_UDP, IPPROTO_SCTP, 6 + 256 };
	struct addr a = tcp("127.0.0.1:8000");
	struct bind_wish wish = wish_for(&a);

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		a.protocol = protocols[i];
		assert_passes(&wish);
	}
}
END_TEST

START_TEST(port_0_is_left_to_the_kernel)
{
	struct addr a = tcp("127.0.0.1:8000");
	struct bind_wish wish = wish_for(&a);

	a.port = 0;
	config.unique_ports[0] = 0;
	config.n_unique = 1;
	assert_passes(&wish);
}
END_TEST

START_TEST(another_network_namespace_is_left_to_the_kernel)
{
	struct addr a = tcp("127.0.0.1:8000");
	struct addr name = tcp("unix:@x");
	struct addr path = tcp("unix:/run/x");
	struct bind_wish wish = wish_for(&a);

	(void)port_table_add(&table, &a);
	(void)port_table_add(&table, &name);
	wish.is_our_netns = false;
	assert_passes(&wish);
	wish.addr = &name;
	assert_passes(&wish);
	/* files are the same in all of them */
	wish.addr = &path;
	ck_assert_int_eq(judge(&wish).verdict, BIND_CLAIM);
}
END_TEST

START_TEST(a_unix_socket_without_a_name_is_left_to_the_kernel)
{
	struct addr a = { .family = AF_UNIX };
	struct bind_wish wish = wish_for(&a);

	assert_passes(&wish);
}
END_TEST

START_TEST(a_private_port_is_left_to_the_kernel_at_every_address)
{
	struct addr a = tcp("127.0.0.1:8000");
	struct bind_wish wish = wish_for(&a);

	(void)port_table_add(&table, &a);
	config.private_ports[0] = 9000;
	config.private_ports[1] = 8000;
	config.n_private = 2;
	assert_passes(&wish);
	ck_assert_int_eq(judge_text("[::]:9000").verdict, BIND_PASS);
	ck_assert_int_eq(judge_text("127.0.0.1:8001").verdict, BIND_CLAIM);
	/* a Unix address has no port */
	ck_assert_int_eq(judge_text("unix:@8000").verdict, BIND_CLAIM);
}
END_TEST

START_TEST(a_unique_port_becomes_another_one_in_each_slot)
{
	struct addr a = tcp("127.0.0.1:9000");
	struct bind_wish wish = wish_for(&a);

	config.unique_ports[0] = 9000;
	config.n_unique = 1;
	for (wish.slot = 1; wish.slot <= 4; wish.slot++) {
		struct bind_judgement j = judge(&wish);

		ck_assert_int_eq(j.verdict, BIND_UNIQUE);
		ck_assert_uint_eq(j.unique_port, 9000 + wish.slot);
		ck_assert_uint_eq(j.port, PORT_NONE);
	}
}
END_TEST

START_TEST(above_the_highest_port_there_is_no_unique_one)
{
	struct addr a = tcp("127.0.0.1:65530");
	struct bind_wish wish = wish_for(&a);

	config.unique_ports[0] = 65530;
	config.n_unique = 1;
	wish.slot = 5;
	ck_assert_uint_eq(judge(&wish).unique_port, 65535);
	wish.slot = 6;
	ck_assert_int_eq(judge(&wish).verdict, BIND_UNIQUE);
	ck_assert_uint_eq(judge(&wish).unique_port, 0);
	wish.slot = UINT16_MAX + 7u;
	ck_assert_uint_eq(judge(&wish).unique_port, 0);
}
END_TEST

START_TEST(private_counts_before_unique_and_unique_before_what_was_claimed)
{
	struct addr a = tcp("127.0.0.1:9000");

	(void)port_table_add(&table, &a);
	config.unique_ports[0] = 9000;
	config.n_unique = 1;
	ck_assert_int_eq(judge_text("127.0.0.1:9000").verdict, BIND_UNIQUE);
	config.private_ports[0] = 9000;
	config.n_private = 1;
	ck_assert_int_eq(judge_text("127.0.0.1:9000").verdict, BIND_PASS);
}
END_TEST

START_TEST(a_full_table_takes_no_more_and_still_finds_all)
{
	struct addr a = tcp("127.0.0.1:8000");

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		a.port = (uint16_t)(8000 + i);
		ck_assert_uint_eq(port_table_add(&table, &a), i);
	}
	a.port = 7999;
	ck_assert_uint_eq(port_table_add(&table, &a), PORT_NONE);
	ck_assert_uint_eq(port_table_find(&table, &a), PORT_NONE);
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		a.port = (uint16_t)(8000 + i);
		ck_assert_uint_eq(port_table_find(&table, &a), i);
	}
}
END_TEST

START_TEST(a_port_that_was_given_up_is_found_no_more_and_its_place_is_free)
{
	struct addr first = tcp("127.0.0.1:8000");
	struct addr second = tcp("127.0.0.1:8001");
	struct addr third = tcp("8002");
	unsigned port = port_table_add(&table, &first);

	(void)port_table_add(&table, &second);
	port_table_remove(&table, port);
	ck_assert_uint_eq(port_table_find(&table, &first), PORT_NONE);
	ck_assert_int_eq(judge_text("127.0.0.1:8000").verdict, BIND_CLAIM);
	ck_assert_uint_eq(port_table_add(&table, &third), port);
	ck_assert_uint_eq(judge_text("127.0.0.1:8002").port, port);
	port_table_remove(&table, port);
	ck_assert_uint_eq(judge_text("127.0.0.1:8002").port, PORT_NONE);
}
END_TEST

START_TEST(what_is_put_at_an_index_stays_there_and_the_index_is_taken)
{
	struct addr a = tcp("127.0.0.1:8000");
	struct addr other = tcp("127.0.0.1:8001");

	port_table_put(&table, &a, PORT_TABLE_MAX - 1);
	port_table_put(&table, &other, 1);
	ck_assert_int_eq(judge_text("127.0.0.1:8000").verdict, BIND_JOIN);
	ck_assert_uint_eq(judge_text("127.0.0.1:8000").port, PORT_TABLE_MAX - 1);
	ck_assert_uint_eq(judge_text("127.0.0.1:8001").port, 1);
	for (unsigned i = 0; i < PORT_TABLE_MAX - 2; i++) {
		struct addr next = a;

		next.port = (uint16_t)(9000 + i);
		ck_assert_uint_eq(port_table_add(&table, &next), i < 1 ? i : i + 1);
	}
	other.port = 7999;
	ck_assert_uint_eq(port_table_add(&table, &other), PORT_NONE);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_nobody_has_claimed_is_to_be_claimed,
		just_what_was_claimed_is_joined,
		another_device_or_v6only_is_another_port,
		a_port_at_any_address_is_claimed_at_the_address_that_a_worker_names,
		what_was_claimed_counts_before_any_address,
		udp_is_apart_from_tcp_and_joined_like_it,
		a_udp_port_is_claimed_by_who_starts_and_left_to_who_serves_already,
		a_udp_port_that_listen_names_is_claimed_at_any_time,
		multicast_and_broadcast_are_left_to_the_kernel,
		datagrams_of_other_protocols_are_left_to_the_kernel,
		protocols_that_are_not_tcp_are_left_to_the_kernel,
		port_0_is_left_to_the_kernel,
		another_network_namespace_is_left_to_the_kernel,
		a_unix_socket_without_a_name_is_left_to_the_kernel,
		a_private_port_is_left_to_the_kernel_at_every_address,
		a_unique_port_becomes_another_one_in_each_slot,
		above_the_highest_port_there_is_no_unique_one,
		private_counts_before_unique_and_unique_before_what_was_claimed,
		a_full_table_takes_no_more_and_still_finds_all,
		a_port_that_was_given_up_is_found_no_more_and_its_place_is_free,
		what_is_put_at_an_index_stays_there_and_the_index_is_taken,
	};

	return RUN_SUITE("port_table", tests);
}
