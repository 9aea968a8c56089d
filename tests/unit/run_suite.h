/*
 * The main() of a unit test: one suite, each test in a process of its own.
 */
#ifndef BERTH_TESTS_RUN_SUITE_H
#define BERTH_TESTS_RUN_SUITE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUN_SUITE(name, tests) RUN_SUITE_AFTER(NULL, name, tests)

/* Each test's process calls @begin first. */
#define RUN_SUITE_AFTER(begin, name, tests) \
	run_suite(begin, name, tests, sizeof(tests) / sizeof((tests)[0]))

/* Returns what main() is to return. */
static inline int run_suite(void (*begin)(void), const char *name, const TTest *const *tests,
			    size_t n_tests)
{
	Suite *suite = suite_create(name);
	TCase *group = tcase_create(name);
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(group, begin, NULL);
	for (size_t i = 0; i < n_tests; i++)
		tcase_add_test(group, tests[i]);
	suite_add_tcase(suite, group);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Says that a test lacks something here; return from it then. @function: its __func__. */
static inline void skip_test(const char *function, const char *reason)
{
	/* START_TEST(name) makes a function name_fn */
	int length = (int)(strlen(function) - strlen("_fn"));

	/* not through stdio: Check's own lines may still wait in this child's copy of it */
	(void)dprintf(STDOUT_FILENO, "SKIP %.*s: %s\n", length, function, reason);
}

#endif
