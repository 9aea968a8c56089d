/*
 * The command line of `berth run`.
 */
#include "prog/run_options.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/cpus.h"

#define ARGUMENTS_MAX 200

/* What the last call of parse() said on stdout and stderr. */
static char *said;

/* @line: the arguments behind "run", parted by '|' */
static enum run_options_result parse(const char *line, struct app_config *ret_config)
{
	FILE *stdout_kept = stdout, *stderr_kept = stderr;
	char *copy = strdup(line);
	char *rest = *line ? copy : NULL;
	char run[] = "run";
	char *argv[ARGUMENTS_MAX + 2] = { run };
	enum run_options_result result;
	size_t size;
	int argc = 1;

	ck_assert_ptr_nonnull(copy);
	while (rest && argc <= ARGUMENTS_MAX)
		argv[argc++] = strsep(&rest, "|");
	ck_assert_ptr_null(rest);

	free(said);
	said = NULL;
	stdout = stderr = open_memstream(&said, &size);
	ck_assert_ptr_nonnull(stderr);
	result = run_options_parse(argc, argv, ret_config);
	ck_assert_int_eq(fclose(stderr), 0);
	stdout = stdout_kept;
	stderr = stderr_kept;
	free(copy);
	return result;
}

static struct app_config parsed(const char *line)
{
	struct app_config c;

	ck_assert_msg(parse(line, &c) == RUN_OPTIONS_OK, "%s: %s", line, said);
	ck_assert_str_eq(said, "");
	return c;
}

static void assert_wrong(const char *line, const char *sentence)
{
	struct app_config c = { .n_workers = 4711 };
	char expected[400];

	(void)snprintf(expected, sizeof(expected), "berth run: %s\n", sentence);
	ck_assert_int_eq(parse(line, &c), RUN_OPTIONS_WRONG);
	ck_assert_str_eq(said, expected);
	ck_assert_uint_eq(c.n_workers, 4711); /* outputs are written on success only */
}

static void forget_environment(void)
{
	ck_assert_int_eq(unsetenv("WEB_CONCURRENCY"), 0);
}

static void forget_said(void)
{
	free(said);
	said = NULL;
}

START_TEST(a_command_alone_gets_all_defaults)
{
	struct app_config c = parsed("--|node|app.js|-n|4");
	unsigned n_cpus;

	ck_assert_int_eq(cpus_usable(&n_cpus), 0);
	ck_assert_uint_eq(c.n_workers, n_cpus);
	ck_assert_str_eq(c.name, "app");
	ck_assert_str_eq(c.argv[0], "node");
	ck_assert_str_eq(c.argv[3], "4"); /* the command's own option */
	ck_assert_ptr_null(c.argv[4]);
	ck_assert_ptr_null(c.env);
	ck_assert_uint_eq(c.n_listen + c.n_unique + c.n_private, 0);
	ck_assert_int_eq(c.policy, POLICY_ROUND_ROBIN);
	ck_assert_int_eq(c.mode, MODE_AUTO);
	ck_assert_int_eq(c.stop_signal, SIGTERM);
	ck_assert_uint_eq(c.stop_timeout_ms, 30000);
	ck_assert_uint_eq(c.backlog_min, 1024);
	ck_assert(!c.quiet && !c.json);
	app_config_done(&c);
}
END_TEST

START_TEST(every_option_is_read)
{
	struct app_config c =
		parsed("-n|3|--name|web|--listen|8000|--listen=unix:/a|--policy|hash|--mode|shared|"
		       "--unique|9000|--private|9100|--env|A=1|--env|B={slot}|--stop-signal|INT|"
		       "--stop-timeout|500ms|--backlog|64|--quiet|--json|--|./server");

	ck_assert_uint_eq(c.n_workers, 3);
	ck_assert_str_eq(c.name, "web");
	ck_assert_uint_eq(c.n_listen, 2);
	ck_assert_uint_eq(c.listen[0].port, 8000);
	ck_assert_uint_eq(c.listen[1].family, AF_UNIX);
	ck_assert_int_eq(c.policy, POLICY_HASH);
	ck_assert_int_eq(c.mode, MODE_SHARED);
	ck_assert(c.n_unique == 1 && c.unique_ports[0] == 9000);
	ck_assert(c.n_private == 1 && c.private_ports[0] == 9100);
	ck_assert_str_eq(c.env[0], "A=1");
	ck_assert_str_eq(c.env[1], "B={slot}");
	ck_assert_ptr_null(c.env[2]);
	ck_assert_int_eq(c.stop_signal, SIGINT);
	ck_assert_uint_eq(c.stop_timeout_ms, 500);
	ck_assert_uint_eq(c.backlog_min, 64);
	ck_assert(c.quiet && c.json);
	app_config_done(&c);
}
END_TEST

START_TEST(options_end_at_the_command_with_or_without_dashes)
{
	struct app_config c = parsed("-n2|npm|run|x|--|--name|y");

	ck_assert_uint_eq(c.n_workers, 2);
	ck_assert_str_eq(c.name, "npm");
	ck_assert_str_eq(c.argv[3], "--");
	app_config_done(&c);
}
END_TEST

START_TEST(of_a_variable_that_is_set_twice_the_later_value_stays)
{
	struct app_config c = parsed("--env|A=1|--env|AB=2|--env|A=3|--env|B=|--|x");

	ck_assert_str_eq(c.env[0], "A=3");
	ck_assert_str_eq(c.env[1], "AB=2");
	ck_assert_str_eq(c.env[2], "B=");
	ck_assert_ptr_null(c.env[3]);
	app_config_done(&c);
}
END_TEST

START_TEST(the_number_of_workers_comes_from_the_environment_unless_it_is_given)
{
	struct app_config c;
	unsigned n_cpus;

	ck_assert_int_eq(cpus_usable(&n_cpus), 0);
	ck_assert_int_eq(setenv("WEB_CONCURRENCY", "7", 1), 0);
	c = parsed("--|x");
	ck_assert_uint_eq(c.n_workers, 7);
	app_config_done(&c);
	c = parsed("-n|auto|--|x");
	ck_assert_uint_eq(c.n_workers, n_cpus);
	app_config_done(&c);

	ck_assert_int_eq(setenv("WEB_CONCURRENCY", "", 1), 0);
	c = parsed("--|x");
	ck_assert_uint_eq(c.n_workers, n_cpus);
	app_config_done(&c);

	ck_assert_int_eq(setenv("WEB_CONCURRENCY", "many", 1), 0);
	assert_wrong("--|x",
		     "WEB_CONCURRENCY must be a number from 1 to 1000, or auto, not 'many'");
}
END_TEST

START_TEST(help_is_printed_and_nothing_else_is_done)
{
	struct app_config c;

	ck_assert_int_eq(parse("--help", &c), RUN_OPTIONS_HELP);
	ck_assert_ptr_eq(strstr(said, "usage: berth run"), said);
	ck_assert_ptr_nonnull(strstr(said, "--listen ADDR"));
	ck_assert_int_eq(parse("-n|2|-h|--|x", &c), RUN_OPTIONS_HELP);
}
END_TEST

START_TEST(help_fits_a_terminal)
{
	struct app_config c;

	ck_assert_int_eq(parse("--help", &c), RUN_OPTIONS_HELP);
	for (char *line = said; *line; line += strcspn(line, "\n") + 1)
		ck_assert_uint_le(strcspn(line, "\n"), 80);
}
END_TEST

START_TEST(a_missing_command_is_named)
{
	static const char sentence[] =
		"there is no command to run: write berth run [OPTIONS] -- COMMAND [ARG...]";

	assert_wrong("", sentence);
	assert_wrong("-n|2", sentence);
	assert_wrong("-n|2|--", sentence);
	assert_wrong("--|", sentence);
}
END_TEST

START_TEST(an_unknown_option_is_named)
{
	assert_wrong("--frob|--|x", "there is no option --frob: see berth run --help");
	assert_wrong("-x|--|x", "there is no option -x: see berth run --help");
	assert_wrong("--st=1|--|x", "there is no option --st=1: see berth run --help");
}
END_TEST

START_TEST(a_missing_or_needless_value_is_named)
{
	assert_wrong("--policy", "--policy needs a value: POLICY");
	assert_wrong("-n", "-n needs a value: N|auto");
	assert_wrong("--quiet=yes|--|x", "--quiet takes no value");
}
END_TEST

START_TEST(a_wrong_value_is_named_with_the_way_out)
{
	assert_wrong("-n|0|--|x", "-n must be a number from 1 to 1000, or auto, not '0'");
	assert_wrong("-n|1001|--|x", "-n must be a number from 1 to 1000, or auto, not '1001'");
	assert_wrong("--policy|rr|--|x", "there is no policy 'rr': choose round-robin, random-two, "
					 "hash, balanced, sticky, weighted or shared");
	assert_wrong("--mode|fast|--|x", "there is no mode 'fast': choose auto, steered or shared");
	assert_wrong("--name|Web|--|x", "the name 'Web' must be 1 to 63 of a-z, 0-9, '.', '_' and "
					"'-', and not begin with '.' or '-'");
	assert_wrong("--unique|0|--|x", "--unique '0' must be a port from 1 to 65535");
	assert_wrong("--private|80x|--|x", "--private '80x' must be a port from 1 to 65535");
	assert_wrong("--env|A|--|x", "--env 'A' must be of the form KEY=VALUE");
	assert_wrong("--env|=A|--|x", "--env '=A' must be of the form KEY=VALUE");
	assert_wrong("--env|BERTH_SLOT=3|--|x",
		     "--env 'BERTH_SLOT=3': berth sets BERTH_SLOT itself, for every worker");
	assert_wrong("--env|NODE_APP_INSTANCE=|--|x",
		     "--env 'NODE_APP_INSTANCE=': berth sets NODE_APP_INSTANCE itself, for every "
		     "worker");
	assert_wrong("--stop-signal|BYE|--|x",
		     "there is no signal 'BYE': write a name such as TERM, or a number from 1 to "
		     "64");
	assert_wrong("--stop-timeout|soon|--|x",
		     "--stop-timeout 'soon' must be a time such as 30s, 500ms or 2m");
	assert_wrong("--backlog|-1|--|x", "--backlog '-1' must be a number from 0 to 2147483647");
}
END_TEST

START_TEST(a_wrong_address_is_named_with_the_way_out)
{
	assert_wrong("--listen|08000x|--|x",
		     "--listen '08000x' must end with a port from 1 to 65535");
	assert_wrong("--listen|localhost:80|--|x",
		     "--listen 'localhost:80' needs a numeric address before its port: write 8000, "
		     "127.0.0.1:8000 or [::1]:8000");
	assert_wrong("--listen|8001/udp|--|x", "--listen '8001/udp' names UDP: write udp:8001");
	assert_wrong("--listen|unix:|--|x",
		     "--listen 'unix:' needs a path of 1 to 107 bytes: write unix:/path, or "
		     "unix:@name for an abstract name");
}
END_TEST

START_TEST(options_that_contradict_each_other_are_named)
{
	assert_wrong("--listen|8000|--listen|8000|--|x",
		     "the address *:8000 is given twice: once is enough");
	assert_wrong("-n|4|--env|A={2-slot}|--|x", "the variable 'A={2-slot}' has a sum in braces "
						   "that is less than 0 in slot 4 of 4");
}
END_TEST

START_TEST(there_may_be_so_many_ports_and_no_more)
{
	char line[APP_PORTS_MAX * 16 + 64];
	struct app_config c;
	size_t size = 0;

	for (int i = 0; i < APP_PORTS_MAX; i++)
		size += (size_t)snprintf(line + size, sizeof(line) - size, "--listen|%d|",
					 8000 + i);
	(void)snprintf(line + size, sizeof(line) - size, "--|x");
	c = parsed(line);
	ck_assert_uint_eq(c.n_listen, APP_PORTS_MAX);
	app_config_done(&c);

	(void)snprintf(line + size, sizeof(line) - size, "--listen|9000|--|x");
	assert_wrong(line, "at most 64 addresses may be given with --listen");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_command_alone_gets_all_defaults,
		every_option_is_read,
		options_end_at_the_command_with_or_without_dashes,
		of_a_variable_that_is_set_twice_the_later_value_stays,
		the_number_of_workers_comes_from_the_environment_unless_it_is_given,
		help_is_printed_and_nothing_else_is_done,
		help_fits_a_terminal,
		a_missing_command_is_named,
		an_unknown_option_is_named,
		a_missing_or_needless_value_is_named,
		a_wrong_value_is_named_with_the_way_out,
		a_wrong_address_is_named_with_the_way_out,
		options_that_contradict_each_other_are_named,
		there_may_be_so_many_ports_and_no_more,
	};
	TCase *tcase = tcase_create("run_options");
	Suite *suite = suite_create("run_options");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tcase, tests[i]);
	tcase_add_checked_fixture(tcase, forget_environment, forget_said);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
