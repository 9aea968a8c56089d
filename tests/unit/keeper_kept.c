/*
 * Descriptors under names, and events that wait until a primary has dealt with them.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/own.h"
#include "keeper/kept.h"

static struct kept kept;

static int any_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(a_descriptor_replaces_and_closes_what_had_its_name)
{
	const int first = any_fd();
	const int second = any_fd();
	int given[] = { first, second };
	size_t cursor = 0;

	ck_assert_int_eq(kept_store(&kept, "state", &given[0]), 0);
	ck_assert_int_eq(kept_store(&kept, "state", &given[1]), 0);
	ck_assert_int_eq(fcntl(first, F_GETFD), -1);
	ck_assert_int_eq(kept_next(&kept, &cursor)->fd, second);
	ck_assert_ptr_null(kept_next(&kept, &cursor));
}
END_TEST

START_TEST(a_name_that_is_dropped_leaves_no_descriptor)
{
	const int fd = any_fd();
	int given = fd;
	size_t cursor = 0;

	ck_assert_int_eq(kept_store(&kept, "a", &given), 0);
	kept_drop(&kept, "b");
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	kept_drop(&kept, "a");
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_ptr_null(kept_next(&kept, &cursor));
}
END_TEST

START_TEST(a_full_store_refuses_a_new_name_and_takes_it_once_there_is_room)
{
	char name[32];
	int none = NO_FD;

	/* No descriptor, so that none is closed: only the names matter here. */
	for (int i = 0; i < KEEPER_ITEMS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		ck_assert_int_eq(kept_store(&kept, name, &none), 0);
	}
	ck_assert_int_eq(kept_store(&kept, "new", &none), -ENOBUFS);
	ck_assert_int_eq(kept_store(&kept, "7", &none), 0);
	kept_drop(&kept, "7");
	ck_assert_int_eq(kept_store(&kept, "new", &none), 0);
}
END_TEST

START_TEST(an_exit_of_a_child_that_nobody_named_is_no_event)
{
	struct keeper_message m = { 0 };

	kept_exited(&kept, 7, 0);
	ck_assert(!kept_after(&kept, 0, &m));
}
END_TEST

START_TEST(a_child_named_twice_ends_once)
{
	struct keeper_message m = { 0 };

	ck_assert_int_eq(kept_watch(&kept, 7), 0);
	ck_assert_int_eq(kept_watch(&kept, 7), 0);
	kept_exited(&kept, 7, 256);
	ck_assert(kept_after(&kept, 0, &m));
	ck_assert_int_eq(m.type, KEEPER_EXITED);
	ck_assert_int_eq(m.pid, 7);
	ck_assert_int_eq(m.number, 256);
	ck_assert_uint_eq(m.sequence, 1);
	ck_assert(!kept_after(&kept, 1, &m));
	ck_assert_uint_eq(kept.n_watched, 0);
}
END_TEST

START_TEST(no_child_is_watched_whose_exit_would_find_no_room)
{
	for (pid_t pid = 1; pid <= KEEPER_EVENTS_MAX; pid++)
		ck_assert_int_eq(kept_watch(&kept, pid), 0);
	ck_assert_int_eq(kept_watch(&kept, KEEPER_EVENTS_MAX + 1), -ENOBUFS);
	kept_exited(&kept, 1, 0);
	ck_assert_int_eq(kept_watch(&kept, KEEPER_EVENTS_MAX + 1), -ENOBUFS);
	kept.done = 1;
	ck_assert_int_eq(kept_watch(&kept, KEEPER_EVENTS_MAX + 1), 0);
}
END_TEST

START_TEST(signals_take_no_room_that_the_exit_of_a_watched_child_needs)
{
	struct keeper_message m = { 0 };

	ck_assert_int_eq(kept_watch(&kept, 7), 0);
	for (int n = 1; n < KEEPER_EVENTS_MAX; n++)
		ck_assert_int_eq(kept_signalled(&kept, SIGHUP), 0);
	ck_assert_int_eq(kept_signalled(&kept, SIGHUP), -ENOBUFS);
	kept_exited(&kept, 7, 0);
	ck_assert(kept_after(&kept, KEEPER_EVENTS_MAX - 1, &m));
	ck_assert_int_eq(m.type, KEEPER_EXITED);
	ck_assert(kept_after(&kept, 0, &m));
	ck_assert_int_eq(m.type, KEEPER_SIGNALLED);
}
END_TEST

START_TEST(full_events_keep_their_order_all_the_way_round)
{
	struct keeper_message m = { 0 };

	for (int n_round = 0; n_round < 3; n_round++) {
		for (pid_t pid = 1; pid <= KEEPER_EVENTS_MAX; pid++) {
			ck_assert_int_eq(kept_watch(&kept, pid), 0);
			kept_exited(&kept, pid, 0);
		}
		for (pid_t pid = 1; pid <= KEEPER_EVENTS_MAX; pid++) {
			ck_assert(kept_after(&kept, kept.done, &m));
			ck_assert_uint_eq(m.sequence, ++kept.done);
			ck_assert_int_eq(m.pid, pid);
		}
		ck_assert(!kept_after(&kept, kept.done, &m));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("keeper_kept");
	TCase *tests = tcase_create("keeper_kept");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, a_descriptor_replaces_and_closes_what_had_its_name);
	tcase_add_test(tests, a_name_that_is_dropped_leaves_no_descriptor);
	tcase_add_test(tests, a_full_store_refuses_a_new_name_and_takes_it_once_there_is_room);
	tcase_add_test(tests, an_exit_of_a_child_that_nobody_named_is_no_event);
	tcase_add_test(tests, a_child_named_twice_ends_once);
	tcase_add_test(tests, no_child_is_watched_whose_exit_would_find_no_room);
	tcase_add_test(tests, signals_take_no_room_that_the_exit_of_a_watched_child_needs);
	tcase_add_test(tests, full_events_keep_their_order_all_the_way_round);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
