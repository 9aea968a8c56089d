/*
 * The options that say when a worker is replaced, and when it isn't started again.
 */
#include "prog/run_supervision.h"

#include "run_suite.h"

typedef enum run_options_result set_fn(struct app_config *c, const char *value);

/* Each refusal is one sentence on stderr, which is not looked at here. */
static void assert_refused(set_fn *set, const char *const *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct app_config c = { 0 };

		ck_assert_msg(set(&c, values[i]) == RUN_OPTIONS_WRONG, "%s", values[i]);
	}
}

#define ASSERT_REFUSED(set, ...)                                  \
	assert_refused(set, (const char *const[]){ __VA_ARGS__ }, \
		       sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

START_TEST(a_size_is_a_number_with_a_unit_of_1024s)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = {
		{ "1", 1 },           { "800K", 800ULL << 10 }, { "512M", 512ULL << 20 },
		{ "2G", 2ULL << 30 }, { "1T", 1ULL << 40 },
	};
	struct app_config c = { 0 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ck_assert_int_eq(run_supervision_max_memory(&c, sizes[i].text), RUN_OPTIONS_OK);
		ck_assert_uint_eq(c.recycle.memory_bytes, sizes[i].bytes);
	}
	ASSERT_REFUSED(run_supervision_max_memory, "", "0", "0M", "M", "-1M", "1.5G", "512m",
		       "512MB", "512 M", "99999999999999999999", "9999999999T");
}
END_TEST

START_TEST(an_age_and_a_patience_are_times_and_not_none)
{
	struct app_config c = { 0 };

	ck_assert_int_eq(run_supervision_max_age(&c, "2m"), RUN_OPTIONS_OK);
	ck_assert_uint_eq(c.recycle.age_ms, 120000);
	ck_assert_int_eq(run_supervision_hang_timeout(&c, "30s"), RUN_OPTIONS_OK);
	ck_assert_uint_eq(c.hang_timeout_ms, 30000);
	ck_assert_int_eq(run_supervision_hang_timeout(&c, "off"), RUN_OPTIONS_OK);
	ck_assert_uint_eq(c.hang_timeout_ms, 0);
	ASSERT_REFUSED(run_supervision_max_age, "", "0", "0s", "off", "1x", "-1s");
	ASSERT_REFUSED(run_supervision_hang_timeout, "", "0", "OFF", "1x");
}
END_TEST

START_TEST(connections_are_a_number_from_1_on)
{
	struct app_config c = { 0 };

	ck_assert_int_eq(run_supervision_max_connections(&c, "10000"), RUN_OPTIONS_OK);
	ck_assert_uint_eq(c.recycle.n_connections, 10000);
	ASSERT_REFUSED(run_supervision_max_connections, "", "0", "-1", "1k",
		       "99999999999999999999");
}
END_TEST

START_TEST(restarts_are_a_number_within_a_time)
{
	struct app_config c = { 0 };

	ck_assert_int_eq(run_supervision_max_restarts(&c, "5/60s"), RUN_OPTIONS_OK);
	ck_assert_uint_eq(c.restarts.n_max, 5);
	ck_assert_uint_eq(c.restarts.window_ms, 60000);
	ASSERT_REFUSED(run_supervision_max_restarts, "", "5", "5/", "/60s", "0/60s", "5/0s", "5/x",
		       "-5/60s", "5/60s/", "5 /60s");
}
END_TEST

START_TEST(exit_codes_are_a_list_and_may_be_given_again)
{
	struct app_config c = { 0 };
	struct restarts account = { 0 };

	ck_assert_int_eq(run_supervision_stop_exit_codes(&c, "0,77"), RUN_OPTIONS_OK);
	ck_assert_int_eq(run_supervision_stop_exit_codes(&c, "255"), RUN_OPTIONS_OK);
	for (unsigned code = 0; code < RESTARTS_CODES; code++)
		ck_assert_int_eq(restarts_judge(&account, &c.restarts, true, code, 0),
				 code == 0 || code == 77 || code == 255 ? RESTARTS_STOP_CODE
									: RESTARTS_AGAIN);
	ASSERT_REFUSED(run_supervision_stop_exit_codes, "", ",", "0,", ",0", "256", "-1", "0 1",
		       "x");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_size_is_a_number_with_a_unit_of_1024s,
		an_age_and_a_patience_are_times_and_not_none,
		connections_are_a_number_from_1_on,
		restarts_are_a_number_within_a_time,
		exit_codes_are_a_list_and_may_be_given_again,
	};

	return RUN_SUITE("run_supervision", tests);
}
