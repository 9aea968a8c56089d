/*
 * The choice of the steering program, run on the host over queues that we make up.
 */
#include "bpf/choose.h"

#include <check.h>
#include <stdint.h>
#include <string.h>

#include "run_suite.h"

#define ROUNDS 3

static struct steer_port port;
static __u32 depths[STEER_BERTHS_MAX]; /* of the queues, by berth */
static __u32 n_given[STEER_BERTHS_MAX];
static __u64 now_ns; /* goes on by more than a turn with each choice, unless a test says else */
static __u64 step_ns;

/* Which queues the choice looked at, the latest last. */
static __u32 looked_at[CHOOSE_SCAN_MAX + 2];
static size_t n_looked_at;

static __u32 queue(__u32 berth)
{
	if (berth >= STEER_BERTHS_MAX)
		return QUEUE_CLOSED;
	if (n_looked_at < sizeof(looked_at) / sizeof(looked_at[0]))
		looked_at[n_looked_at++] = berth;
	return depths[berth];
}

/* What the program knows of each berth beside its queue. */
static struct steer_berth berths[STEER_BERTHS_MAX];

static __u32 rank(__u32 berth, const struct choose_scan *scan)
{
	const __u32 depth = queue(berth);

	if (scan->policy < STEER_BALANCED || depth == QUEUE_CLOSED)
		return depth;
	return choose_rank(&berths[berth], scan->policy, scan->key, depth);
}

/* Which berth stands at a place: any but its own number. */
static __u32 berth_at(__u32 place)
{
	return (place * 7 + 3) % STEER_BERTHS_MAX;
}

static void open_port(enum steer_policy policy, __u32 n)
{
	memset(&port, 0, sizeof(port));
	memset(depths, 0, sizeof(depths));
	memset(n_given, 0, sizeof(n_given));
	memset(berths, 0, sizeof(berths));
	step_ns = CHOOSE_TURN_MAX_NS;
	port.policy = policy;
	port.n_seats = n;
	for (__u32 i = 0; i < n && i < STEER_SEATS_MAX; i++)
		port.seats[i] = STEER_SEAT(i + 1, berth_at(i));
}

static void set_depth(__u32 place, __u32 depth)
{
	depths[berth_at(place)] = depth;
}

static __u32 choose_with(__u32 hash, __u32 random)
{
	const struct choose_input in = {
		.hash = hash,
		.source = hash,
		.random = random,
		.now_ns = now_ns += step_ns,
	};
	__u32 place;

	n_looked_at = 0;
	place = choose_seat(&port, &in, queue, rank);
	/* Not ck_assert(): each one is a system call, and we come here a million times. */
	if (place != CHOOSE_NONE && place >= STEER_SEATS_MAX)
		ck_abort_msg("place %u does not exist", place);
	if (place != CHOOSE_NONE)
		n_given[STEER_SEAT_BERTH(port.seats[place])]++;
	if (place != CHOOSE_NONE && port.policy == STEER_WEIGHTED)
		choose_charge(&port, &berths[STEER_SEAT_BERTH(port.seats[place])]);
	return place;
}

static struct steer_berth *berth_of(__u32 place)
{
	return &berths[berth_at(place)];
}

static __u32 choose(void)
{
	return choose_with(0, 0);
}

static __u32 given(__u32 place)
{
	return n_given[berth_at(place)];
}

/* Always the same sequence (a Weyl sequence, well mixed). */
static __u32 any_number(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (__u32)(x >> 32);
}

START_TEST(round_robin_is_exact_for_every_number_of_berths)
{
	for (__u32 n = 1; n <= STEER_SEATS_MAX; n++) {
		__u32 n_wrong = 0;

		open_port(STEER_ROUND_ROBIN, n);
		for (__u32 c = 0; c < n * ROUNDS; c++)
			n_wrong += choose() != c % n;
		for (__u32 i = 0; i < n; i++)
			n_wrong += given(i) != ROUNDS;
		ck_assert_msg(n_wrong == 0, "not exact for %u berths", n);
	}
}
END_TEST

START_TEST(a_full_queue_is_passed_over_and_the_others_stay_even)
{
	open_port(STEER_ROUND_ROBIN, 4);
	set_depth(1, 5);
	for (int c = 0; c < 300; c++)
		ck_assert_uint_ne(choose(), 1);
	ck_assert_uint_eq(given(0), 100);
	ck_assert_uint_eq(given(2), 100);
	ck_assert_uint_eq(given(3), 100);

	set_depth(1, 0);
	for (int c = 0; c < 400; c++)
		(void)choose();
	ck_assert_uint_eq(given(0), 200);
	ck_assert_uint_eq(given(1), 100);
	ck_assert_uint_eq(given(2), 200);
	ck_assert_uint_eq(given(3), 200);
}
END_TEST

START_TEST(several_full_queues_side_by_side_are_passed_over)
{
	const __u32 n = CHOOSE_SCAN_MAX + 8;

	open_port(STEER_ROUND_ROBIN, n);
	for (__u32 i = 4; i < 4 + CHOOSE_SCAN_MAX - 1; i++)
		set_depth(i, i);
	for (__u32 c = 0; c < (n - CHOOSE_SCAN_MAX + 1) * ROUNDS; c++)
		(void)choose();
	for (__u32 i = 0; i < n; i++)
		ck_assert_uint_eq(given(i), i < 4 || i >= 4 + CHOOSE_SCAN_MAX - 1 ? ROUNDS : 0);
}
END_TEST

START_TEST(where_every_queue_is_as_full_as_the_others_round_robin_is_plain)
{
	open_port(STEER_ROUND_ROBIN, 5);
	for (__u32 i = 0; i < 5; i++)
		set_depth(i, 10);
	for (__u32 c = 0; c < 5 * ROUNDS; c++)
		ck_assert_uint_eq(choose(), c % 5);
}
END_TEST

START_TEST(a_turn_lasts_until_the_worker_has_come_for_what_it_was_sent)
{
	open_port(STEER_ROUND_ROBIN, 4);
	ck_assert_uint_eq(choose(), 0);
	step_ns = CHOOSE_TURN_MAX_NS / 100;
	for (__u32 depth = 1; depth < CHOOSE_TURN_QUEUE_MAX; depth++) {
		set_depth(0, depth);
		ck_assert_uint_eq(choose(), 0);
	}
	set_depth(0, 0);
	ck_assert_uint_eq(choose(), 1);
}
END_TEST

START_TEST(a_worker_that_does_not_come_loses_its_turn_after_half_a_millisecond)
{
	open_port(STEER_ROUND_ROBIN, 4);
	ck_assert_uint_eq(choose(), 0);
	set_depth(0, 1);
	step_ns = CHOOSE_TURN_MAX_NS - 1;
	ck_assert_uint_eq(choose(), 0);
	step_ns = 1;
	ck_assert_uint_eq(choose(), 1);
	for (int c = 0; c < 100; c++)
		ck_assert_uint_ne(choose(), 0);
}
END_TEST

START_TEST(a_turn_ends_when_many_wait)
{
	open_port(STEER_ROUND_ROBIN, 4);
	ck_assert_uint_eq(choose(), 0);
	step_ns = 1;
	set_depth(0, CHOOSE_TURN_QUEUE_MAX - 1);
	ck_assert_uint_eq(choose(), 0);
	set_depth(0, CHOOSE_TURN_QUEUE_MAX);
	ck_assert_uint_eq(choose(), 1);
}
END_TEST

START_TEST(a_turn_ends_when_its_berth_closes)
{
	open_port(STEER_ROUND_ROBIN, 4);
	ck_assert_uint_eq(choose(), 0);
	step_ns = 1;
	set_depth(0, QUEUE_CLOSED);
	ck_assert_uint_eq(choose(), 1);
	port.seats[1] = 0;
	set_depth(1, 1);
	ck_assert_uint_eq(choose(), 2);
}
END_TEST

START_TEST(where_no_queue_is_empty_the_shortest_gets_it)
{
	open_port(STEER_ROUND_ROBIN, 4);
	for (__u32 i = 0; i < 4; i++)
		set_depth(i, i == 1 ? 500 : 2);
	set_depth(3, 1);
	ck_assert_uint_eq(choose(), 3);
	set_depth(3, 2);
	for (int c = 0; c < 300; c++)
		ck_assert_uint_ne(choose(), 1);
	ck_assert_uint_eq(given(0), 100);
	ck_assert_uint_eq(given(2), 100);
	ck_assert_uint_eq(given(3), 101);
}
END_TEST

START_TEST(with_no_empty_queue_in_reach_the_turn_decides)
{
	open_port(STEER_ROUND_ROBIN, CHOOSE_SCAN_MAX + 1);
	for (__u32 i = 0; i < CHOOSE_SCAN_MAX; i++)
		set_depth(i, 1);
	ck_assert_uint_eq(choose(), 0);
	/* one further on, the last seat is in reach */
	ck_assert_uint_eq(choose(), CHOOSE_SCAN_MAX);
}
END_TEST

/* @close makes the seats 1 and 4 of 6 unfit. */
static void spread_without(enum steer_policy policy, void (*close)(__u32 place),
			   __u32 depth_of_open)
{
	open_port(policy, 6);
	for (__u32 i = 0; i < 6; i++)
		set_depth(i, depth_of_open);
	close(1);
	close(4);
	for (__u32 c = 0; c < 400; c++)
		ck_assert_uint_ne(choose_with(c * 0x9e3779b9u, c * 0x85ebca6bu), CHOOSE_NONE);
	ck_assert_uint_eq(given(1), 0);
	ck_assert_uint_eq(given(4), 0);
}

static void assert_even_without(void (*close)(__u32 place), __u32 depth_of_open)
{
	spread_without(STEER_RANDOM_TWO, close, depth_of_open);
	spread_without(STEER_HASH, close, depth_of_open);
	spread_without(STEER_ROUND_ROBIN, close, depth_of_open);
	ck_assert_uint_eq(given(0), 100);
	ck_assert_uint_eq(given(2), 100);
	ck_assert_uint_eq(given(3), 100);
	ck_assert_uint_eq(given(5), 100);
}

static void make_hole(__u32 place)
{
	port.seats[place] = 0;
}

static void close_queue(__u32 place)
{
	set_depth(place, QUEUE_CLOSED);
}

START_TEST(holes_get_nothing_and_the_others_stay_even)
{
	assert_even_without(make_hole, 0);
	assert_even_without(make_hole, 3);
}
END_TEST

START_TEST(closed_berths_get_nothing_and_the_others_stay_even)
{
	assert_even_without(close_queue, 0);
	assert_even_without(close_queue, 3);
}
END_TEST

START_TEST(without_an_open_berth_no_seat_is_chosen)
{
	for (enum steer_policy policy = STEER_ROUND_ROBIN; policy <= STEER_WEIGHTED; policy++) {
		open_port(policy, 0);
		ck_assert_uint_eq(choose(), CHOOSE_NONE);
		ck_assert_uint_eq(n_looked_at, 0);

		open_port(policy, 3);
		make_hole(0);
		close_queue(1);
		make_hole(2);
		for (__u32 c = 0; c < 10; c++)
			ck_assert_uint_eq(choose_with(c << 28, c << 28), CHOOSE_NONE);
	}
}
END_TEST

START_TEST(only_so_many_seats_are_looked_at)
{
	open_port(STEER_ROUND_ROBIN, STEER_SEATS_MAX);
	for (__u32 i = 0; i < STEER_SEATS_MAX; i++)
		close_queue(i);
	ck_assert_uint_eq(choose(), CHOOSE_NONE);
	ck_assert_uint_eq(n_looked_at, CHOOSE_SCAN_MAX);
}
END_TEST

START_TEST(a_count_beyond_the_last_seat_is_cut)
{
	static const __u32 counts[] = { STEER_SEATS_MAX + 1, 5000, UINT32_MAX };

	for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		open_port(STEER_ROUND_ROBIN, counts[k]);
		for (__u32 c = 0; c < 2 * STEER_SEATS_MAX; c++)
			ck_assert_uint_eq(choose(), c % STEER_SEATS_MAX);
		port.policy = STEER_HASH;
		ck_assert_uint_eq(choose_with(UINT32_MAX, 0), STEER_SEATS_MAX - 1);
		port.policy = STEER_RANDOM_TWO;
		ck_assert_uint_eq(choose_with(0, 0xffff), STEER_SEATS_MAX - 1);
	}
}
END_TEST

START_TEST(the_turn_goes_round_the_end_of_its_counter)
{
	open_port(STEER_ROUND_ROBIN, 4);
	port.turn = UINT32_MAX - 1;
	ck_assert_uint_eq(choose(), 2);
	ck_assert_uint_eq(choose(), 3);
	ck_assert_uint_eq(choose(), 0);
}
END_TEST

START_TEST(random_two_takes_the_shorter_queue_of_two_different_berths)
{
	uint64_t state = 1;

	open_port(STEER_RANDOM_TWO, 7);
	for (__u32 i = 0; i < 7; i++)
		set_depth(i, i);
	for (int c = 0; c < 10000; c++) {
		__u32 place = choose_with(0, any_number(&state));
		__u32 one = depths[looked_at[0]]; /* the same as its place */
		__u32 two = depths[looked_at[1]];

		ck_assert_uint_ne(one, two);
		ck_assert_uint_eq(place, one < two ? one : two);
	}
	ck_assert_uint_eq(given(6), 0);
}
END_TEST

START_TEST(random_two_with_one_berth_takes_that)
{
	uint64_t state = 2;

	open_port(STEER_RANDOM_TWO, 1);
	for (int c = 0; c < 100; c++)
		ck_assert_uint_eq(choose_with(0, any_number(&state)), 0);
}
END_TEST

START_TEST(random_two_with_one_of_the_two_closed_takes_the_other)
{
	uint64_t state = 3;

	open_port(STEER_RANDOM_TWO, 2);
	close_queue(0);
	set_depth(1, 1000);
	for (int c = 0; c < 100; c++)
		ck_assert_uint_eq(choose_with(0, any_number(&state)), 1);
}
END_TEST

START_TEST(random_two_is_even_where_queues_are_empty)
{
	const __u32 n_berths = 16;
	const __u32 each = 4096;
	uint64_t state = 4;

	open_port(STEER_RANDOM_TWO, n_berths);
	for (__u32 c = 0; c < n_berths * each; c++)
		(void)choose_with(0, any_number(&state));
	for (__u32 i = 0; i < n_berths; i++) {
		/* five standard deviations of a fair die */
		ck_assert_uint_gt(given(i), each - 310);
		ck_assert_uint_lt(given(i), each + 310);
	}
}
END_TEST

START_TEST(random_two_keeps_queues_that_nobody_empties_within_a_few_of_each_other)
{
	const __u32 n_berths = 64;
	const __u32 each = 1000;
	uint64_t state = 5;

	open_port(STEER_RANDOM_TWO, n_berths);
	for (__u32 c = 0; c < n_berths * each; c++)
		depths[berth_at(choose_with(0, any_number(&state)))]++;
	for (__u32 i = 0; i < n_berths; i++) {
		ck_assert_uint_ge(given(i), each - 8);
		ck_assert_uint_le(given(i), each + 3);
	}
}
END_TEST

START_TEST(a_hash_names_the_same_berth_whatever_else_changes)
{
	uint64_t state = 6;

	open_port(STEER_HASH, 9);
	for (int c = 0; c < 1000; c++) {
		__u32 hash = any_number(&state);
		__u32 place = choose_with(hash, any_number(&state));

		port.turn = any_number(&state);
		set_depth(place, any_number(&state) >> 1);
		ck_assert_uint_eq(choose_with(hash, any_number(&state)), place);
	}
}
END_TEST

START_TEST(hashes_are_spread_evenly)
{
	const __u32 n_berths = 7;
	const __u32 each = 1000;
	const __u32 step = UINT32_MAX / (n_berths * each);

	open_port(STEER_HASH, n_berths);
	for (__u32 c = 0; c < n_berths * each; c++)
		(void)choose_with(c * step, 0);
	for (__u32 i = 0; i < n_berths; i++) {
		ck_assert_uint_ge(given(i), each - 1);
		ck_assert_uint_le(given(i), each + 1);
	}
	ck_assert_uint_eq(choose_with(0, 0), 0);
	ck_assert_uint_eq(choose_with(UINT32_MAX, 0), n_berths - 1);
}
END_TEST

START_TEST(a_hash_whose_berth_is_closed_goes_to_the_next_open_one)
{
	open_port(STEER_HASH, 4);
	close_queue(3);
	make_hole(0);
	ck_assert_uint_eq(choose_with(UINT32_MAX, 0), 1);
	ck_assert_uint_eq(choose_with(0, 0), 1);
	ck_assert_uint_eq(choose_with((__u32)1 << 31, 0), 2);
}
END_TEST

START_TEST(a_canary_has_its_share_of_all_connections_and_no_more)
{
	enum {
		N = 100000
	};
	unsigned n_canary = 0;

	port.canary = 7 + 1;
	port.share = UINT32_MAX / 10;
	for (__u32 i = 0; i < N; i++) {
		const __u32 berth = choose_canary(&port, i * (UINT32_MAX / N));

		ck_assert(berth == 7 || berth == CHOOSE_NONE);
		n_canary += berth == 7;
	}
	ck_assert_uint_ge(n_canary, N / 10 - 1);
	ck_assert_uint_le(n_canary, N / 10 + 1);
}
END_TEST

START_TEST(without_a_canary_nothing_goes_to_one)
{
	port.canary = 0;
	port.share = UINT32_MAX;
	ck_assert_uint_eq(choose_canary(&port, 0), CHOOSE_NONE);
}
END_TEST

START_TEST(balanced_takes_who_has_fewest_connections)
{
	static const __s64 live[] = { 3, 1, 2, 0 };

	open_port(STEER_BALANCED, 4);
	for (__u32 i = 0; i < 4; i++)
		berth_of(i)->live = live[i];
	for (int c = 0; c < 100; c++)
		ck_assert_uint_eq(choose(), 3);
}
END_TEST

START_TEST(balanced_fills_all_alike_with_connections_that_stay)
{
	open_port(STEER_BALANCED, 4);
	for (int c = 0; c < 64; c++)
		berth_of(choose())->live++;
	for (__u32 i = 0; i < 4; i++)
		ck_assert_int_eq(berth_of(i)->live, 16);
}
END_TEST

START_TEST(among_as_many_connections_balanced_prefers_an_empty_queue)
{
	open_port(STEER_BALANCED, 3);
	for (__u32 i = 0; i < 3; i++)
		berth_of(i)->live = 2;
	set_depth(0, 1);
	set_depth(2, 2);
	for (int c = 0; c < 100; c++)
		ck_assert_uint_eq(choose(), 1);
}
END_TEST

START_TEST(a_counter_below_zero_is_no_better_than_none)
{
	open_port(STEER_BALANCED, 2);
	berth_of(0)->live = -5;
	step_ns = 0;
	for (__u32 c = 0; c < 2 * CHOOSE_FAVOUR_MAX; c++)
		(void)choose();
	ck_assert_uint_eq(given(0), CHOOSE_FAVOUR_MAX);
	ck_assert_uint_eq(given(1), CHOOSE_FAVOUR_MAX);
}
END_TEST

START_TEST(the_favourite_of_idle_workers_is_another_after_so_many_connections)
{
	open_port(STEER_BALANCED, 4);
	step_ns = CHOOSE_PAUSE_NS - 1;
	for (__u32 c = 0; c < 4 * CHOOSE_FAVOUR_MAX; c++)
		ck_assert_uint_eq(choose(), c / CHOOSE_FAVOUR_MAX);
}
END_TEST

START_TEST(after_a_pause_the_next_worker_is_the_favourite)
{
	open_port(STEER_BALANCED, 4);
	step_ns = CHOOSE_PAUSE_NS;
	for (__u32 c = 0; c < 40; c++)
		ck_assert_uint_eq(choose(), c % 4);
}
END_TEST

START_TEST(while_the_favourite_is_busy_others_serve_and_it_comes_to_an_end)
{
	open_port(STEER_BALANCED, 2);
	step_ns = 0;
	berth_of(0)->live = 1;
	for (__u32 c = 0; c < CHOOSE_FAVOUR_MAX; c++)
		ck_assert_uint_eq(choose(), 1);
	berth_of(0)->live = 0;
	ck_assert_uint_eq(choose(), 1);
}
END_TEST

/* Which slot each of many clients has, at @n places that have the slots from 1 on. */
static void spread_clients(__u32 n, __u32 *ret_slots, size_t n_clients)
{
	for (__u32 i = 0; i < n; i++)
		berth_of(i)->slot = i + 1;
	for (size_t c = 0; c < n_clients; c++) {
		__u32 place = choose_with((__u32)c * 256 + 10, 0);

		ret_slots[c] = berth_of(place)->slot;
	}
}

#define N_CLIENTS 4000

START_TEST(sticky_leaves_each_address_with_its_slot_and_all_slots_have_as_many)
{
	static __u32 slots[N_CLIENTS], again[N_CLIENTS];

	open_port(STEER_STICKY, 5);
	spread_clients(5, slots, N_CLIENTS);
	for (__u32 i = 0; i < 5; i++) {
		ck_assert_uint_gt(given(i), N_CLIENTS / 5 * 9 / 10);
		ck_assert_uint_lt(given(i), N_CLIENTS / 5 * 11 / 10);
	}
	spread_clients(5, again, N_CLIENTS);
	ck_assert_mem_eq(slots, again, sizeof(slots));
}
END_TEST

START_TEST(a_slot_that_comes_or_goes_moves_no_clients_but_its_own)
{
	static __u32 four[N_CLIENTS], five[N_CLIENTS];
	size_t n_moved = 0;

	open_port(STEER_STICKY, 4);
	spread_clients(4, four, N_CLIENTS);
	open_port(STEER_STICKY, 5);
	spread_clients(5, five, N_CLIENTS);
	for (size_t c = 0; c < N_CLIENTS; c++) {
		ck_assert(five[c] == four[c] || five[c] == 5);
		n_moved += five[c] == 5;
	}
	ck_assert_uint_gt(n_moved, N_CLIENTS / 5 * 9 / 10);
	ck_assert_uint_lt(n_moved, N_CLIENTS / 5 * 11 / 10);
}
END_TEST

START_TEST(a_stalled_worker_s_clients_go_elsewhere_while_it_is_stalled)
{
	static __u32 before[N_CLIENTS], during[N_CLIENTS], after[N_CLIENTS];

	open_port(STEER_STICKY, 4);
	spread_clients(4, before, N_CLIENTS);
	set_depth(2, CHOOSE_STALLED_QUEUE);
	spread_clients(4, during, N_CLIENTS);
	for (size_t c = 0; c < N_CLIENTS; c++)
		ck_assert(before[c] == 3 ? during[c] != 3 : during[c] == before[c]);
	set_depth(2, CHOOSE_STALLED_QUEUE - 1);
	spread_clients(4, after, N_CLIENTS);
	ck_assert_mem_eq(before, after, sizeof(before));
}
END_TEST

START_TEST(where_all_are_stalled_sticky_is_as_if_none_were)
{
	static __u32 before[N_CLIENTS], during[N_CLIENTS];

	open_port(STEER_STICKY, 3);
	spread_clients(3, before, N_CLIENTS);
	for (__u32 i = 0; i < 3; i++)
		set_depth(i, CHOOSE_STALLED_QUEUE + i);
	spread_clients(3, during, N_CLIENTS);
	ck_assert_mem_eq(before, during, sizeof(before));
}
END_TEST

static void open_weighted(const __u32 *weights, __u32 n)
{
	open_port(STEER_WEIGHTED, n);
	for (__u32 i = 0; i < n; i++)
		berth_of(i)->weight = weights[i];
}

START_TEST(weighted_gives_to_each_by_its_weight)
{
	static const __u32 weights[] = { 5, 3, 1, 1 };

	open_weighted(weights, 4);
	for (int c = 0; c < 1000; c++)
		(void)choose();
	for (__u32 i = 0; i < 4; i++) {
		ck_assert_uint_ge(given(i), weights[i] * 100 - 2);
		ck_assert_uint_le(given(i), weights[i] * 100 + 2);
	}
}
END_TEST

START_TEST(one_that_was_away_does_not_make_up_for_it)
{
	static const __u32 weights[] = { 1, 1, 1 };

	open_weighted(weights, 3);
	set_depth(0, QUEUE_CLOSED);
	for (int c = 0; c < 1000; c++)
		(void)choose();
	ck_assert_uint_eq(given(0), 0);
	set_depth(0, 0);
	for (int c = 0; c < 300; c++)
		(void)choose();
	ck_assert_uint_ge(given(0), 99);
	ck_assert_uint_le(given(0), 102);
}
END_TEST

START_TEST(weighted_goes_on_past_the_end_of_its_counters)
{
	static const __u32 weights[] = { 2, 1 };

	open_weighted(weights, 2);
	port.turn = UINT32_MAX - 3 * CHOOSE_STRIDE;
	for (int c = 0; c < 3000; c++)
		(void)choose();
	ck_assert_uint_ge(given(0), 1998);
	ck_assert_uint_le(given(0), 2002);
}
END_TEST

START_TEST(weighted_passes_over_a_stalled_worker)
{
	static const __u32 weights[] = { 9, 1, 1 };

	open_weighted(weights, 3);
	set_depth(0, CHOOSE_STALLED_QUEUE);
	for (int c = 0; c < 100; c++)
		ck_assert_uint_ne(choose(), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		round_robin_is_exact_for_every_number_of_berths,
		a_full_queue_is_passed_over_and_the_others_stay_even,
		several_full_queues_side_by_side_are_passed_over,
		where_every_queue_is_as_full_as_the_others_round_robin_is_plain,
		a_turn_lasts_until_the_worker_has_come_for_what_it_was_sent,
		a_worker_that_does_not_come_loses_its_turn_after_half_a_millisecond,
		a_turn_ends_when_many_wait,
		a_turn_ends_when_its_berth_closes,
		where_no_queue_is_empty_the_shortest_gets_it,
		with_no_empty_queue_in_reach_the_turn_decides,
		holes_get_nothing_and_the_others_stay_even,
		closed_berths_get_nothing_and_the_others_stay_even,
		without_an_open_berth_no_seat_is_chosen,
		only_so_many_seats_are_looked_at,
		a_count_beyond_the_last_seat_is_cut,
		the_turn_goes_round_the_end_of_its_counter,
		random_two_takes_the_shorter_queue_of_two_different_berths,
		random_two_with_one_berth_takes_that,
		random_two_with_one_of_the_two_closed_takes_the_other,
		random_two_is_even_where_queues_are_empty,
		random_two_keeps_queues_that_nobody_empties_within_a_few_of_each_other,
		a_hash_names_the_same_berth_whatever_else_changes,
		hashes_are_spread_evenly,
		a_hash_whose_berth_is_closed_goes_to_the_next_open_one,
		a_canary_has_its_share_of_all_connections_and_no_more,
		without_a_canary_nothing_goes_to_one,
		balanced_takes_who_has_fewest_connections,
		balanced_fills_all_alike_with_connections_that_stay,
		among_as_many_connections_balanced_prefers_an_empty_queue,
		a_counter_below_zero_is_no_better_than_none,
		the_favourite_of_idle_workers_is_another_after_so_many_connections,
		after_a_pause_the_next_worker_is_the_favourite,
		while_the_favourite_is_busy_others_serve_and_it_comes_to_an_end,
		sticky_leaves_each_address_with_its_slot_and_all_slots_have_as_many,
		a_slot_that_comes_or_goes_moves_no_clients_but_its_own,
		a_stalled_worker_s_clients_go_elsewhere_while_it_is_stalled,
		where_all_are_stalled_sticky_is_as_if_none_were,
		weighted_gives_to_each_by_its_weight,
		one_that_was_away_does_not_make_up_for_it,
		weighted_goes_on_past_the_end_of_its_counters,
		weighted_passes_over_a_stalled_worker,
	};

	return RUN_SUITE("choose", tests);
}
