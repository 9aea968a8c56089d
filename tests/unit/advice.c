/*
 * Failed binds as sentences: each says what is the matter, and what to do.
 */
#include "core/advice.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define PORT_START 1024

static const char *advise(int error, const char *text)
{
	static char advice[ADVICE_TEXT_MAX];
	struct addr a;

	ck_assert_msg(addr_parse(text, &a) == ADDR_OK, "%s", text);
	return advice_for_bind(error, &a, PORT_START, advice);
}

static void assert_says(int error, const char *address, const char *words)
{
	const char *advice = advise(error, address);

	ck_assert_msg(strstr(advice, words), "\"%s\" is not in \"%s\"", words, advice);
}

START_TEST(a_privileged_port_without_the_right_names_the_three_ways_out)
{
	assert_says(EACCES, "80", "port 80/tcp is below 1024");
	assert_says(EACCES, "127.0.0.1:80", "run berth as root");
	assert_says(EACCES, "[::]:80", "cap_net_bind_service");
	assert_says(EACCES, "1023", "choose a port from 1024 on");
}
END_TEST

START_TEST(no_access_to_any_other_port_is_a_rule_of_the_host)
{
	assert_says(EACCES, "1024", "a rule of this host forbids it");
	assert_says(EPERM, "80", "a rule of this host forbids it");
}
END_TEST

START_TEST(an_address_of_another_host_says_where_ours_are_listed)
{
	assert_says(EADDRNOTAVAIL, "192.0.2.1:8000",
		    "192.0.2.1:8000 cannot be bound: this host "
		    "has no such address");
	assert_says(EADDRNOTAVAIL, "[2001:db8::1]:8000", "`ip address`");
}
END_TEST

START_TEST(a_host_without_ipv6_is_told_to_use_ipv4)
{
	assert_says(EAFNOSUPPORT, "[::]:8000", "this host has no IPv6: choose an IPv4 address");
	assert_says(EAFNOSUPPORT, "0.0.0.0:8000", "choose another");
}
END_TEST

START_TEST(a_link_local_address_without_an_interface_is_told_how_to_name_one)
{
	assert_says(EINVAL, "[fe80::1]:8000", "[fe80::1%2]:8000");
	assert_says(EINVAL, "[fe80::1%1]:8000", "has an address already");
	assert_says(ENODEV, "[fe80::1%99]:8000", "`ip link`");
}
END_TEST

START_TEST(an_invalid_bind_names_what_makes_it_invalid)
{
	assert_says(EINVAL, "8000", "has an address already, or the address is too short");
}
END_TEST

START_TEST(an_address_in_use_says_how_to_learn_whose)
{
	assert_says(EADDRINUSE, "8000", "`berth why`");
	assert_says(EADDRINUSE, "unix:/run/a", "`berth why`");
}
END_TEST

START_TEST(errors_of_a_path_are_about_its_directory)
{
	assert_says(ENOENT, "unix:/run/a/b",
		    "unix:/run/a/b cannot be bound: its directory does "
		    "not exist");
	assert_says(EACCES, "unix:/run/a", "may not make files in its directory");
	assert_says(ENOTDIR, "unix:/run/a", "is no directory");
	assert_says(EROFS, "unix:/run/a", "read-only");
	assert_says(ELOOP, "unix:/run/a", "symbolic links");
	assert_says(ENAMETOOLONG, "unix:/run/a", "too long");
}
END_TEST

START_TEST(shortages_are_the_same_for_all_addresses)
{
	assert_says(EMFILE, "8000", "ulimit -n");
	assert_says(EMFILE, "unix:/run/a", "ulimit -n");
	assert_says(ENFILE, "8000", "fs.file-max");
	assert_says(ENOBUFS, "8000", "no room for one more");
	assert_says(ENOMEM, "unix:/run/a", "no memory left");
}
END_TEST

START_TEST(an_error_that_nobody_expects_is_told_as_it_is)
{
	assert_says(EIO, "8000", "*:8000 cannot be bound: Input/output error");
	assert_says(99999, "8000", "cannot be bound: unknown error");
}
END_TEST

START_TEST(every_sentence_fits_and_is_printable)
{
	char path[sizeof("unix:") + ADDR_UNIX_MAX - 1] = "unix:";
	const char *addresses[] = { "80", "[fe80::1%4294967295]:65535", path };

	memset(path + strlen(path), 'a', ADDR_UNIX_MAX - 1);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		for (int error = 1; error < 140; error++) {
			const char *advice = advise(error, addresses[i]);
			size_t size = strlen(advice);

			ck_assert_uint_lt(size, ADVICE_TEXT_MAX - 1);
			for (size_t at = 0; at < size; at++)
				ck_assert_uint_ge(utf8_printable(advice + at, size - at), 1);
		}
	}
}
END_TEST

START_TEST(a_sentence_begins_with_port_and_protocol_or_with_the_path)
{
	struct addr a = { .protocol = IPPROTO_UDP, .port = 53 };
	char subject[ADVICE_SUBJECT_MAX];

	ck_assert_str_eq(advice_subject(&a, subject), "port 53/udp");
	ck_assert_int_eq(addr_parse("[::1]:8000", &a), ADDR_OK);
	ck_assert_str_eq(advice_subject(&a, subject), "port 8000/tcp");
	ck_assert_int_eq(addr_parse("unix:@name", &a), ADDR_OK);
	ck_assert_str_eq(advice_subject(&a, subject), "unix:@name");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("advice");
	TCase *tcase = tcase_create("advice");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(tcase, a_privileged_port_without_the_right_names_the_three_ways_out);
	tcase_add_test(tcase, no_access_to_any_other_port_is_a_rule_of_the_host);
	tcase_add_test(tcase, an_address_of_another_host_says_where_ours_are_listed);
	tcase_add_test(tcase, a_host_without_ipv6_is_told_to_use_ipv4);
	tcase_add_test(tcase, a_link_local_address_without_an_interface_is_told_how_to_name_one);
	tcase_add_test(tcase, an_invalid_bind_names_what_makes_it_invalid);
	tcase_add_test(tcase, an_address_in_use_says_how_to_learn_whose);
	tcase_add_test(tcase, errors_of_a_path_are_about_its_directory);
	tcase_add_test(tcase, shortages_are_the_same_for_all_addresses);
	tcase_add_test(tcase, an_error_that_nobody_expects_is_told_as_it_is);
	tcase_add_test(tcase, every_sentence_fits_and_is_printable);
	tcase_add_test(tcase, a_sentence_begins_with_port_and_protocol_or_with_the_path);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
