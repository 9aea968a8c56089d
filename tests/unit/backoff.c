/*
 * The pause between the death of a worker and the start of its replacement.
 */
#include "core/backoff.h"

#include <check.h>
#include <stdlib.h>

#define LEAST 0 /* random numbers at the ends of their range */
#define MOST  UINT32_MAX

static const struct backoff_death failed_soon = { .up_ms = 20 };
static const struct backoff_death killed_soon = { .up_ms = 20, .was_killed = true };

START_TEST(the_first_replacement_starts_at_once)
{
	struct backoff b = { 0 };

	ck_assert_uint_eq(backoff_after(&b, &failed_soon, MOST), 0);
}
END_TEST

START_TEST(the_pause_doubles_from_a_tenth_of_a_second_to_thirty_seconds)
{
	static const uint32_t pauses_ms[] = { 0,    100,   200,   400,   800,   1600, 3200,
					      6400, 12800, 25600, 30000, 30000, 30000 };
	struct backoff b = { 0 };

	for (size_t i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++)
		ck_assert_uint_eq(backoff_after(&b, &failed_soon, MOST), pauses_ms[i]);
}
END_TEST

START_TEST(the_pause_never_exceeds_its_limit_however_often_a_worker_dies)
{
	struct backoff b = { 0 };

	for (unsigned i = 0; i < 100000; i++)
		ck_assert_uint_le(backoff_after(&b, &failed_soon, MOST), BACKOFF_MAX_MS);
	ck_assert_uint_eq(backoff_after(&b, &failed_soon, MOST), BACKOFF_MAX_MS);
}
END_TEST

START_TEST(half_of_the_pause_is_chance)
{
	static const uint32_t randoms[] = { LEAST, 1, 1U << 31, MOST - 1, MOST };
	struct backoff least = { 0 }, most = { 0 };

	(void)backoff_after(&least, &failed_soon, LEAST);
	(void)backoff_after(&most, &failed_soon, LEAST);
	ck_assert_uint_eq(backoff_after(&least, &failed_soon, LEAST), 50);
	ck_assert_uint_eq(backoff_after(&most, &failed_soon, MOST), 100);

	for (size_t i = 0; i < sizeof(randoms) / sizeof(randoms[0]); i++) {
		struct backoff b = { .n_failures = 3 };
		uint32_t pause_ms = backoff_after(&b, &failed_soon, randoms[i]);

		ck_assert_uint_ge(pause_ms, 200);
		ck_assert_uint_le(pause_ms, 400);
	}
}
END_TEST

START_TEST(a_worker_that_was_up_for_ten_seconds_is_replaced_at_once)
{
	struct backoff_death later = { .up_ms = BACKOFF_RESET_MS };
	struct backoff b = { .n_failures = 7 };

	ck_assert_uint_eq(backoff_after(&b, &later, MOST), 0);
	ck_assert_uint_eq(backoff_after(&b, &failed_soon, MOST), 100);
	later.up_ms--;
	ck_assert_uint_eq(backoff_after(&b, &later, MOST), 200);
}
END_TEST

START_TEST(a_row_of_kills_never_makes_the_pause_longer_than_the_first)
{
	struct backoff b = { 0 };

	ck_assert_uint_eq(backoff_after(&b, &killed_soon, MOST), 0);
	for (unsigned i = 0; i < 50; i++)
		ck_assert_uint_eq(backoff_after(&b, &killed_soon, MOST), BACKOFF_FIRST_MS);
	ck_assert_uint_eq(backoff_after(&b, &failed_soon, MOST), 100);
}
END_TEST

START_TEST(a_kill_does_not_forgive_earlier_failures)
{
	struct backoff b = { .n_failures = 5 };

	ck_assert_uint_eq(backoff_after(&b, &killed_soon, MOST), BACKOFF_FIRST_MS);
	ck_assert_uint_eq(backoff_after(&b, &failed_soon, MOST), 1600);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_first_replacement_starts_at_once,
		the_pause_doubles_from_a_tenth_of_a_second_to_thirty_seconds,
		the_pause_never_exceeds_its_limit_however_often_a_worker_dies,
		half_of_the_pause_is_chance,
		a_worker_that_was_up_for_ten_seconds_is_replaced_at_once,
		a_row_of_kills_never_makes_the_pause_longer_than_the_first,
		a_kill_does_not_forgive_earlier_failures,
	};
	TCase *tcase = tcase_create("backoff");
	Suite *suite = suite_create("backoff");
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
