/*
 * Strict decimal numbers.
 */
#include "base/number.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static bool parses(const char *text, uint64_t max, uint64_t expected)
{
	uint64_t number = expected + 1;

	return number_parse(text, strlen(text), max, &number) && number == expected;
}

static bool is_refused(const char *text, uint64_t max)
{
	uint64_t number = 4711;

	return !number_parse(text, strlen(text), max, &number) && number == 4711;
}

START_TEST(a_number_may_be_as_large_as_its_limit)
{
	ck_assert(parses("0", 0, 0));
	ck_assert(parses("7", 7, 7));
	ck_assert(is_refused("8", 7));
	ck_assert(parses("65535", 65535, 65535));
	ck_assert(is_refused("65536", 65535));
	ck_assert(is_refused("655350", 65535));
	ck_assert(parses("18446744073709551615", UINT64_MAX, UINT64_MAX));
	ck_assert(is_refused("18446744073709551616", UINT64_MAX));
	ck_assert(is_refused("99999999999999999999999", UINT64_MAX));
}
END_TEST

START_TEST(a_number_is_digits_and_nothing_else)
{
	static const char *const texts[] = {
		"", " 1", "1 ", "+1", "-1", "01", "00", "0x1", "1e3", "1.0", "a", "1\n", "\xd9\xa1",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(is_refused(texts[i], UINT64_MAX), "%s", texts[i]);
}
END_TEST

START_TEST(only_the_bytes_given_are_read)
{
	uint64_t number;

	ck_assert(number_parse("8000]", 4, 65535, &number));
	ck_assert_uint_eq(number, 8000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("number");
	TCase *tcase = tcase_create("number");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(tcase, a_number_may_be_as_large_as_its_limit);
	tcase_add_test(tcase, a_number_is_digits_and_nothing_else);
	tcase_add_test(tcase, only_the_bytes_given_are_read);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
