/*
 * Templates in arguments and environment values.
 */
#include "core/expand.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct expand_vars third_of_four = { .slot = 3, .n_workers = 4 };

static void assert_expands(const char *text, const char *expected)
{
	char buffer[256];
	size_t size = 0;

	ck_assert_int_eq(expand_measure(text, &third_of_four, &size), EXPAND_OK);
	ck_assert_uint_eq(size, strlen(expected) + 1);
	ck_assert_int_eq(expand(text, &third_of_four, buffer, sizeof(buffer)), EXPAND_OK);
	ck_assert_str_eq(buffer, expected);
}

static void assert_fails(const char *text, enum expand_result result)
{
	char buffer[256] = "untouched";

	ck_assert_int_eq(expand(text, &third_of_four, buffer, sizeof(buffer)), result);
	ck_assert_str_eq(buffer, "untouched");
}

START_TEST(slot_and_workers_become_numbers)
{
	assert_expands("{slot}", "3");
	assert_expands("{workers}", "4");
	assert_expands("web-{slot}-of-{workers}.log", "web-3-of-4.log");
	assert_expands("", "");
}
END_TEST

START_TEST(sums_are_added_up)
{
	assert_expands("{8000+slot}", "8003");
	assert_expands("{slot+8000}", "8003");
	assert_expands("{slot-1}", "2");
	assert_expands("{slot-3}", "0");
	assert_expands("{1-workers+slot}", "0");
	assert_expands("{9000+10-slot+workers+slot}", "9014");
}
END_TEST

START_TEST(other_braces_are_left_as_they_are)
{
	static const char *const texts[] = {
		"{\"a\":1}", "[a-z]{3}",   "{8000}",
		"{1+2}",     "{}",         "{ slot }",
		"{slots}",   "{Slot}",     "{slot*2}",
		"{slot+}",   "{+slot}",    "{-1+slot}",
		"{slot",     "${HOME}",    "{08000+slot}",
		"slot}",     "{slot+{}",   "{0x10+slot}",
		"{a,b}",     "{{.Names}}", "{99999999999999999999}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_expands(texts[i], texts[i]);
}
END_TEST

START_TEST(a_sum_inside_other_braces_is_replaced)
{
	assert_expands("{\"slot\":{slot}}", "{\"slot\":3}");
	assert_expands("{{slot}}", "{3}");
	assert_expands("{slot{slot}", "{slot3");
}
END_TEST

START_TEST(a_negative_sum_is_an_error)
{
	assert_fails("{2-slot}", EXPAND_NEGATIVE);
	assert_fails("a{slot}b{slot-workers}c", EXPAND_NEGATIVE);
}
END_TEST

START_TEST(a_sum_that_does_not_fit_is_an_error)
{
	assert_expands("{9223372036854775804+slot}", "9223372036854775807");
	assert_fails("{9223372036854775805+slot}", EXPAND_TOO_LARGE);
	assert_fails("{slot+99999999999999999999}", EXPAND_TOO_LARGE);
	assert_fails("{slot-9223372036854775807-9223372036854775807}", EXPAND_TOO_LARGE);
}
END_TEST

START_TEST(a_text_that_does_not_fit_is_an_error_and_writes_nothing)
{
	char buffer[5] = "none";

	ck_assert_int_eq(expand("{8000+slot}", &third_of_four, buffer, 4), EXPAND_TOO_LONG);
	ck_assert_str_eq(buffer, "none");
	ck_assert_int_eq(expand("{8000+slot}", &third_of_four, buffer, 5), EXPAND_OK);
	ck_assert_str_eq(buffer, "8003");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		slot_and_workers_become_numbers,
		sums_are_added_up,
		other_braces_are_left_as_they_are,
		a_sum_inside_other_braces_is_replaced,
		a_negative_sum_is_an_error,
		a_sum_that_does_not_fit_is_an_error,
		a_text_that_does_not_fit_is_an_error_and_writes_nothing,
	};
	TCase *tcase = tcase_create("expand");
	Suite *suite = suite_create("expand");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
