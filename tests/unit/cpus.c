/*
 * How many CPUs this process may use.
 */
#include "os/cpus.h"

#include <check.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/berth-cpus-XXXXXX";

static const char *const made[] = { "/a/b/cpu.max", "/a/cpu.max", "/a/b", "/a", "" };

static void make_tree(void)
{
	char path[64];

	ck_assert_ptr_nonnull(mkdtemp(root));
	(void)snprintf(path, sizeof(path), "%s/a", root);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/a/b", root);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void remove_tree(void)
{
	char path[64];

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", root, made[i]);
		(void)remove(path);
	}
}

static void limit(const char *directory, const char *text)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s%s/cpu.max", root, directory);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(without_limits_there_is_no_limit)
{
	ck_assert_uint_eq(cpus_limit(root, "/a/b"), UINT_MAX);
	limit("/a", "max 100000\n");
	ck_assert_uint_eq(cpus_limit(root, "/a/b"), UINT_MAX);
	ck_assert_uint_eq(cpus_limit(root, "/"), UINT_MAX);
	ck_assert_uint_eq(cpus_limit(root, "/nowhere/at/all"), UINT_MAX);
}
END_TEST

START_TEST(the_least_of_all_limits_on_the_way_up_counts)
{
	limit("/a", "200000 100000\n");
	ck_assert_uint_eq(cpus_limit(root, "/a/b"), 2);
	limit("/a/b", "400000 100000\n");
	ck_assert_uint_eq(cpus_limit(root, "/a/b"), 2);
	limit("/a/b", "100000 100000\n");
	ck_assert_uint_eq(cpus_limit(root, "/a/b"), 1);
	ck_assert_uint_eq(cpus_limit(root, "/a"), 2);
}
END_TEST

START_TEST(a_part_of_a_cpu_counts_as_one)
{
	limit("/a", "1000 100000\n");
	ck_assert_uint_eq(cpus_limit(root, "/a"), 1);
	limit("/a", "100001 100000\n");
	ck_assert_uint_eq(cpus_limit(root, "/a"), 2);
}
END_TEST

START_TEST(a_limit_that_makes_no_sense_is_none)
{
	static const char *const texts[] = { "",           "\n",  "x 1\n", "-1 1\n",
					     "0 100000\n", "5\n", "5 0\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		limit("/a", texts[i]);
		ck_assert_uint_eq(cpus_limit(root, "/a"), UINT_MAX);
	}
}
END_TEST

START_TEST(a_process_bound_to_one_cpu_has_one)
{
	cpu_set_t set;
	unsigned n_cpus = 0;
	int cpu = 0;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	ck_assert_int_eq(cpus_usable(&n_cpus), 0);
	ck_assert_uint_ge(n_cpus, 1);
	ck_assert_uint_le(n_cpus, (unsigned)CPU_COUNT(&set));

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(set), &set), 0);
	ck_assert_int_eq(cpus_usable(&n_cpus), 0);
	ck_assert_uint_eq(n_cpus, 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		without_limits_there_is_no_limit,
		a_part_of_a_cpu_counts_as_one,
		the_least_of_all_limits_on_the_way_up_counts,
		a_limit_that_makes_no_sense_is_none,
		a_process_bound_to_one_cpu_has_one,
	};
	TCase *tcase = tcase_create("cpus");
	Suite *suite = suite_create("cpus");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tcase, tests[i]);
	tcase_add_checked_fixture(tcase, make_tree, remove_tree);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
