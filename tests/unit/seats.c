/*
 * Seats change while the steering program reads them; here a thread stands in for it.
 */
#include "core/seats.h"

#include <check.h>
#include <pthread.h>
#include <string.h>

#include "run_suite.h"

static struct steer_port port;
static struct berth_indices indices;

/* What the program sees at place @i. */
static uint64_t look(uint32_t i)
{
	return __atomic_load_n(&port.seats[i], __ATOMIC_ACQUIRE);
}

static uint32_t count(void)
{
	return __atomic_load_n(&port.n_seats, __ATOMIC_ACQUIRE);
}

/* As the program does with a berth whose socket is gone. */
static void empty_seat(uint32_t i, uint64_t seat)
{
	(void)__sync_val_compare_and_swap(&port.seats[i], seat, 0);
}

/* How often @berth stands in the seats in use. */
static int times_seated(uint32_t berth)
{
	int n = 0;

	for (uint32_t i = 0; i < port.n_seats; i++)
		n += port.seats[i] && STEER_SEAT_BERTH(port.seats[i]) == berth;
	return n;
}

static void add(uint32_t first, uint32_t n)
{
	for (uint32_t berth = first; berth < first + n; berth++)
		ck_assert(seats_add(&port, berth + 1, berth));
}

static void assert_no_rests(void)
{
	for (uint32_t i = port.n_seats; i < STEER_SEATS_MAX; i++)
		if (port.seats[i])
			ck_abort_msg("something stands behind the last seat, at %u", i);
}

START_TEST(what_is_added_has_one_seat_until_it_is_removed)
{
	add(10, 4);
	ck_assert_uint_eq(port.n_seats, 4);
	for (uint32_t berth = 10; berth < 14; berth++)
		ck_assert_int_eq(times_seated(berth), 1);

	ck_assert(seats_remove(&port, 11));
	ck_assert_int_eq(times_seated(11), 0);
	ck_assert(!seats_remove(&port, 11));
	ck_assert_uint_eq(port.n_seats, 3);
	ck_assert_int_eq(times_seated(10) + times_seated(12) + times_seated(13), 3);
	assert_no_rests();
}
END_TEST

START_TEST(first_last_and_only_seats_can_be_removed)
{
	static const uint32_t order[] = { 0, 3, 2, 1 };

	add(0, 4);
	for (uint32_t k = 0; k < 4; k++) {
		ck_assert(seats_remove(&port, order[k]));
		ck_assert_uint_eq(port.n_seats, 3 - k);
		for (uint32_t later = k + 1; later < 4; later++)
			ck_assert_int_eq(times_seated(order[later]), 1);
		assert_no_rests();
	}
}
END_TEST

START_TEST(nothing_is_found_among_no_seats)
{
	ck_assert(!seats_remove(&port, 0));
	seats_compact(&port);
	ck_assert_uint_eq(port.n_seats, 0);
}
END_TEST

START_TEST(the_first_berth_is_not_taken_for_a_hole)
{
	add(0, 1);
	ck_assert_int_eq(times_seated(0), 1);
	empty_seat(0, port.seats[0]);
	ck_assert_int_eq(times_seated(0), 0);
	ck_assert(!seats_remove(&port, 0));
}
END_TEST

START_TEST(a_berth_has_a_seat_until_it_is_removed_or_its_socket_is_gone)
{
	ck_assert(!seats_has(&port, 0));
	add(0, 3);
	ck_assert(seats_has(&port, 0) && seats_has(&port, 1) && seats_has(&port, 2));
	ck_assert(!seats_has(&port, 3));
	ck_assert(seats_remove(&port, 1));
	ck_assert(!seats_has(&port, 1));
	ck_assert(seats_has(&port, 0) && seats_has(&port, 2));
	empty_seat(0, port.seats[0]);
	ck_assert(!seats_has(&port, 0));
	ck_assert(seats_has(&port, 2));
}
END_TEST

START_TEST(a_port_takes_as_many_berths_as_it_has_seats)
{
	add(0, STEER_SEATS_MAX);
	ck_assert(!seats_add(&port, 1, STEER_SEATS_MAX));
	ck_assert_uint_eq(port.n_seats, STEER_SEATS_MAX);
	ck_assert(seats_remove(&port, 500));
	ck_assert(seats_add(&port, 9999, STEER_SEATS_MAX));
	ck_assert_int_eq(times_seated(STEER_SEATS_MAX), 1);
}
END_TEST

START_TEST(each_opening_of_a_berth_is_another_word)
{
	uint64_t first;

	ck_assert(seats_add(&port, 1, 5));
	first = port.seats[0];
	ck_assert(seats_remove(&port, 5));
	ck_assert(seats_add(&port, 2, 5));
	ck_assert(port.seats[0] != first);
	empty_seat(0, first);
	ck_assert_int_eq(times_seated(5), 1);
}
END_TEST

START_TEST(holes_of_the_program_are_closed_wherever_they_are)
{
	/* each bit of @holes is one of eight seats that the program has emptied */
	for (unsigned holes = 0; holes < 256; holes++) {
		uint32_t n_left = 8 - (uint32_t)__builtin_popcount(holes);

		memset(&port, 0, sizeof(port));
		for (uint32_t berth = 0; berth < 8; berth++)
			(void)seats_add(&port, berth + 1, berth);
		for (uint32_t i = 0; i < 8; i++)
			if (holes & 1u << i)
				empty_seat(i, port.seats[i]);
		seats_compact(&port);
		ck_assert_uint_eq(port.n_seats, n_left);
		for (uint32_t berth = 0; berth < 8; berth++)
			if (times_seated(berth) != !(holes & 1u << berth))
				ck_abort_msg("berth %u is wrong after holes %#x", berth, holes);
		assert_no_rests();
	}
}
END_TEST

/* --- with a reader --- */

#define CHANGES 200000

static uint32_t last_opening; /* that has been used */
static bool is_over;

/* Which berth each opening is for: a reader can tell what was never there. */
static uint32_t berth_of(uint32_t opening)
{
	return opening * 2654435761u % STEER_BERTHS_MAX;
}

static bool is_plausible(uint64_t seat)
{
	uint32_t opening = (uint32_t)(seat >> 32);

	return opening > 0 && opening <= __atomic_load_n(&last_opening, __ATOMIC_ACQUIRE) &&
	       STEER_SEAT_BERTH(seat) == berth_of(opening);
}

/* Reads all seats over and over; *@ret_n_wrong counts those that cannot be. */
static void *read_seats(void *ret_n_wrong)
{
	uint64_t n_wrong = 0;

	while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
		uint32_t n = count();

		n_wrong += n > STEER_SEATS_MAX;
		for (uint32_t i = 0; i < n && i < STEER_SEATS_MAX; i++) {
			uint64_t seat = look(i);

			n_wrong += seat && !is_plausible(seat);
			if (seat % 64 == 63) /* this one's socket is gone, say */
				empty_seat(i, seat);
		}
	}
	*(uint64_t *)ret_n_wrong = n_wrong;
	return NULL;
}

START_TEST(a_reader_never_sees_a_berth_that_was_never_there)
{
	uint64_t n_wrong = 1;
	uint32_t oldest = 1;
	pthread_t reader;

	ck_assert_int_eq(pthread_create(&reader, NULL, read_seats, &n_wrong), 0);
	for (uint32_t opening = 1; opening <= CHANGES; opening++) {
		__atomic_store_n(&last_opening, opening, __ATOMIC_RELEASE);
		(void)seats_add(&port, opening, berth_of(opening));
		if (opening % 3)
			(void)seats_remove(&port, berth_of(opening - opening % 16));
		while (port.n_seats > 40)
			(void)seats_remove(&port, berth_of(oldest++));
		if (opening % 100 == 0)
			seats_compact(&port);
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
	ck_assert_int_eq(pthread_join(reader, NULL), 0);
	ck_assert_uint_eq(n_wrong, 0);

	seats_compact(&port);
	for (uint32_t i = 0; i < port.n_seats; i++) {
		ck_assert(is_plausible(port.seats[i]));
		ck_assert_int_eq(times_seated(STEER_SEAT_BERTH(port.seats[i])), 1);
	}
	assert_no_rests();
}
END_TEST

/* --- indices --- */

static void take_all(bool *is_taken)
{
	for (uint32_t k = 0; k < STEER_BERTHS_MAX; k++) {
		uint32_t berth = berth_indices_take(&indices);

		if (berth >= STEER_BERTHS_MAX || is_taken[berth])
			ck_abort_msg("index %u came twice, or is none", berth);
		is_taken[berth] = true;
	}
}

START_TEST(every_index_is_given_once)
{
	static bool is_taken[STEER_BERTHS_MAX];

	take_all(is_taken);
	ck_assert_uint_eq(berth_indices_take(&indices), BERTH_INDEX_NONE);
}
END_TEST

START_TEST(an_index_that_was_given_back_is_given_again)
{
	static const uint32_t some[] = { 0, 63, 64, 9000, STEER_BERTHS_MAX - 1 };
	static bool is_taken[STEER_BERTHS_MAX];

	take_all(is_taken);
	for (size_t k = 0; k < sizeof(some) / sizeof(some[0]); k++) {
		berth_indices_give_back(&indices, some[k]);
		ck_assert_uint_eq(berth_indices_take(&indices), some[k]);
		ck_assert_uint_eq(berth_indices_take(&indices), BERTH_INDEX_NONE);
	}
	for (uint32_t berth = 0; berth < STEER_BERTHS_MAX; berth++)
		berth_indices_give_back(&indices, berth);
	memset(is_taken, 0, sizeof(is_taken));
	take_all(is_taken);
}
END_TEST

/* What is still on its way to an index must not meet its next owner. */
START_TEST(an_index_rests_after_it_was_given_back)
{
	uint32_t first = berth_indices_take(&indices);

	berth_indices_give_back(&indices, first);
	for (uint32_t k = 1; k < STEER_BERTHS_MAX; k++) {
		uint32_t berth = berth_indices_take(&indices);

		if (berth == first)
			ck_abort_msg("given again after %u others", k);
		berth_indices_give_back(&indices, berth);
	}
}
END_TEST

START_TEST(an_index_that_was_noted_is_not_given_until_it_was_given_back)
{
	static const uint32_t noted[] = { 0, 63, 64, STEER_BERTHS_MAX - 1 };
	static bool is_taken[STEER_BERTHS_MAX];
	const size_t n_noted = sizeof(noted) / sizeof(noted[0]);

	for (size_t k = 0; k < n_noted; k++) {
		berth_indices_note(&indices, noted[k]);
		berth_indices_note(&indices, noted[k]); /* once more changes nothing */
		is_taken[noted[k]] = true;
	}
	for (size_t k = n_noted; k < STEER_BERTHS_MAX; k++) {
		uint32_t berth = berth_indices_take(&indices);

		if (berth >= STEER_BERTHS_MAX || is_taken[berth])
			ck_abort_msg("index %u was noted, or came twice, or is none", berth);
		is_taken[berth] = true;
	}
	ck_assert_uint_eq(berth_indices_take(&indices), BERTH_INDEX_NONE);
	berth_indices_give_back(&indices, 63);
	ck_assert_uint_eq(berth_indices_take(&indices), 63);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		what_is_added_has_one_seat_until_it_is_removed,
		first_last_and_only_seats_can_be_removed,
		nothing_is_found_among_no_seats,
		the_first_berth_is_not_taken_for_a_hole,
		a_berth_has_a_seat_until_it_is_removed_or_its_socket_is_gone,
		a_port_takes_as_many_berths_as_it_has_seats,
		each_opening_of_a_berth_is_another_word,
		holes_of_the_program_are_closed_wherever_they_are,
		a_reader_never_sees_a_berth_that_was_never_there,
		every_index_is_given_once,
		an_index_that_was_given_back_is_given_again,
		an_index_rests_after_it_was_given_back,
		an_index_that_was_noted_is_not_given_until_it_was_given_back,
	};

	return RUN_SUITE("seats", tests);
}
