/*
 * What the keeper has, and how much more it can have.
 */
#include "primary/keep_names.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "run_suite.h"

static struct keep_names names;

static void add_run(unsigned run, const char *const *whats)
{
	char name[KEEPER_NAME_SIZE];

	for (; *whats; whats++) {
		(void)snprintf(name, sizeof(name), "%s/web.%u/%u", *whats, run, run);
		ck_assert_int_eq(keep_names_add(&names, name), 0);
	}
}

static unsigned n_runs_until_full(const char *const *whats)
{
	unsigned n = 0;

	while (keep_names_has_room(&names))
		add_run(++n, whats);
	return n;
}

START_TEST(what_is_added_twice_counts_once_and_what_is_dropped_does_not_count)
{
	keep_names_init(&names, 1000);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(keep_names_add(&names, "state"), 0);
		ck_assert_int_eq(keep_names_add(&names, "api"), 0);
	}
	ck_assert_uint_eq(names.n, 2);
	keep_names_drop(&names, "state");
	keep_names_drop(&names, "never there");
	ck_assert_uint_eq(names.n, 1);
	keep_names_drop(&names, "api");
	ck_assert_uint_eq(names.n, 0);
	keep_names_done(&names);
}
END_TEST

START_TEST(a_full_list_takes_what_is_there_and_nothing_new)
{
	char name[KEEPER_NAME_SIZE];
	unsigned n = 0;
	int r = 0;

	keep_names_init(&names, 100);
	while (r == 0) {
		(void)snprintf(name, sizeof(name), "anchor/%u", n++);
		r = keep_names_add(&names, name);
	}
	ck_assert_int_eq(r, -EMFILE);
	ck_assert_uint_lt(names.n, 100);
	ck_assert_int_eq(keep_names_add(&names, "anchor/0"), 0);
	ck_assert(!keep_names_has_room(&names));
	keep_names_drop(&names, "anchor/7");
	ck_assert_int_eq(keep_names_add(&names, name), 0);
	keep_names_done(&names);
}
END_TEST

START_TEST(runs_that_have_just_begun_count_as_what_they_will_have)
{
	const char *const begun[] = { "worker", NULL };
	const char *const whole[] = { "worker", "log/a", "log/b", "notify", "berth", NULL };
	unsigned n;

	keep_names_init(&names, 100);
	n = n_runs_until_full(begun);
	keep_names_done(&names);
	ck_assert_uint_ge(n, 5);
	ck_assert_uint_eq(n_runs_until_full(whole), n);
	ck_assert_uint_le(names.n, names.n_max);
	keep_names_done(&names);
}
END_TEST

START_TEST(what_belongs_to_no_run_takes_nothing_of_what_a_run_will_have)
{
	const char *const begun[] = { "worker", NULL };
	const size_t n_max = (keep_names_init(&names, 100), names.n_max);

	ck_assert_int_eq(keep_names_add(&names, "log/journal"), 0);
	ck_assert_int_eq(keep_names_add(&names, "notify/socket"), 0);
	ck_assert_uint_le(2 + 5 * n_runs_until_full(begun), n_max);
	keep_names_done(&names);
}
END_TEST

START_TEST(with_fewer_files_than_a_primary_needs_there_is_room_for_nothing)
{
	keep_names_init(&names, 8);
	ck_assert(!keep_names_has_room(&names));
	ck_assert_int_eq(keep_names_add(&names, "state"), -EMFILE);
	keep_names_done(&names);
}
END_TEST

START_TEST(with_any_number_of_files_there_is_no_more_room_than_the_keeper_has)
{
	keep_names_init(&names, (size_t)-1);
	ck_assert_uint_eq(names.n_max, KEEPER_ITEMS_MAX);
	keep_names_done(&names);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_is_added_twice_counts_once_and_what_is_dropped_does_not_count,
		a_full_list_takes_what_is_there_and_nothing_new,
		runs_that_have_just_begun_count_as_what_they_will_have,
		what_belongs_to_no_run_takes_nothing_of_what_a_run_will_have,
		with_fewer_files_than_a_primary_needs_there_is_room_for_nothing,
		with_any_number_of_files_there_is_no_more_room_than_the_keeper_has,
	};

	return RUN_SUITE("keep_names", tests);
}
