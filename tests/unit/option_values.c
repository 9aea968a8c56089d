/*
 * Values that options take.
 */
#include "prog/option_values.h"

#include <check.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

static int64_t duration(const char *text)
{
	uint32_t ms;

	return option_duration_ms(text, &ms) ? (int64_t)ms : -1;
}

static int signal_of(const char *text)
{
	int signal;

	return option_signal(text, &signal) ? signal : -1;
}

START_TEST(a_duration_is_in_seconds_unless_it_says_otherwise)
{
	ck_assert_int_eq(duration("30"), 30000);
	ck_assert_int_eq(duration("30s"), 30000);
	ck_assert_int_eq(duration("500ms"), 500);
	ck_assert_int_eq(duration("2m"), 120000);
	ck_assert_int_eq(duration("0"), 0);
	ck_assert_int_eq(duration("2147483647ms"), INT32_MAX);
}
END_TEST

START_TEST(a_duration_may_have_decimals_down_to_a_millisecond)
{
	ck_assert_int_eq(duration("0.05"), 50);
	ck_assert_int_eq(duration("1.5s"), 1500);
	ck_assert_int_eq(duration("1.500000000s"), 1500);
	ck_assert_int_eq(duration("0.001s"), 1);
	ck_assert_int_eq(duration("2.25m"), 135000);
	ck_assert_int_eq(duration("3.0ms"), 3);
	ck_assert_int_eq(duration("2147482.999"), 2147482999);
}
END_TEST

START_TEST(whatever_else_is_no_duration)
{
	static const char *const texts[] = {
		"",
		"s",
		"ms",
		"-1",
		"1.",
		".5",
		"1.s",
		"1.5.5",
		"0.0005",
		"0.5ms",
		"0.0000000001m",
		"2147483647.5ms",
		"2147483.9",
		"1h",
		"30 s",
		"1S",
		"1m ",
		"2147483648ms",
		"2147484",
		"2147484s",
		"999999999999999999999m",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(duration(texts[i]) == -1, "%s", texts[i]);
}
END_TEST

START_TEST(a_signal_has_a_name_or_a_number)
{
	ck_assert_int_eq(signal_of("TERM"), SIGTERM);
	ck_assert_int_eq(signal_of("SIGTERM"), SIGTERM);
	ck_assert_int_eq(signal_of("sigint"), SIGINT);
	ck_assert_int_eq(signal_of("usr2"), SIGUSR2);
	ck_assert_int_eq(signal_of("15"), SIGTERM);
	ck_assert_int_eq(signal_of("64"), SIGRTMAX);
}
END_TEST

START_TEST(whatever_else_is_no_signal)
{
	static const char *const texts[] = { "",    "SIG",   "0",          "65",
					     "-15", "TERM ", "SIGSIGTERM", "015" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(signal_of(texts[i]) == -1, "%s", texts[i]);
}
END_TEST

START_TEST(a_port_is_a_number_from_1_to_65535)
{
	uint16_t port = 0;

	ck_assert(option_port("1", &port) && port == 1);
	ck_assert(option_port("65535", &port) && port == 65535);
	ck_assert(!option_port("0", &port));
	ck_assert(!option_port("65536", &port));
	ck_assert(!option_port("80x", &port));
	ck_assert(!option_port("", &port));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("option_values");
	TCase *tcase = tcase_create("option_values");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(tcase, a_duration_is_in_seconds_unless_it_says_otherwise);
	tcase_add_test(tcase, a_duration_may_have_decimals_down_to_a_millisecond);
	tcase_add_test(tcase, whatever_else_is_no_duration);
	tcase_add_test(tcase, a_signal_has_a_name_or_a_number);
	tcase_add_test(tcase, whatever_else_is_no_signal);
	tcase_add_test(tcase, a_port_is_a_number_from_1_to_65535);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
