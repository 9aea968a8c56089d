/*
 * The main() of a unit test: one suite, each test in a process of its own.
 */
#ifndef BERTH_TESTS_RUN_SUITE_H
#define BERTH_TESTS_RUN_SUITE_H

#include <check.h>
#include <stdlib.h>

#define RUN_SUITE(name, tests) run_suite(name, tests, sizeof(tests) / sizeof((tests)[0]))

/* Returns what main() is to return. */
static inline int run_suite(const char *name, const TTest *const *tests, size_t n_tests)
{
	Suite *suite = suite_create(name);
	TCase *group = tcase_create(name);
	SRunner *runner = srunner_create(suite);
	int n_failed;

	for (size_t i = 0; i < n_tests; i++)
		tcase_add_test(group, tests[i]);
	suite_add_tcase(suite, group);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
