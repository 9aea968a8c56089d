/*
 * Bodies of requests: what is understood, and that nothing else is.
 */
#include <stdarg.h>
#include <string.h>

#include "control/requests.h"
#include "run_suite.h"

static struct span span_of(const char *text)
{
	return (struct span){ text, strlen(text) };
}

static bool scales(const char *body, bool is_change, int workers)
{
	struct control_scale scale;
	char text[CONTROL_TEXT_MAX];

	return requests_read_scale(span_of(body), &scale, text) && scale.is_change == is_change &&
	       scale.workers == workers;
}

START_TEST(a_number_of_workers_or_a_change_of_it_is_understood)
{
	ck_assert(scales("{\"workers\": 1}", false, 1));
	ck_assert(scales("{\"workers\": 1000}", false, 1000));
	ck_assert(scales(" {\"change\" : -3}\n", true, -3));
	ck_assert(scales("{\"change\": 1000}", true, 1000));
}
END_TEST

START_TEST(no_other_wish_to_scale_is_understood)
{
	static const char *const bodies[] = {
		"",
		"null",
		"7",
		"[1]",
		"{}",
		"{",
		"{\"workers\": 2} 3",
		"{\"workers\": 0}",
		"{\"workers\": -1}",
		"{\"workers\": 1001}",
		"{\"workers\": 2.0}",
		"{\"workers\": \"2\"}",
		"{\"workers\": null}",
		"{\"workers\": 4294967298}",
		"{\"workers\": 99999999999999999999}",
		"{\"workers\": 2, \"workers\": 3}",
		"{\"workers\": 2, \"change\": 1}",
		"{\"workers\": 2, \"other\": 1}",
		"{\"change\": 0}",
		"{\"change\": -1001}",
		"{\"change\": true}",
		"{\"Workers\": 2}",
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct control_scale scale;
		char text[CONTROL_TEXT_MAX] = "";

		ck_assert_msg(!requests_read_scale(span_of(bodies[i]), &scale, text), "%s",
			      bodies[i]);
		ck_assert_msg(text[strlen(text) - 1] == '.', "%s: %s", bodies[i], text);
	}
}
END_TEST

START_TEST(an_upgrade_may_name_its_program)
{
	struct requests_upgrade upgrade;
	char text[CONTROL_TEXT_MAX];

	ck_assert(requests_read_upgrade(span_of("{\"binary\": \"/a b\"}"), &upgrade, text));
	ck_assert_str_eq(upgrade.binary, "/a b");
	ck_assert(requests_read_upgrade(span_of("{}"), &upgrade, text));
	ck_assert_str_eq(upgrade.binary, "");
	ck_assert(requests_read_upgrade(span_of(""), &upgrade, text));
	ck_assert_str_eq(upgrade.binary, "");
}
END_TEST

START_TEST(no_other_wish_to_upgrade_is_understood)
{
	static const char *const bodies[] = {
		" ",
		"\"/bin/true\"",
		"{\"binary\": \"\"}",
		"{\"binary\": \"berth\"}",
		"{\"binary\": null}",
		"{\"binary\": \"/a\\u0000b\"}",
		"{\"binary\": \"/\xff\"}",
		"{\"binary\": \"/a\", \"force\": true}",
		"{\"force\": true}",
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct requests_upgrade upgrade;
		char text[CONTROL_TEXT_MAX];

		ck_assert_msg(!requests_read_upgrade(span_of(bodies[i]), &upgrade, text), "%s",
			      bodies[i]);
	}
}
END_TEST

START_TEST(a_program_has_a_path_that_is_short_enough)
{
	struct requests_upgrade upgrade;
	char text[CONTROL_TEXT_MAX], body[PATH_MAX + 32];

	for (int size = PATH_MAX - 1; size <= PATH_MAX; size++) {
		int n = snprintf(body, sizeof(body), "{\"binary\": \"/%0*d\"}", size - 1, 0);
		struct span span = { body, (size_t)n };

		ck_assert_int_eq(requests_read_upgrade(span, &upgrade, text), size < PATH_MAX);
	}
}
END_TEST

static bool reads_query(struct requests_events *ret_events, size_t n, ...)
{
	struct requests_query query = { .n = n };
	char text[CONTROL_TEXT_MAX] = "";
	va_list arguments;
	bool is_right;

	va_start(arguments, n);
	for (size_t i = 0; i < n; i++) {
		query.at[i].name = va_arg(arguments, const char *);
		query.at[i].value = va_arg(arguments, const char *);
	}
	va_end(arguments);
	is_right = requests_read_events(&query, ret_events, text);
	ck_assert_int_eq(is_right, text[0] == '\0');
	return is_right;
}

START_TEST(a_query_says_which_events_and_whether_to_follow)
{
	struct requests_events events;

	ck_assert(reads_query(&events, 0));
	ck_assert(events.after == 0 && !events.is_following);
	ck_assert(reads_query(&events, 2, "follow", "1", "after", "9223372036854775807"));
	ck_assert(events.after == INT64_MAX && events.is_following);
	ck_assert(reads_query(&events, 1, "follow", "0"));
	ck_assert(!events.is_following);
}
END_TEST

START_TEST(no_other_query_is_understood)
{
	static const char *const wrong[][2] = {
		{ "after", "" },      { "after", "-1" },
		{ "after", "1x" },    { "after", "9223372036854775808" },
		{ "follow", "2" },    { "follow", "" },
		{ "follow", "true" }, { "since", "1" },
		{ "", "" },
	};
	struct requests_query long_one = { .is_too_long = true };
	struct requests_events events;
	char text[CONTROL_TEXT_MAX];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!reads_query(&events, 1, wrong[i][0], wrong[i][1]), "%s=%s",
			      wrong[i][0], wrong[i][1]);
	ck_assert(!reads_query(&events, 2, "after", "1", "after", "2"));
	ck_assert(!requests_read_events(&long_one, &events, text));
}
END_TEST

START_TEST(a_stop_is_graceful_or_now)
{
	static const char *const wrong[] = { "[]", "{\"now\": 1}", "{\"now\": null}",
					     "{\"now\": true, \"x\": 1}", "{\"x\": true}" };
	char text[CONTROL_TEXT_MAX];
	bool is_now = true;

	ck_assert(requests_read_stop(span_of(""), &is_now, text) && !is_now);
	ck_assert(requests_read_stop(span_of("{\"now\": true}"), &is_now, text) && is_now);
	ck_assert(requests_read_stop(span_of("{\"now\": false}"), &is_now, text) && !is_now);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!requests_read_stop(span_of(wrong[i]), &is_now, text), "%s",
			      wrong[i]);
}
END_TEST

START_TEST(a_restart_names_slots_or_none)
{
	static const char *const wrong[] = {
		"{\"slots\": []}",      "{\"slots\": [0]}",
		"{\"slots\": [1001]}",  "{\"slots\": 1}",
		"{\"slots\": [\"1\"]}", "{\"slots\": [1], \"x\": 1}",
		"{\"x\": [1]}",         "[1]",
	};
	struct control_restart restart;
	char text[CONTROL_TEXT_MAX];

	ck_assert(requests_read_restart(span_of("{}"), &restart, text) && restart.is_all);
	ck_assert(requests_read_restart(span_of("{\"slots\": [3, 1000, 3]}"), &restart, text));
	ck_assert(!restart.is_all && restart.slots[2] && restart.slots[999] && !restart.slots[0]);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!requests_read_restart(span_of(wrong[i]), &restart, text), "%s",
			      wrong[i]);
}
END_TEST

START_TEST(a_drain_names_one_slot)
{
	static const char *const wrong[] = {
		"",
		"{}",
		"[1]",
		"{\"slot\": 0}",
		"{\"slot\": 1001}",
		"{\"slot\": \"1\"}",
		"{\"slot\": 1, \"x\": 1}",
		"{\"slots\": [1]}",
	};
	struct control_drain drain;
	char text[CONTROL_TEXT_MAX];

	ck_assert(requests_read_drain(span_of("{\"slot\": 1000}"), &drain, text));
	ck_assert_uint_eq(drain.slot, 1000);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!requests_read_drain(span_of(wrong[i]), &drain, text), "%s",
			      wrong[i]);
}
END_TEST

START_TEST(a_kill_names_a_slot_and_a_signal)
{
	static const char *const wrong[] = {
		"",
		"{}",
		"{\"slot\": 1}",
		"{\"signal\": 1}",
		"{\"slot\": 0, \"signal\": 1}",
		"{\"slot\": 1, \"signal\": 0}",
		"{\"slot\": 1, \"signal\": 65}",
		"{\"slot\": 1, \"signal\": 32}",
		"{\"slot\": 1, \"signal\": 33}",
		"{\"slot\": 1, \"signal\": \"TERM\"}",
		"{\"slot\": 1, \"signal\": 1, \"x\": 1}",
	};
	struct control_kill kill;
	char text[CONTROL_TEXT_MAX];

	ck_assert(requests_read_kill(span_of("{\"slot\": 4, \"signal\": 15}"), &kill, text));
	ck_assert_uint_eq(kill.slot, 4);
	ck_assert_int_eq(kill.signal, 15);
	ck_assert(requests_read_kill(span_of("{\"slot\": 4, \"signal\": 34}"), &kill, text));
	ck_assert(requests_read_kill(span_of("{\"slot\": 4, \"signal\": 31}"), &kill, text));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!requests_read_kill(span_of(wrong[i]), &kill, text), "%s", wrong[i]);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_number_of_workers_or_a_change_of_it_is_understood,
		no_other_wish_to_scale_is_understood,
		an_upgrade_may_name_its_program,
		no_other_wish_to_upgrade_is_understood,
		a_program_has_a_path_that_is_short_enough,
		a_query_says_which_events_and_whether_to_follow,
		no_other_query_is_understood,
		a_stop_is_graceful_or_now,
		a_restart_names_slots_or_none,
		a_drain_names_one_slot,
		a_kill_names_a_slot_and_a_signal,
	};

	return RUN_SUITE("control_requests", tests);
}
