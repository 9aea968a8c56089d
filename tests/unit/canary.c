/*
 * How many resets of a canary are too many.
 */
#include "core/canary.h"

#include "run_suite.h"

static bool is_bad(uint64_t came, uint64_t reset, uint64_t others_came, uint64_t others_reset)
{
	const struct canary_count canary = { came, reset };
	const struct canary_count others = { others_came, others_reset };

	return canary_resets_too_many(&canary, &others);
}

START_TEST(one_that_resets_every_client_is_found_with_a_handful)
{
	ck_assert(is_bad(5, 5, 50, 0));
	ck_assert(is_bad(6, 5, 20, 0));
}
END_TEST

START_TEST(one_that_resets_few_is_found_in_time)
{
	ck_assert(!is_bad(100, 1, 900, 0));
	ck_assert(is_bad(300, 9, 2700, 0));
}
END_TEST

START_TEST(one_or_two_are_chance)
{
	ck_assert(!is_bad(1, 1, 10, 0));
	ck_assert(!is_bad(2, 2, 100000, 0));
	ck_assert(is_bad(3, 3, 100000, 0));
}
END_TEST

START_TEST(where_all_reset_as_often_nobody_is_to_blame)
{
	ck_assert(!is_bad(10, 10, 90, 90));
	ck_assert(!is_bad(100, 5, 900, 45));
	ck_assert(!is_bad(1000, 57, 9000, 450));
	ck_assert(is_bad(1000, 100, 9000, 450));
}
END_TEST

START_TEST(without_others_there_is_nothing_to_compare_with)
{
	ck_assert(!is_bad(10, 10, 0, 0));
	ck_assert(is_bad(990, 990, 10, 0));
}
END_TEST

START_TEST(nobody_has_come_and_nothing_is_wrong)
{
	ck_assert(!is_bad(0, 0, 0, 0));
	ck_assert(!is_bad(0, 0, 1000, 1000));
}
END_TEST

/* One that came before the mark was there is reset, and never came as far as we know. */
START_TEST(more_resets_than_connections_are_many)
{
	ck_assert(is_bad(0, 3, 100, 0));
	ck_assert(is_bad(UINT64_MAX, UINT64_MAX, UINT64_MAX - 1, 1));
}
END_TEST

START_TEST(the_patience_is_a_part_of_the_watch_within_bounds)
{
	ck_assert_uint_eq(canary_patience_ms(0), 1000);
	ck_assert_uint_eq(canary_patience_ms(8000), 2000);
	ck_assert_uint_eq(canary_patience_ms(30000), 5000);
	ck_assert_uint_eq(canary_patience_ms(UINT32_MAX), 5000);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		one_that_resets_every_client_is_found_with_a_handful,
		one_that_resets_few_is_found_in_time,
		one_or_two_are_chance,
		where_all_reset_as_often_nobody_is_to_blame,
		without_others_there_is_nothing_to_compare_with,
		nobody_has_come_and_nothing_is_wrong,
		more_resets_than_connections_are_many,
		the_patience_is_a_part_of_the_watch_within_bounds,
	};

	return RUN_SUITE("canary", tests);
}
