/*
 * How often a worker is started again, and after which ends it is not.
 */
#include "core/restarts.h"

#include "run_suite.h"

#define WINDOW_MS 60000

static const struct restarts_rules five_in_a_minute = { .n_max = 5, .window_ms = WINDOW_MS };

static enum restarts_verdict end_at(struct restarts *r, int64_t now_ms)
{
	return restarts_judge(r, &five_in_a_minute, true, 1, now_ms);
}

START_TEST(without_a_rule_a_worker_is_started_again_however_often_it_ends)
{
	const struct restarts_rules none = { 0 };
	struct restarts r = { 0 };

	for (unsigned i = 0; i < 100000; i++)
		ck_assert_int_eq(restarts_judge(&r, &none, true, i % 256, 0), RESTARTS_AGAIN);
}
END_TEST

START_TEST(as_many_restarts_as_are_allowed_are_made_and_the_next_is_not)
{
	struct restarts r = { 0 };

	for (int64_t i = 0; i < 5; i++)
		ck_assert_int_eq(end_at(&r, 1000 + i * 10000), RESTARTS_AGAIN);
	ck_assert_int_eq(end_at(&r, 1000 + WINDOW_MS - 1), RESTARTS_TOO_MANY);
	ck_assert_int_eq(end_at(&r, 1000 + WINDOW_MS - 1), RESTARTS_TOO_MANY);
}
END_TEST

START_TEST(ends_that_are_further_apart_are_never_too_many)
{
	struct restarts r = { 0 };

	for (int64_t i = 0; i < 1000; i++)
		ck_assert_int_eq(end_at(&r, i * (WINDOW_MS / 5)), RESTARTS_AGAIN);
}
END_TEST

START_TEST(a_new_window_begins_behind_the_last_one)
{
	struct restarts r = { 0 };

	for (int64_t i = 0; i < 6; i++)
		(void)end_at(&r, i);
	ck_assert_int_eq(end_at(&r, WINDOW_MS), RESTARTS_AGAIN);
	ck_assert_uint_eq(r.n, 1);
}
END_TEST

START_TEST(only_the_named_exit_codes_end_a_slot_and_no_signal_does)
{
	struct restarts_rules rules = { 0 };
	struct restarts r = { 0 };

	restarts_add_code(&rules, 0);
	restarts_add_code(&rules, 77);
	restarts_add_code(&rules, 255);
	for (unsigned code = 0; code < RESTARTS_CODES; code++) {
		bool is_named = code == 0 || code == 77 || code == 255;

		ck_assert_int_eq(restarts_judge(&r, &rules, true, code, 0),
				 is_named ? RESTARTS_STOP_CODE : RESTARTS_AGAIN);
		ck_assert_int_eq(restarts_judge(&r, &rules, false, code, 0), RESTARTS_AGAIN);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		without_a_rule_a_worker_is_started_again_however_often_it_ends,
		as_many_restarts_as_are_allowed_are_made_and_the_next_is_not,
		ends_that_are_further_apart_are_never_too_many,
		a_new_window_begins_behind_the_last_one,
		only_the_named_exit_codes_end_a_slot_and_no_signal_does,
	};

	return RUN_SUITE("restarts", tests);
}
