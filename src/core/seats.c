/*
 * Seats as the steering program must never see them wrong: each change is made
 * of single words, in an order that is harmless at every step.
 */
#include "core/seats.h"

static uint64_t read_seat(const struct steer_port *p, uint32_t i)
{
	return __atomic_load_n(&p->seats[i], __ATOMIC_ACQUIRE);
}

static void write_seat(struct steer_port *p, uint32_t i, uint64_t seat)
{
	__atomic_store_n(&p->seats[i], seat, __ATOMIC_RELEASE);
}

static void write_count(struct steer_port *p, uint32_t n)
{
	__atomic_store_n(&p->n_seats, n, __ATOMIC_RELEASE);
}

bool seats_add(struct steer_port *p, uint32_t opening, uint32_t berth)
{
	uint32_t n = p->n_seats;

	if (n >= STEER_SEATS_MAX)
		return false;
	write_seat(p, n, STEER_SEAT(opening, berth));
	write_count(p, n + 1);
	return true;
}

/* The last seat moves to @i. It stands twice for a moment, never not at all. */
static void close_gap(struct steer_port *p, uint32_t i)
{
	uint32_t last = p->n_seats - 1;

	write_seat(p, i, read_seat(p, last));
	write_count(p, last);
	write_seat(p, last, 0);
}

static uint32_t find(const struct steer_port *p, uint32_t berth)
{
	for (uint32_t i = 0; i < p->n_seats && i < STEER_SEATS_MAX; i++) {
		uint64_t seat = read_seat(p, i);

		if (seat && STEER_SEAT_BERTH(seat) == berth)
			return i;
	}
	return STEER_SEATS_MAX;
}

bool seats_has(const struct steer_port *p, uint32_t berth)
{
	return find(p, berth) != STEER_SEATS_MAX;
}

bool seats_remove(struct steer_port *p, uint32_t berth)
{
	uint32_t i = find(p, berth);

	if (i == STEER_SEATS_MAX)
		return false;
	close_gap(p, i);
	return true;
}

void seats_compact(struct steer_port *p)
{
	for (uint32_t i = p->n_seats; i-- > 0;)
		if (read_seat(p, i) == 0)
			close_gap(p, i);
}

uint32_t berth_indices_take(struct berth_indices *set)
{
	const uint32_t n_words = STEER_BERTHS_MAX / 64;

	for (uint32_t t = 0; t <= n_words; t++) {
		uint32_t word = (set->next / 64 + t) % n_words;
		uint64_t free_bits = ~set->taken[word];

		if (t == 0)
			free_bits &= ~0ull << set->next % 64;
		if (free_bits) {
			uint32_t berth = word * 64 + (uint32_t)__builtin_ctzll(free_bits);

			set->taken[word] |= 1ull << berth % 64;
			set->next = (berth + 1) % STEER_BERTHS_MAX;
			return berth;
		}
	}
	return BERTH_INDEX_NONE;
}

void berth_indices_note(struct berth_indices *set, uint32_t berth)
{
	set->taken[berth / 64] |= 1ull << berth % 64;
}

void berth_indices_give_back(struct berth_indices *set, uint32_t berth)
{
	set->taken[berth / 64] &= ~(1ull << berth % 64);
}
