/*
 * What a worker's program is started with.
 */
#include "core/worker_args.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "run_suite.h"

/* A list as exec() takes it. */
#define TEXTS(...) ((char **)(const char *[]){ __VA_ARGS__, NULL })

static const char *const command[] = { "server", "--id={slot}", "{8000+slot}", "{\"a\":1}", NULL };
static char *no_variables[] = { NULL };

static const struct worker_identity third_of_four = {
	.slot = 3,
	.n_workers = 4,
	.generation = 1,
	.run = "812.7",
};

static char app_name[] = "web";
static struct app_config config = { .name = app_name, .argv = (char **)command, .n_workers = 4 };
static struct worker_args args;

static void start(char *const *inherited)
{
	ck_assert_int_eq(worker_args_init(&args, &config, inherited, &third_of_four), 0);
}

static void assert_variable(const char *name, const char *value)
{
	const char *found = worker_args_env(args.envp, name);

	ck_assert_msg(found != NULL, "there is no %s", name);
	ck_assert_str_eq(found, value);
}

static size_t times_set(const char *name)
{
	size_t n = 0;

	for (size_t i = 0; args.envp[i]; i++)
		n += strncmp(args.envp[i], name, strlen(name)) == 0 &&
		     args.envp[i][strlen(name)] == '=';
	return n;
}

static void listen_on(const char *text)
{
	ck_assert_int_eq(addr_parse(text, &config.listen[config.n_listen++]), ADDR_OK);
}

START_TEST(arguments_are_copied_with_their_sums_replaced)
{
	start(no_variables);
	ck_assert_str_eq(args.argv[0], "server");
	ck_assert_str_eq(args.argv[1], "--id=3");
	ck_assert_str_eq(args.argv[2], "8003");
	ck_assert_str_eq(args.argv[3], "{\"a\":1}");
	ck_assert_ptr_null(args.argv[4]);
	ck_assert_ptr_ne(args.argv[0], command[0]);
	worker_args_done(&args);
}
END_TEST

START_TEST(a_worker_is_told_who_it_is)
{
	start(no_variables);
	assert_variable("BERTH_APP", "web");
	assert_variable("BERTH_SLOT", "3");
	assert_variable("BERTH_WORKERS", "4");
	assert_variable("BERTH_GENERATION", "1");
	assert_variable("BERTH_RUN", "812.7");
	assert_variable("NODE_APP_INSTANCE", "2");
	worker_args_done(&args);
}
END_TEST

START_TEST(what_berth_inherited_is_passed_on_as_it_is)
{
	char **inherited = TEXTS("HOME=/home/x", "EMPTY=", "SUM={slot}", "NO_SIGN");

	start(inherited);
	for (size_t i = 0; inherited[i]; i++) {
		ck_assert_str_eq(args.envp[i], inherited[i]);
		ck_assert_ptr_ne(args.envp[i], inherited[i]);
	}
	worker_args_done(&args);
}
END_TEST

START_TEST(no_environment_at_all_is_an_empty_one)
{
	start(NULL);
	assert_variable("BERTH_APP", "web");
	worker_args_done(&args);
}
END_TEST

START_TEST(given_variables_replace_inherited_ones_in_their_place)
{
	char **inherited = TEXTS("A=old", "AB=stays", "C=old");
	char **given = TEXTS("C=", "A={workers}-{slot}", "B=new", "A=last");

	config.env = given;
	start(inherited);
	ck_assert_str_eq(args.envp[0], "A=last");
	ck_assert_str_eq(args.envp[1], "AB=stays");
	ck_assert_str_eq(args.envp[2], "C=");
	assert_variable("B", "new");
	ck_assert_uint_eq(times_set("A"), 1);
	worker_args_done(&args);
}
END_TEST

START_TEST(sums_in_given_values_are_replaced)
{
	char **given = TEXTS("DEBUG_PORT={9229+slot}", "JSON={\"slot\":{slot}}");

	config.env = given;
	start(no_variables);
	assert_variable("DEBUG_PORT", "9232");
	assert_variable("JSON", "{\"slot\":3}");
	worker_args_done(&args);
}
END_TEST

START_TEST(who_a_worker_is_cannot_be_overridden)
{
	char **inherited = TEXTS("BERTH_SLOT=9", "BERTH_RUN=1.1", "NODE_APP_INSTANCE=9");
	char **given = TEXTS("BERTH_SLOT=8", "BERTH_APP=other", "BERTH_RUN=1.2");

	config.env = given;
	start(inherited);
	assert_variable("BERTH_SLOT", "3");
	assert_variable("BERTH_APP", "web");
	assert_variable("BERTH_RUN", "812.7");
	assert_variable("NODE_APP_INSTANCE", "2");
	ck_assert_uint_eq(times_set("BERTH_SLOT"), 1);
	ck_assert_uint_eq(times_set("BERTH_RUN"), 1);
	worker_args_done(&args);
}
END_TEST

START_TEST(port_is_that_of_the_first_address_to_listen_on)
{
	listen_on("127.0.0.1:8000");
	listen_on("9000");
	start(no_variables);
	assert_variable("PORT", "8000");
	worker_args_done(&args);
}
END_TEST

START_TEST(without_an_address_there_is_no_port)
{
	start(no_variables);
	ck_assert_ptr_null(worker_args_env(args.envp, "PORT"));
	worker_args_done(&args);

	listen_on("unix:/run/x");
	start(no_variables);
	ck_assert_ptr_null(worker_args_env(args.envp, "PORT"));
	worker_args_done(&args);
}
END_TEST

START_TEST(a_port_that_the_user_set_stays)
{
	char **inherited = TEXTS("PORT=1");
	char **given = TEXTS("PORT={2+slot}");

	listen_on("8000");
	start(inherited);
	assert_variable("PORT", "1");
	worker_args_done(&args);

	config.env = given;
	start(inherited);
	assert_variable("PORT", "5");
	worker_args_done(&args);

	start(no_variables);
	assert_variable("PORT", "5");
	worker_args_done(&args);
}
END_TEST

/* That nothing is leaked, the sanitizers see. */
START_TEST(a_sum_without_result_is_an_error_wherever_it_stands)
{
	char **bad_command = TEXTS("server", "fine", "{slot-100}");
	char **bad_variable = TEXTS("A=1", "B={99999999999999999999+slot}");
	char **inherited = TEXTS("A=0");

	config.argv = bad_command;
	ck_assert_int_eq(worker_args_init(&args, &config, inherited, &third_of_four), -EINVAL);
	worker_args_done(&args);

	config.argv = (char **)command;
	config.env = bad_variable;
	ck_assert_int_eq(worker_args_init(&args, &config, inherited, &third_of_four), -EINVAL);
	worker_args_done(&args);
	ck_assert_ptr_null(args.argv);
	ck_assert_ptr_null(args.envp);
	worker_args_done(&args);
}
END_TEST

START_TEST(a_variable_is_found_by_its_whole_name)
{
	char **variables = TEXTS("PATHS=1", "PATH", "PATH=/bin", "PATH=/usr/bin");

	ck_assert_str_eq(worker_args_env(variables, "PATH"), "/bin");
	ck_assert_ptr_null(worker_args_env(variables, "PAT"));
	ck_assert_ptr_null(worker_args_env(NULL, "PATH"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		arguments_are_copied_with_their_sums_replaced,
		a_worker_is_told_who_it_is,
		what_berth_inherited_is_passed_on_as_it_is,
		no_environment_at_all_is_an_empty_one,
		given_variables_replace_inherited_ones_in_their_place,
		sums_in_given_values_are_replaced,
		who_a_worker_is_cannot_be_overridden,
		port_is_that_of_the_first_address_to_listen_on,
		without_an_address_there_is_no_port,
		a_port_that_the_user_set_stays,
		a_sum_without_result_is_an_error_wherever_it_stands,
		a_variable_is_found_by_its_whole_name,
	};

	return RUN_SUITE("worker_args", tests);
}
