/*
 * Where a flow of datagrams may stay, and which names are read out of QUIC's ids.
 */
#include "bpf/flow.h"

#include <check.h>
#include <string.h>

#include "run_suite.h"

#define IDLE_NS 60000000000ull
#define NOW_NS  1000000000000ull

static const struct flow young = { .berth = STEER_SEAT(7, 3), .seen_ns = NOW_NS };
static const struct flow old = { .berth = STEER_SEAT(7, 3), .seen_ns = NOW_NS - IDLE_NS };

static struct flow_berth berth(uint32_t opening)
{
	return (struct flow_berth){ .name = opening ? STEER_SEAT(opening, 3) : 0 };
}

static int holds(const struct flow *f, const struct flow_berth *b)
{
	return flow_holds(f, b, NOW_NS, IDLE_NS);
}

START_TEST(a_flow_stays_with_an_open_berth_however_long_it_was_silent)
{
	struct flow_berth b = berth(7);

	ck_assert(holds(&young, &b));
	ck_assert(holds(&old, &b));
}
END_TEST

START_TEST(a_flow_stays_with_one_that_leaves_until_it_is_idle)
{
	struct flow_berth b = berth(7);

	b.is_leaving = 1;
	ck_assert(holds(&young, &b));
	ck_assert(!holds(&old, &b));
}
END_TEST

START_TEST(a_flow_leaves_one_that_has_closed_or_is_another_by_now)
{
	struct flow_berth closed = berth(0), other = berth(8);
	struct flow nowhere = { .seen_ns = NOW_NS };

	ck_assert(!holds(&young, &closed));
	ck_assert(!holds(&young, &other));
	ck_assert(!holds(&nowhere, &closed));
}
END_TEST

START_TEST(a_time_of_a_cpu_that_is_ahead_counts_as_now)
{
	struct flow ahead = { .berth = young.berth, .seen_ns = NOW_NS + 4000000 };
	struct flow_berth b = berth(7);

	b.is_leaving = 1;
	ck_assert(holds(&ahead, &b));
	ck_assert(!flow_is_stale(&ahead, NOW_NS, IDLE_NS));
}
END_TEST

START_TEST(a_flows_time_is_written_now_and_then)
{
	struct flow f = young;

	ck_assert(!flow_is_stale(&f, NOW_NS + FLOW_REFRESH_MAX_NS - 1, IDLE_NS));
	ck_assert(flow_is_stale(&f, NOW_NS + FLOW_REFRESH_MAX_NS, IDLE_NS));
	ck_assert(flow_is_stale(&f, NOW_NS + 1000, 16000));
}
END_TEST

#define NAME 0x0102030405060708ull

START_TEST(a_short_header_has_the_id_behind_its_first_byte)
{
	const __u8 head[FLOW_HEAD_BYTES] = { 0x41, 1, 2, 3, 4, 5, 6, 7, 8 };

	ck_assert_uint_eq(flow_id_name(head, FLOW_HEAD_BYTES), NAME);
	ck_assert_uint_eq(flow_id_name(head, 9), NAME);
	ck_assert_uint_eq(flow_id_name(head, 8), 0);
}
END_TEST

START_TEST(a_long_header_says_how_long_its_id_is)
{
	__u8 head[FLOW_HEAD_BYTES] = { 0xc3, 0, 0, 0, 1, 20, 1, 2, 3, 4, 5, 6, 7, 8 };

	ck_assert_uint_eq(flow_id_name(head, FLOW_HEAD_BYTES), NAME);
	ck_assert_uint_eq(flow_id_name(head, FLOW_HEAD_BYTES - 1), 0);
	head[5] = 7;
	ck_assert_uint_eq(flow_id_name(head, FLOW_HEAD_BYTES), 0);
}
END_TEST

START_TEST(what_is_no_quic_packet_has_no_id)
{
	const __u8 head[FLOW_HEAD_BYTES] = { 0x01, 1, 2, 3, 4, 5, 6, 7, 8 };

	ck_assert_uint_eq(flow_id_name(head, FLOW_HEAD_BYTES), 0);
	ck_assert_uint_eq(flow_id_name(head, 0), 0);
}
END_TEST

START_TEST(a_workers_name_is_made_of_the_number_of_its_run)
{
	ck_assert_uint_eq(flow_worker_name(5), 0x6265000000000005ull);
	ck_assert_uint_eq(flow_worker_name(UINT64_MAX), 0x6265ffffffffffffull);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_flow_stays_with_an_open_berth_however_long_it_was_silent,
		a_flow_stays_with_one_that_leaves_until_it_is_idle,
		a_flow_leaves_one_that_has_closed_or_is_another_by_now,
		a_time_of_a_cpu_that_is_ahead_counts_as_now,
		a_flows_time_is_written_now_and_then,
		a_short_header_has_the_id_behind_its_first_byte,
		a_long_header_says_how_long_its_id_is,
		what_is_no_quic_packet_has_no_id,
		a_workers_name_is_made_of_the_number_of_its_run,
	};

	return RUN_SUITE("flow", tests);
}
