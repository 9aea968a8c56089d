/*
 * The choice of a seat: whatever stands in a port's table and however full the
 * queues are, it is an open seat within the table, or none.
 *
 * The bytes are a struct head, and then two for each seat: the first says what
 * stands there, the second how many wait in that berth's queue.
 */
#include "bpf/choose.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define HOLE       0
#define CLOSED     1
#define NO_BERTH   2 /* an index that is none */
#define DEPTH_BITS 12

struct head {
	uint32_t n_seats;
	uint32_t policy;
	uint32_t turn;
	uint32_t hash;
	uint32_t random;
};

static struct steer_port port;
static __u32 depths[STEER_SEATS_MAX];

static __u32 queue(__u32 berth)
{
	return berth < STEER_SEATS_MAX ? depths[berth] : QUEUE_CLOSED;
}

/* As the program does it; the rest of a berth is made of its number, and of the table's turn. */
static __u32 rank(__u32 berth, const struct choose_scan *scan)
{
	const __u32 depth = queue(berth);
	const struct steer_berth b = {
		.live = (__s64)berth - 2,
		.slot = berth,
		.pass = port.turn + depth - berth,
	};

	if (depth == QUEUE_CLOSED || scan->policy < STEER_BALANCED)
		return depth;
	return choose_rank(&b, scan->policy, scan->key, depth);
}

static void fill_port(const struct head *head, const uint8_t *seats, size_t n_seats)
{
	memset(&port, 0, sizeof(port));
	port.n_seats = head->n_seats;
	port.policy = head->policy;
	port.turn = head->turn;
	port.holder = head->hash % STEER_SEATS_MAX;
	for (size_t i = 0; i < n_seats; i++) {
		uint8_t kind = seats[2 * i];

		depths[i] = kind == CLOSED ? QUEUE_CLOSED
					   : (__u32)seats[2 * i + 1] << kind % DEPTH_BITS;
		if (kind != HOLE)
			port.seats[i] = STEER_SEAT(head->turn | 1,
						   kind == NO_BERTH ? UINT32_MAX : (__u32)i);
	}
}

static __u32 depth_at(__u32 i)
{
	return port.seats[i] ? queue(STEER_SEAT_BERTH(port.seats[i])) : QUEUE_CLOSED;
}

/* Whose turn it is keeps it while its queue holds something, for a while. */
static bool turn_lasts(const struct head *head, __u32 n)
{
	const __u32 holder = head->hash % STEER_SEATS_MAX;

	return holder < n && head->random < CHOOSE_TURN_MAX_NS && depth_at(holder) > 0 &&
	       depth_at(holder) < CHOOSE_TURN_QUEUE_MAX;
}

/*
 * The shortest queue in reach, of equally short ones the first: so an empty one, where there is
 * one. It has the turn now, and those passed over on the way have had theirs.
 */
static void check_round_robin(__u32 chosen, __u32 turn, __u32 n)
{
	__u32 reach = n < CHOOSE_SCAN_MAX ? n : CHOOSE_SCAN_MAX;
	__u32 depth = chosen == CHOOSE_NONE ? QUEUE_CLOSED : depth_at(chosen);
	__u32 n_passed = 0;
	bool is_before = chosen != CHOOSE_NONE;

	for (__u32 t = 0; t < reach; t++) {
		__u32 i = (turn % n + t) % n;

		is_before = is_before && i != chosen;
		n_passed += is_before;
		assert(is_before ? depth_at(i) > depth : depth_at(i) >= depth);
	}
	assert(n_passed < reach || n == 0);
	if (chosen == CHOOSE_NONE)
		assert(port.turn == turn + (n > CHOOSE_SCAN_MAX));
	else
		assert(port.turn == turn + n_passed + 1);
	assert(chosen == CHOOSE_NONE || port.holder == chosen);
}

/* No berth in reach ranks before the one that was chosen. */
static void check_rank(const struct choose_input *in, __u32 chosen, __u32 turn, __u32 n)
{
	const struct choose_scan scan = {
		.port = &port,
		.policy = port.policy,
		.key = port.policy == STEER_STICKY ? in->source : turn,
	};
	const __u32 reach = n < CHOOSE_SCAN_MAX ? n : CHOOSE_SCAN_MAX;

	for (__u32 t = 0; t < reach; t++) {
		const __u64 seat = port.seats[t];

		if (seat && rank(STEER_SEAT_BERTH(seat), &scan) != QUEUE_CLOSED)
			assert(chosen != CHOOSE_NONE &&
			       rank(STEER_SEAT_BERTH(port.seats[chosen]), &scan) <=
				       rank(STEER_SEAT_BERTH(seat), &scan));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct head head;
	struct choose_input in;
	size_t n_seats;
	__u32 n;
	__u32 i;

	if (size < sizeof(head))
		return 0;
	memcpy(&head, bytes, sizeof(head));
	n_seats = (size - sizeof(head)) / 2;
	fill_port(&head, bytes + sizeof(head),
		  n_seats < STEER_SEATS_MAX ? n_seats : STEER_SEATS_MAX);
	in.hash = head.hash;
	in.random = head.random;
	in.source = head.hash;
	in.now_ns = head.random; /* since a turn that began at 0 */

	n = port.n_seats < STEER_SEATS_MAX ? port.n_seats : STEER_SEATS_MAX;
	i = choose_seat(&port, &in, queue, rank);
	assert(i == CHOOSE_NONE || i < n);
	assert(i == CHOOSE_NONE || depth_at(i) != QUEUE_CLOSED);
	if (port.policy == STEER_ROUND_ROBIN && turn_lasts(&head, n))
		assert(i == head.hash % STEER_SEATS_MAX);
	else if (port.policy == STEER_ROUND_ROBIN)
		check_round_robin(i, head.turn, n);
	if (port.policy == STEER_RANDOM_TWO || port.policy == STEER_HASH)
		assert(port.turn == head.turn);
	if (port.policy == STEER_STICKY || port.policy == STEER_WEIGHTED)
		check_rank(&in, i, head.turn, n);
	return 0;
}
