/*
 * Which worker is due, when, and in which order.
 */
#include "core/recycle.h"

#include "run_suite.h"

#define MIB  (1024ULL * 1024)
#define HOUR 3600000ULL

static const struct recycle_limits all = {
	.memory_bytes = 512 * MIB,
	.age_ms = HOUR,
	.n_connections = 1000,
};

/* Why this one is due. */
static enum recycle_reason judge(const struct recycle_limits *limits,
				 const struct recycle_reading *r)
{
	enum recycle_reason reason = RECYCLE_NONE;

	(void)recycle_next(limits, r, 1, &reason);
	return reason;
}

START_TEST(a_limit_is_a_tenth_more_or_less_and_the_same_for_the_same_run)
{
	uint64_t low = UINT64_MAX, high = 0;

	for (uint64_t run = 1; run <= 10000; run++) {
		uint64_t limit = recycle_limit(1000, run, RECYCLE_AGE);

		ck_assert(limit >= 900 && limit <= 1100);
		ck_assert_uint_eq(limit, recycle_limit(1000, run, RECYCLE_AGE));
		low = limit < low ? limit : low;
		high = limit > high ? limit : high;
	}
	ck_assert_uint_eq(low, 900);
	ck_assert_uint_eq(high, 1100);
}
END_TEST

START_TEST(runs_that_begin_together_do_not_end_together)
{
	unsigned n_near = 0;

	for (uint64_t run = 1; run < 1000; run++) {
		uint64_t one = recycle_limit(HOUR, run, RECYCLE_AGE);
		uint64_t two = recycle_limit(HOUR, run + 1, RECYCLE_AGE);

		n_near += (one > two ? one - two : two - one) < HOUR / 1000;
	}
	ck_assert_uint_lt(n_near, 50);
}
END_TEST

START_TEST(the_smallest_and_the_largest_limits_are_limits)
{
	ck_assert_uint_eq(recycle_limit(1, 7, RECYCLE_CONNECTIONS), 1);
	ck_assert_uint_eq(recycle_limit(UINT64_MAX, 7, RECYCLE_MEMORY), UINT64_MAX);
}
END_TEST

START_TEST(nobody_is_due_where_there_is_no_limit)
{
	const struct recycle_limits none = { 0 };
	const struct recycle_reading huge = { 1, UINT64_MAX, UINT64_MAX, UINT64_MAX };
	enum recycle_reason reason;

	ck_assert_int_eq(judge(&none, &huge), RECYCLE_NONE);
	ck_assert_uint_eq(recycle_next(&none, &huge, 1, &reason), 1);
	ck_assert(recycle_due_ms(&none, &huge, 1) == RECYCLE_NEVER_MS);
}
END_TEST

START_TEST(each_limit_is_a_reason_of_its_own)
{
	struct recycle_reading r = { .run = 1 };

	ck_assert_int_eq(judge(&all, &r), RECYCLE_NONE);
	r = (struct recycle_reading){ .run = 1, .age_ms = 2 * HOUR };
	ck_assert_int_eq(judge(&all, &r), RECYCLE_AGE);
	r = (struct recycle_reading){ .run = 1, .memory_bytes = 1024 * MIB };
	ck_assert_int_eq(judge(&all, &r), RECYCLE_MEMORY);
	r = (struct recycle_reading){ .run = 1, .n_connections = 2000 };
	ck_assert_int_eq(judge(&all, &r), RECYCLE_CONNECTIONS);
}
END_TEST

START_TEST(a_worker_is_due_at_its_own_limit_and_not_before)
{
	for (uint64_t run = 1; run < 100; run++) {
		struct recycle_reading r = { .run = run };

		r.n_connections = recycle_limit(1000, run, RECYCLE_CONNECTIONS) - 1;
		ck_assert_int_eq(judge(&all, &r), RECYCLE_NONE);
		r.n_connections++;
		ck_assert_int_eq(judge(&all, &r), RECYCLE_CONNECTIONS);
	}
}
END_TEST

START_TEST(the_one_that_is_furthest_beyond_its_limit_comes_first)
{
	const struct recycle_reading readings[] = {
		{ .run = 1, .age_ms = 2 * HOUR },
		{ .run = 2, .memory_bytes = 4096 * MIB },
		{ .run = 3, .n_connections = 3000 },
		{ .run = 4 },
	};
	enum recycle_reason reason;

	ck_assert_uint_eq(recycle_next(&all, readings, 4, &reason), 1);
	ck_assert_int_eq(reason, RECYCLE_MEMORY);
	ck_assert_uint_eq(recycle_next(&all, &readings[3], 1, &reason), 1);
}
END_TEST

START_TEST(the_next_age_limit_tells_when_to_look_again)
{
	const struct recycle_reading readings[] = {
		{ .run = 1, .age_ms = 0 },
		{ .run = 2, .age_ms = HOUR / 2 },
	};
	int64_t due_ms = recycle_due_ms(&all, readings, 2);

	ck_assert_int_eq(due_ms, (int64_t)(recycle_limit(HOUR, 2, RECYCLE_AGE) - HOUR / 2));
	ck_assert(recycle_due_ms(&all, readings, 0) == RECYCLE_NEVER_MS);
}
END_TEST

START_TEST(pauses_behind_failures_grow_and_end_growing)
{
	ck_assert_uint_eq(recycle_pause_ms(1), RECYCLE_PAUSE_FIRST_MS);
	for (unsigned n = 1; n < 100; n++) {
		ck_assert_uint_le(recycle_pause_ms(n), recycle_pause_ms(n + 1));
		ck_assert_uint_le(recycle_pause_ms(n), RECYCLE_PAUSE_MAX_MS);
	}
	ck_assert_uint_eq(recycle_pause_ms(1000000), RECYCLE_PAUSE_MAX_MS);
}
END_TEST

START_TEST(a_limit_that_is_reached_soon_makes_the_next_one_wait)
{
	ck_assert(recycle_is_soon(RECYCLE_MEMORY, RECYCLE_YOUNG_MS - 1));
	ck_assert(recycle_is_soon(RECYCLE_CONNECTIONS, 0));
	ck_assert(!recycle_is_soon(RECYCLE_MEMORY, RECYCLE_YOUNG_MS));
	ck_assert(!recycle_is_soon(RECYCLE_AGE, 0));
	ck_assert(!recycle_is_soon(RECYCLE_HUNG, 0));
}
END_TEST

START_TEST(one_that_hangs_and_an_order_do_not_wait_for_what_has_failed_before)
{
	ck_assert(recycle_can_wait(RECYCLE_MEMORY));
	ck_assert(recycle_can_wait(RECYCLE_AGE));
	ck_assert(recycle_can_wait(RECYCLE_CONNECTIONS));
	ck_assert(!recycle_can_wait(RECYCLE_HUNG));
	ck_assert(!recycle_can_wait(RECYCLE_ASKED));
}
END_TEST

START_TEST(one_that_starts_and_has_no_time_left_to_become_ready_is_late)
{
	ck_assert(recycle_is_late(WORKER_STARTING, 0, 60000));
	ck_assert(!recycle_is_late(WORKER_STARTING, 1, 60000)); /* its timer will say so */
	ck_assert(!recycle_is_late(WORKER_STARTING, 0, 0));
	ck_assert(!recycle_is_late(WORKER_READY, 0, 60000));
	ck_assert(!recycle_is_late(WORKER_BACKOFF, 0, 60000)); /* it was cut off, and tries again */
}
END_TEST

START_TEST(each_reason_has_words)
{
	for (int i = 0; i < RECYCLE_REASONS; i++)
		ck_assert_uint_gt(strlen(recycle_reason_text((enum recycle_reason)i)), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_limit_is_a_tenth_more_or_less_and_the_same_for_the_same_run,
		runs_that_begin_together_do_not_end_together,
		the_smallest_and_the_largest_limits_are_limits,
		nobody_is_due_where_there_is_no_limit,
		each_limit_is_a_reason_of_its_own,
		a_worker_is_due_at_its_own_limit_and_not_before,
		the_one_that_is_furthest_beyond_its_limit_comes_first,
		the_next_age_limit_tells_when_to_look_again,
		pauses_behind_failures_grow_and_end_growing,
		a_limit_that_is_reached_soon_makes_the_next_one_wait,
		one_that_hangs_and_an_order_do_not_wait_for_what_has_failed_before,
		one_that_starts_and_has_no_time_left_to_become_ready_is_late,
		each_reason_has_words,
	};

	return RUN_SUITE("recycle", tests);
}
