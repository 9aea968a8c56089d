/*
 * A counter that is off for good is mended, and one that only moves is left alone.
 */
#include "core/drift.h"

#include <check.h>

#include "run_suite.h"

static int64_t note(struct drift *d, int64_t counter, int64_t found)
{
	const struct drift_reading reading = { counter, counter, found, 0 };

	return drift_note(d, &reading);
}

START_TEST(a_counter_that_is_right_is_left_alone)
{
	struct drift d = { 0 };

	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(note(&d, i, i), 0);
	ck_assert_uint_eq(d.n_mended, 0);
}
END_TEST

START_TEST(what_is_found_three_times_is_mended_by_the_least_of_it)
{
	struct drift d = { 0 };

	ck_assert_int_eq(note(&d, 15, 10), 0);
	ck_assert_int_eq(note(&d, 12, 10), 0);
	ck_assert_int_eq(note(&d, 14, 10), -2);
	ck_assert_uint_eq(d.n_mended, 2);
	ck_assert_int_eq(note(&d, 12, 10), 0); /* from the begin */
	ck_assert_int_eq(note(&d, 12, 10), 0);
	ck_assert_int_eq(note(&d, 12, 10), -2);
	ck_assert_uint_eq(d.n_mended, 4);
}
END_TEST

START_TEST(a_counter_that_is_too_low_is_raised)
{
	struct drift d = { 0 };

	ck_assert_int_eq(note(&d, -3, 0), 0);
	ck_assert_int_eq(note(&d, -1, 2), 0);
	ck_assert_int_eq(note(&d, 0, 4), 3);
	ck_assert_uint_eq(d.n_mended, 3);
}
END_TEST

START_TEST(a_difference_that_goes_away_or_turns_is_no_drift)
{
	struct drift d = { 0 };

	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(note(&d, 12, 10), 0);
		ck_assert_int_eq(note(&d, 12, 10), 0);
		ck_assert_int_eq(note(&d, i % 2 ? 10 : 8, 10), 0);
	}
}
END_TEST

START_TEST(what_may_have_changed_during_the_count_is_no_difference)
{
	struct drift d = { 0 };

	for (int i = 0; i < 10; i++) {
		const struct drift_reading moved = { 10, 20, 13, 0 };
		const struct drift_reading busy = { 10, 10, 15, 5 };

		ck_assert_int_eq(drift_note(&d, &moved), 0);
		ck_assert_int_eq(drift_note(&d, &busy), 0);
	}
}
END_TEST

START_TEST(what_is_beyond_the_changes_is_a_drift)
{
	const struct drift_reading reading = { 10, 12, 20, 5 };
	struct drift d = { 0 };

	ck_assert_int_eq(drift_note(&d, &reading), 0);
	ck_assert_int_eq(drift_note(&d, &reading), 0);
	ck_assert_int_eq(drift_note(&d, &reading), 3);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_counter_that_is_right_is_left_alone,
		what_is_found_three_times_is_mended_by_the_least_of_it,
		a_counter_that_is_too_low_is_raised,
		a_difference_that_goes_away_or_turns_is_no_drift,
		what_may_have_changed_during_the_count_is_no_difference,
		what_is_beyond_the_changes_is_a_drift,
	};

	return RUN_SUITE("drift", tests);
}
