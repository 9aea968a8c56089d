/*
 * The growable buffer: what goes in comes out in order, and never more than the bound.
 */
#include "base/buf.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void assert_holds(const struct buf *b, const char *text)
{
	struct span held = buf_span(b);

	ck_assert_uint_eq(held.size, strlen(text));
	ck_assert_mem_eq(held.at, text, held.size);
}

START_TEST(an_empty_buffer_has_no_memory)
{
	struct buf b;

	buf_init(&b, 100);
	assert_holds(&b, "");
	ck_assert_ptr_null(b.block);
	ck_assert(buf_append(&b, NULL, 0));
	ck_assert_ptr_null(b.block);
	buf_done(&b);
}
END_TEST

START_TEST(what_is_appended_is_held_in_order)
{
	struct buf b;

	buf_init(&b, 100);
	ck_assert(buf_append(&b, "one ", 4));
	ck_assert(buf_append(&b, "two", 3));
	assert_holds(&b, "one two");
	buf_consume(&b, 4);
	assert_holds(&b, "two");
	buf_truncate(&b, 1);
	assert_holds(&b, "t");
	buf_done(&b);
	assert_holds(&b, "");
}
END_TEST

START_TEST(beyond_the_bound_nothing_is_appended)
{
	struct buf b;

	buf_init(&b, 8);
	ck_assert(buf_append(&b, "12345", 5));
	ck_assert(!buf_append(&b, "6789", 4));
	assert_holds(&b, "12345");
	ck_assert(buf_append(&b, "678", 3));
	assert_holds(&b, "12345678");
	buf_consume(&b, 2);
	ck_assert(buf_append(&b, "90", 2));
	assert_holds(&b, "34567890");
	buf_done(&b);
}
END_TEST

START_TEST(a_queue_that_never_empties_keeps_its_order_and_its_size)
{
	unsigned char next_in = 0, next_out = 0;
	struct buf b;

	buf_init(&b, 1000);
	for (int round = 0; round < 1000; round++) {
		size_t n_in = (size_t)(round % 37) + 1;

		for (size_t i = 0; i < n_in && b.size < 900; i++, next_in++)
			ck_assert(buf_append(&b, &next_in, 1));
		while (b.size > (size_t)(round % 300)) {
			ck_assert_uint_eq((unsigned char)*buf_span(&b).at, next_out++);
			buf_consume(&b, 1);
		}
		ck_assert_uint_le(b.capacity, 1000);
	}
	buf_done(&b);
}
END_TEST

static Suite *suite(void)
{
	const TTest *tests[] = {
		an_empty_buffer_has_no_memory,
		what_is_appended_is_held_in_order,
		beyond_the_bound_nothing_is_appended,
		a_queue_that_never_empties_keeps_its_order_and_its_size,
	};
	Suite *s = suite_create("buf");
	TCase *c = tcase_create("buf");

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(c, tests[i]);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int n_failed;

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
