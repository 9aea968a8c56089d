/*
 * Bodies of requests: what is understood, and that nothing else is.
 */
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

int main(void)
{
	const TTest *const tests[] = {
		a_number_of_workers_or_a_change_of_it_is_understood,
		no_other_wish_to_scale_is_understood,
		an_upgrade_may_name_its_program,
		no_other_wish_to_upgrade_is_understood,
		a_program_has_a_path_that_is_short_enough,
	};

	return RUN_SUITE("control_requests", tests);
}
