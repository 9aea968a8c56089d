/*
 * What an app is called.
 */
#include "core/app_name.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* @command: its arguments, parted by '|' */
static void assert_named(const char *name, const char *command)
{
	char copy[200];
	char *rest = copy;
	char *argv[10] = { 0 };
	char got[APP_NAME_MAX + 1];
	size_t n = 0;

	ck_assert_uint_lt(strlen(command), sizeof(copy));
	memcpy(copy, command, strlen(command) + 1);
	while (rest && n < 9)
		argv[n++] = strsep(&rest, "|");
	ck_assert_ptr_null(rest);

	app_name_from_command(argv, got);
	ck_assert_str_eq(got, name);
	ck_assert(app_name_is_valid(got));
}

START_TEST(a_program_gives_its_own_name)
{
	assert_named("server", "./build/server|--port|8000");
	assert_named("nginx", "/usr/sbin/nginx|-g|daemon off;");
	assert_named("run", "./run.sh");
	assert_named("my-server-2", "/opt/My Server@2");
}
END_TEST

START_TEST(an_interpreter_gives_the_name_of_what_it_runs)
{
	assert_named("app", "node|app.js");
	assert_named("app", "/usr/bin/nodejs|--inspect=0|-r|./trace.js|src/app.mjs");
	assert_named("http.server", "python3|-m|http.server|8000");
	assert_named("server", "/usr/bin/python3.11|-W|error|-u|server.py");
	assert_named("shop", "java|-Xmx64m|-cp|lib/a.jar|-jar|target/shop.jar");
	assert_named("start", "sh|-e|./start.sh");
	assert_named("puma", "ruby3.1|-I|lib|bin/puma|-p|9292");
}
END_TEST

START_TEST(an_interpreter_of_code_or_of_nothing_gives_its_own_name)
{
	assert_named("sh", "sh|-c|exec node app.js");
	assert_named("bash", "bash|-lc|exec node app.js");
	assert_named("node", "node|-e|require('./app')");
	assert_named("python3", "python3");
	assert_named("php8.2", "php8.2|-S|127.0.0.1:8000");
	assert_named("node", "node|-r");
}
END_TEST

START_TEST(whatever_a_name_may_not_have_is_replaced)
{
	char long_name[200];
	char *argv[] = { long_name, NULL };
	char got[APP_NAME_MAX + 1];

	assert_named("app", "");
	assert_named("app", "/");
	assert_named("app", "...");
	assert_named("hidden", "./.hidden");
	assert_named("a--", "a\xc3\xa4");
	assert_named("app", "sh/");

	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	app_name_from_command(argv, got);
	ck_assert_uint_eq(strlen(got), APP_NAME_MAX);
}
END_TEST

START_TEST(a_name_is_1_to_63_plain_bytes)
{
	char longest[APP_NAME_MAX + 2];

	memset(longest, 'x', sizeof(longest));
	longest[APP_NAME_MAX + 1] = '\0';
	ck_assert(!app_name_is_valid(longest));
	longest[APP_NAME_MAX] = '\0';
	ck_assert(app_name_is_valid(longest));

	ck_assert(app_name_is_valid("web_1.api-v2"));
	ck_assert(!app_name_is_valid(""));
	ck_assert(!app_name_is_valid("Web"));
	ck_assert(!app_name_is_valid("a b"));
	ck_assert(!app_name_is_valid("a/b"));
	ck_assert(!app_name_is_valid(".."));
	ck_assert(!app_name_is_valid("-n"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_program_gives_its_own_name,
		an_interpreter_gives_the_name_of_what_it_runs,
		an_interpreter_of_code_or_of_nothing_gives_its_own_name,
		whatever_a_name_may_not_have_is_replaced,
		a_name_is_1_to_63_plain_bytes,
	};
	TCase *tcase = tcase_create("app_name");
	Suite *suite = suite_create("app_name");
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
