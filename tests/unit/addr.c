/*
 * Addresses: what users write, what workers and the kernel hand over, what is printed.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static struct addr parsed(const char *text)
{
	struct addr a;

	ck_assert_msg(addr_parse(text, &a) == ADDR_OK, "%s", text);
	return a;
}

static void assert_printed(const struct addr *a, const char *text)
{
	char buffer[ADDR_TEXT_MAX];

	ck_assert_str_eq(addr_text(a, buffer), text);
}

static void assert_refused(const char *text, enum addr_error error)
{
	struct addr a = { .port = 4711 };

	ck_assert_msg(addr_parse(text, &a) == error, "%s: %s", text,
		      addr_error_text(addr_parse(text, &a)));
	ck_assert_uint_eq(a.port, 4711); /* outputs are written on success only */
}

START_TEST(a_port_alone_means_any_ip_address)
{
	struct addr a = parsed("8000");

	ck_assert_uint_eq(a.family, AF_UNSPEC);
	ck_assert_uint_eq(a.protocol, IPPROTO_TCP);
	ck_assert_uint_eq(a.port, 8000);
	ck_assert(addr_is_wildcard(&a));
	assert_printed(&a, "*:8000");
}
END_TEST

START_TEST(an_ipv4_address_is_read_with_its_port)
{
	struct addr a = parsed("127.0.0.1:65535");

	ck_assert_uint_eq(a.family, AF_INET);
	ck_assert_uint_eq(a.port, 65535);
	ck_assert_uint_eq(ntohl(a.u.v4.s_addr), INADDR_LOOPBACK);
	ck_assert(!addr_is_wildcard(&a));
}
END_TEST

START_TEST(an_ipv6_wildcard_is_dual_stack)
{
	struct addr a = parsed("[::]:8000");

	ck_assert_uint_eq(a.family, AF_INET6);
	ck_assert(!a.v6only);
	ck_assert(addr_is_wildcard(&a));
}
END_TEST

START_TEST(only_a_link_local_address_names_an_interface)
{
	struct addr a = parsed("[fe80::1%7]:80");

	ck_assert_uint_eq(a.device, 7);
	assert_printed(&a, "[fe80::1%7]:80");
	assert_refused("[2001:db8::1%7]:80", ADDR_BAD_HOST);
	assert_refused("[fe80::1%0]:80", ADDR_BAD_HOST);
	assert_refused("[fe80::1%]:80", ADDR_BAD_HOST);
	assert_refused("[fe80::1%4294967296]:80", ADDR_BAD_HOST);
}
END_TEST

START_TEST(what_is_printed_is_read_back_as_the_same_address)
{
	static const char *const texts[] = {
		"*:1",       "0.0.0.0:80",  "10.1.2.3:443",   "[::]:8000",           "[::1]:8000",
		"unix:/a/b", "unix:@berth", "[ff02::1%3]:80", "[::ffff:1.2.3.4]:80",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct addr a = parsed(texts[i]);

		assert_printed(&a, texts[i]);
	}
}
END_TEST

START_TEST(a_port_must_be_a_plain_number_from_1_to_65535)
{
	static const char *const texts[] = {
		"",        "0",        "65536",       "08000",       "08000x",
		"8000x",   "8000 ",    " 8000",       "+8000",       "-8000",
		"0x50",    "8e3",      "http",        "8000\n",      "18446744073709551617",
		"1.2.3.4", "1.2.3.4:", "1.2.3.4:0",   "1.2.3.4:+80", "1.2.3.4:80 ",
		"[::1]",   "[::1]:",   "[::1]:65536",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i], ADDR_BAD_PORT);
}
END_TEST

START_TEST(a_host_must_be_numeric_and_whole)
{
	static const char *const texts[] = {
		":80",
		"1.2.3:80",
		"1.2.3.4.5:80",
		"01.2.3.4:80",
		"256.1.1.1:80",
		"localhost:80",
		"::1:80",
		"[::1:80",
		"::1]:80",
		"[]:80",
		"[1.2.3.4]:80",
		" 1.2.3.4:80",
		"1.2.3.4 :80",
		"**:80",
		"[::1] :80",
		"[1:2:3:4:5:6:7:8:9]:80",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i], ADDR_BAD_HOST);
}
END_TEST

START_TEST(a_unix_path_may_have_107_bytes_and_an_abstract_name_as_many_after_its_sign)
{
	char text[sizeof("unix:") + ADDR_UNIX_MAX + 1] = "unix:";
	struct addr a;

	memset(text + 5, 'a', ADDR_UNIX_MAX - 1);
	a = parsed(text);
	ck_assert_uint_eq(a.unix_len, ADDR_UNIX_MAX - 1);
	ck_assert_uint_eq(a.protocol, 0);
	text[5 + ADDR_UNIX_MAX - 1] = 'a';
	assert_refused(text, ADDR_BAD_PATH);
	text[5] = '@';
	a = parsed(text);
	ck_assert_uint_eq(a.unix_len, ADDR_UNIX_MAX);
	ck_assert_int_eq(a.u.path[0], '\0');
	text[5 + ADDR_UNIX_MAX] = 'a';
	assert_refused(text, ADDR_BAD_PATH);
	assert_refused("unix:", ADDR_BAD_PATH);
	assert_refused("unix:@", ADDR_BAD_PATH);
}
END_TEST

START_TEST(bytes_of_every_family_make_the_round_trip)
{
	static const char *const texts[] = {
		"10.1.2.3:443", "[::1]:8000", "[fe80::1%7]:80", "unix:/a/b", "unix:@berth",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct addr a = parsed(texts[i]), b;
		struct sockaddr_storage bytes;
		socklen_t size = addr_to_sockaddr(&a, &bytes);

		a.protocol = 0; /* the bytes do not tell it */
		ck_assert_int_eq(addr_from_sockaddr(&bytes, size, &b), ADDR_OK);
		ck_assert(addr_equal(&a, &b));
	}
}
END_TEST

START_TEST(a_port_alone_has_no_bytes)
{
	struct addr a = parsed("8000");
	struct sockaddr_storage bytes;

	ck_assert_uint_eq(addr_to_sockaddr(&a, &bytes), 0);
}
END_TEST

START_TEST(an_address_that_is_cut_short_or_too_long_is_refused)
{
	char bytes[256] = { 0 };
	sa_family_t family = AF_INET;
	struct addr a;

	memcpy(bytes, &family, sizeof(family));
	ck_assert_int_eq(addr_from_sockaddr(NULL, 0, &a), ADDR_TOO_SHORT);
	ck_assert_int_eq(addr_from_sockaddr(bytes, 1, &a), ADDR_TOO_SHORT);
	ck_assert_int_eq(addr_from_sockaddr(bytes, 15, &a), ADDR_TOO_SHORT);
	ck_assert_int_eq(addr_from_sockaddr(bytes, 16, &a), ADDR_OK);
	ck_assert_int_eq(addr_from_sockaddr(bytes, 128, &a), ADDR_OK);
	ck_assert_int_eq(addr_from_sockaddr(bytes, 129, &a), ADDR_TOO_LONG);
	family = AF_INET6;
	memcpy(bytes, &family, sizeof(family));
	ck_assert_int_eq(addr_from_sockaddr(bytes, 23, &a), ADDR_TOO_SHORT);
	ck_assert_int_eq(addr_from_sockaddr(bytes, 24, &a), ADDR_OK);
	family = AF_NETLINK;
	memcpy(bytes, &family, sizeof(family));
	ck_assert_int_eq(addr_from_sockaddr(bytes, 12, &a), ADDR_FAMILY_UNKNOWN);
}
END_TEST

START_TEST(an_unspecified_family_is_ipv4_for_the_wildcard_only)
{
	struct sockaddr_in in = { .sin_family = AF_UNSPEC, .sin_port = htons(8000) };
	struct addr a;

	ck_assert_int_eq(addr_from_sockaddr(&in, sizeof(in), &a), ADDR_OK);
	ck_assert_uint_eq(a.family, AF_INET);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(addr_from_sockaddr(&in, sizeof(in), &a), ADDR_FAMILY_UNKNOWN);
}
END_TEST

START_TEST(a_scope_id_counts_for_link_local_addresses_only)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_scope_id = 7 };
	struct addr a;

	in6.sin6_addr = in6addr_loopback;
	ck_assert_int_eq(addr_from_sockaddr(&in6, sizeof(in6), &a), ADDR_OK);
	ck_assert_uint_eq(a.device, 0);
	ck_assert_int_eq(inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr), 1);
	ck_assert_int_eq(addr_from_sockaddr(&in6, sizeof(in6), &a), ADDR_OK);
	ck_assert_uint_eq(a.device, 7);
	ck_assert_int_eq(addr_from_sockaddr(&in6, 27, &a), ADDR_OK); /* cut before its end */
	ck_assert_uint_eq(a.device, 0);
}
END_TEST

START_TEST(a_unix_path_ends_at_its_nul_or_with_the_bytes)
{
	union {
		struct sockaddr_un un;
		struct sockaddr_storage longer;
	} any = { .un = { .sun_family = AF_UNIX, .sun_path = "/x" } };
	const size_t size = sizeof(any.un);
	struct addr a, b;

	ck_assert_int_eq(addr_from_sockaddr(&any, 4, &a), ADDR_OK);
	ck_assert_int_eq(addr_from_sockaddr(&any, size, &b), ADDR_OK);
	ck_assert_uint_eq(a.unix_len, 2);
	ck_assert(addr_equal(&a, &b));

	memset(any.un.sun_path, 'a', sizeof(any.un.sun_path));
	ck_assert_int_eq(addr_from_sockaddr(&any, size, &a), ADDR_OK);
	ck_assert_uint_eq(a.unix_len, ADDR_UNIX_MAX);
	ck_assert_int_eq(addr_from_sockaddr(&any, size + 1, &a), ADDR_BAD_PATH);
	ck_assert_int_eq(addr_from_sockaddr(&any, 2, &a), ADDR_BAD_PATH);
}
END_TEST

START_TEST(two_abstract_names_of_different_length_are_different)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "\0name" };
	struct addr a, b;

	ck_assert_int_eq(addr_from_sockaddr(&un, 7, &a), ADDR_OK);
	ck_assert_int_eq(addr_from_sockaddr(&un, 8, &b), ADDR_OK);
	ck_assert_uint_eq(a.unix_len, 5);
	ck_assert(!addr_equal(&a, &b));
	assert_printed(&a, "unix:@name");
	assert_printed(&b, "unix:@name?");
}
END_TEST

START_TEST(a_path_cannot_write_to_the_terminal)
{
	struct addr a = parsed("unix:/a\x1b[2J\x9b\xc2\x9b\xed\xa0\x80\xff");

	assert_printed(&a, "unix:/a?[2J???????");
	a = parsed("unix:/\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xa2\xe2\x82");
	assert_printed(&a, "unix:/\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xa2??");
	a = parsed("unix:./@file");
	assert_printed(&a, "unix:./@file");
}
END_TEST

START_TEST(a_file_name_that_looks_abstract_is_printed_as_the_file_that_it_is)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "@file" };
	struct addr a;

	ck_assert_int_eq(addr_from_sockaddr(&un, sizeof(un), &a), ADDR_OK);
	assert_printed(&a, "unix:./@file");
}
END_TEST

START_TEST(a_device_is_printed_behind_the_host)
{
	struct addr a = parsed("0.0.0.0:80");

	a.device = 4294967295;
	assert_printed(&a, "0.0.0.0%4294967295:80");
}
END_TEST

START_TEST(addresses_are_equal_only_if_all_of_it_is)
{
	struct addr a = parsed("[::]:80"), b = a;

	ck_assert(addr_equal(&a, &b));
	b.v6only = true;
	ck_assert(!addr_equal(&a, &b));
	b = a;
	b.device = 1;
	ck_assert(!addr_equal(&a, &b));
	b = a;
	b.protocol = IPPROTO_UDP;
	ck_assert(!addr_equal(&a, &b));
	b = a;
	b.u.v6.s6_addr[15] = 1;
	ck_assert(!addr_equal(&a, &b));
	ck_assert(!addr_is_wildcard(&b));
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = {
		a_port_alone_means_any_ip_address,
		an_ipv4_address_is_read_with_its_port,
		an_ipv6_wildcard_is_dual_stack,
		only_a_link_local_address_names_an_interface,
		what_is_printed_is_read_back_as_the_same_address,
		a_port_must_be_a_plain_number_from_1_to_65535,
		a_host_must_be_numeric_and_whole,
		a_unix_path_may_have_107_bytes_and_an_abstract_name_as_many_after_its_sign,
		bytes_of_every_family_make_the_round_trip,
		a_port_alone_has_no_bytes,
		an_address_that_is_cut_short_or_too_long_is_refused,
		an_unspecified_family_is_ipv4_for_the_wildcard_only,
		a_scope_id_counts_for_link_local_addresses_only,
		a_unix_path_ends_at_its_nul_or_with_the_bytes,
		two_abstract_names_of_different_length_are_different,
		a_path_cannot_write_to_the_terminal,
		a_file_name_that_looks_abstract_is_printed_as_the_file_that_it_is,
		a_device_is_printed_behind_the_host,
		addresses_are_equal_only_if_all_of_it_is,
	};
	Suite *s = suite_create("addr");
	TCase *c = tcase_create("addr");

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(c, tests[i]);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int n_failed;

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
