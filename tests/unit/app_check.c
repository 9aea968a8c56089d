/*
 * Contradictions in what the user asked for.
 */
#include "core/app_check.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct app_config app(unsigned n_workers)
{
	struct app_config c = { .n_workers = n_workers };

	return c;
}

static void listen_at(struct app_config *c, const char *text)
{
	ck_assert_int_eq(addr_parse(text, &c->listen[c->n_listen++]), ADDR_OK);
}

static void assert_says(const struct app_config *c, enum app_fault fault, const char *text)
{
	char got[APP_CHECK_TEXT_MAX] = "";

	ck_assert_int_eq(app_check(c, got), fault);
	ck_assert_str_eq(got, text);
}

static void assert_pair(const char *a, const char *b, const char *text)
{
	struct app_config c = app(2);

	listen_at(&c, a);
	listen_at(&c, b);
	assert_says(&c, *text ? APP_LISTEN_COVERED : APP_SOUND, text);
}

START_TEST(an_app_without_ports_is_sound)
{
	struct app_config c = app(4);

	assert_says(&c, APP_SOUND, "");
}
END_TEST

START_TEST(addresses_that_do_not_meet_are_sound)
{
	assert_pair("8000", "8001", "");
	assert_pair("127.0.0.1:8000", "127.0.0.2:8000", "");
	assert_pair("0.0.0.0:8000", "[::1]:8000", "");
	assert_pair("127.0.0.1:8000", "[::1]:8000", "");
	assert_pair("unix:/a", "unix:/b", "");
	assert_pair("unix:/a", "8000", "");
}
END_TEST

START_TEST(an_address_that_has_another_in_it_is_a_contradiction)
{
	assert_pair("8000", "8000", "the address *:8000 is given twice: once is enough");
	assert_pair("unix:/a", "unix:/a", "the address unix:/a is given twice: once is enough");
	assert_pair("8000", "127.0.0.1:8000",
		    "the address *:8000 has 127.0.0.1:8000 in it: leave one of them out");
	assert_pair("[::1]:8000", "8000",
		    "the address *:8000 has [::1]:8000 in it: leave one of them out");
	assert_pair("127.0.0.1:8000", "0.0.0.0:8000",
		    "the address 0.0.0.0:8000 has 127.0.0.1:8000 in it: leave one of them out");
	assert_pair("0.0.0.0:8000", "[::]:8000",
		    "the address [::]:8000 has 0.0.0.0:8000 in it: leave one of them out");
}
END_TEST

START_TEST(a_port_cannot_be_shared_and_left_alone)
{
	struct app_config c = app(2);

	listen_at(&c, "unix:/a");
	listen_at(&c, "127.0.0.1:8000");
	c.private_ports[c.n_private++] = 8000;
	assert_says(&c, APP_LISTEN_IS_PRIVATE,
		    "port 8000 cannot be both shared and private: leave one of them out");
}
END_TEST

START_TEST(a_shared_port_cannot_lie_where_unique_ports_go)
{
	struct app_config c = app(4);

	listen_at(&c, "9004");
	c.unique_ports[c.n_unique++] = 9000;
	assert_says(&c, APP_LISTEN_IS_UNIQUE,
		    "port 9004 cannot be shared: unique port 9000 takes 9000 to 9004 for its "
		    "workers");
	c.unique_ports[0] = 9004;
	ck_assert_int_eq(app_check(&c, (char[APP_CHECK_TEXT_MAX]){ 0 }), APP_LISTEN_IS_UNIQUE);
	c.unique_ports[0] = 9005;
	assert_says(&c, APP_SOUND, "");
	c.unique_ports[0] = 8999;
	assert_says(&c, APP_SOUND, "");
}
END_TEST

START_TEST(a_unique_port_cannot_be_private)
{
	struct app_config c = app(4);

	c.unique_ports[c.n_unique++] = 9000;
	c.private_ports[c.n_private++] = 9000;
	assert_says(&c, APP_UNIQUE_IS_PRIVATE,
		    "port 9000 cannot be both unique and private: leave one of them out");
}
END_TEST

START_TEST(a_unique_port_leaves_room_for_all_workers)
{
	struct app_config c = app(4);

	c.unique_ports[c.n_unique++] = 65531;
	assert_says(&c, APP_SOUND, "");
	c.unique_ports[0] = 65532;
	assert_says(&c, APP_UNIQUE_TOO_HIGH,
		    "unique port 65532 is too high: with 4 workers it may be 65531 at most");
}
END_TEST

START_TEST(unique_ports_are_so_far_apart_that_no_two_workers_meet)
{
	struct app_config c = app(4);

	c.unique_ports[c.n_unique++] = 9004;
	c.unique_ports[c.n_unique++] = 9000;
	assert_says(&c, APP_SOUND, "");
	c.unique_ports[1] = 9001;
	assert_says(&c, APP_UNIQUE_TOO_CLOSE,
		    "unique ports 9004 and 9001 are too close: with 4 workers they must be at "
		    "least 4 apart");
	c.unique_ports[1] = 9004;
	ck_assert_int_eq(app_check(&c, (char[APP_CHECK_TEXT_MAX]){ 0 }), APP_UNIQUE_TOO_CLOSE);
}
END_TEST

START_TEST(a_template_has_a_number_in_every_slot)
{
	char argument[] = "{4-slot}", variable[] = "A={slot-1}";
	char *argv[] = { argument, NULL };
	char *env[] = { variable, NULL };
	struct app_config c = app(4);

	c.argv = argv;
	c.env = env;
	assert_says(&c, APP_SOUND, "");
	argument[1] = '3';
	assert_says(&c, APP_ARGUMENT_UNDEFINED,
		    "the argument '{3-slot}' has a sum in braces that is less than 0 in slot 4 "
		    "of 4");
	argument[1] = '4';
	variable[8] = '2';
	assert_says(&c, APP_ENV_UNDEFINED,
		    "the variable 'A={slot-2}' has a sum in braces that is less than 0 in slot 1 "
		    "of 4");
}
END_TEST

START_TEST(a_long_argument_is_cut_in_the_sentence)
{
	char argument[1000];
	char *argv[] = { argument, NULL };
	char got[APP_CHECK_TEXT_MAX];
	struct app_config c = app(1);

	memset(argument, 'a', sizeof(argument));
	memcpy(argument + 980, "{0-slot}", sizeof("{0-slot}"));
	c.argv = argv;
	ck_assert_int_eq(app_check(&c, got), APP_ARGUMENT_UNDEFINED);
	ck_assert_ptr_nonnull(strstr(got, "less than 0 in slot 1 of 1"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_app_without_ports_is_sound,
		addresses_that_do_not_meet_are_sound,
		an_address_that_has_another_in_it_is_a_contradiction,
		a_port_cannot_be_shared_and_left_alone,
		a_shared_port_cannot_lie_where_unique_ports_go,
		a_unique_port_cannot_be_private,
		a_unique_port_leaves_room_for_all_workers,
		unique_ports_are_so_far_apart_that_no_two_workers_meet,
		a_template_has_a_number_in_every_slot,
		a_long_argument_is_cut_in_the_sentence,
	};
	TCase *tcase = tcase_create("app_check");
	Suite *suite = suite_create("app_check");
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
