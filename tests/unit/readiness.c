/*
 * What a worker lacks to be ready: each thing alone, and which is said where several are.
 */
#include "core/readiness.h"

#include "run_suite.h"

static struct readiness_ports set_of(size_t n, const unsigned *ports)
{
	struct readiness_ports set = { { 0 } };

	for (size_t i = 0; i < n; i++)
		readiness_add(&set, ports[i]);
	return set;
}

#define SET(...)                                                             \
	set_of(sizeof((const unsigned[]){ __VA_ARGS__ }) / sizeof(unsigned), \
	       (const unsigned[]){ __VA_ARGS__ })

START_TEST(without_wishes_any_listen_will_do)
{
	struct readiness r = { 0 };

	ck_assert_int_eq(readiness_lack(&r), READINESS_LACKS_LISTEN);
	r.listens = SET(PORT_TABLE_MAX - 1);
	ck_assert_int_eq(readiness_lack(&r), READINESS_LACKS_NOTHING);
}
END_TEST

START_TEST(it_must_listen_everywhere_where_it_should_and_may_elsewhere)
{
	struct readiness r = { .wanted = SET(0, 63, 64) };

	ck_assert_int_eq(readiness_lack(&r), READINESS_LACKS_LISTEN);
	r.listens = SET(5);
	ck_assert_int_eq(readiness_lack(&r), READINESS_LACKS_PORT);
	r.listens = SET(0, 64);
	ck_assert_int_eq(readiness_lack(&r), READINESS_LACKS_PORT);
	r.listens = SET(0, 5, 63, 64);
	ck_assert_int_eq(readiness_lack(&r), READINESS_LACKS_NOTHING);
}
END_TEST

START_TEST(a_notice_and_a_probe_are_waited_for_in_this_order)
{
	struct readiness r = { .listens = SET(1), .must_notify = true, .must_pass = true };

	ck_assert_int_eq(readiness_lack(&r), READINESS_LACKS_NOTICE);
	r.has_passed = true;
	ck_assert_int_eq(readiness_lack(&r), READINESS_LACKS_NOTICE);
	r.has_passed = false;
	r.has_notified = true;
	ck_assert_int_eq(readiness_lack(&r), READINESS_LACKS_PROBE);
	r.has_passed = true;
	ck_assert_int_eq(readiness_lack(&r), READINESS_LACKS_NOTHING);
}
END_TEST

START_TEST(a_notice_stands_for_a_listen_but_not_for_one_at_a_port_that_is_wanted)
{
	struct readiness r = { .has_notified = true };

	ck_assert_int_eq(readiness_lack(&r), READINESS_LACKS_NOTHING);
	r.wanted = SET(3);
	ck_assert_int_eq(readiness_lack(&r), READINESS_LACKS_PORT);
}
END_TEST

START_TEST(a_set_has_what_was_added_and_nothing_else)
{
	for (unsigned port = 0; port < PORT_TABLE_MAX; port++) {
		const struct readiness_ports set = SET(port);

		ck_assert(!readiness_is_empty(&set));
		for (unsigned other = 0; other < PORT_TABLE_MAX; other++)
			ck_assert(readiness_has(&set, other) == (other == port));
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		without_wishes_any_listen_will_do,
		it_must_listen_everywhere_where_it_should_and_may_elsewhere,
		a_notice_and_a_probe_are_waited_for_in_this_order,
		a_notice_stands_for_a_listen_but_not_for_one_at_a_port_that_is_wanted,
		a_set_has_what_was_added_and_nothing_else,
	};

	return RUN_SUITE("readiness", tests);
}
