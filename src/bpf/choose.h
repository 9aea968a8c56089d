/*
 * Which berth of a port gets a new connection.
 *
 * Plain C without library calls and with bounded loops: the same lines run in
 * the kernel (steer.bpf.c) and in the unit tests. The caller supplies what
 * differs between the two: a function that tells how many connections wait in
 * a berth's accept queue, and a random number.
 *
 * Round robin gives each berth its turn, but one whose queue isn't empty is
 * passed over while another's is. The other policies take the berth that the
 * flow's hash names, or the shorter queue of two that chance names, and the
 * next open one if that one is closed.
 */
#ifndef BERTH_BPF_CHOOSE_H
#define BERTH_BPF_CHOOSE_H

#include "bpf/abi.h"

#define CHOOSE_NONE     0xffffffffu /* no seat is taken */
#define CHOOSE_SCAN_MAX 32          /* seats looked at for one connection */

#define QUEUE_UNKNOWN 0           /* depth cannot be seen: every berth looks empty */
#define QUEUE_CLOSED  0xffffffffu /* there is no listening socket behind the index */

typedef __u32 choose_queue_fn(__u32 berth);

struct choose_input {
	__u32 hash;   /* the flow's, from the kernel */
	__u32 random; /* fresh for each connection */
};

#define choose_inline static inline __attribute__((always_inline))

/* What stands at place @i, 0 for a hole or a place that there isn't. */
choose_inline __u64 choose_seat_at(const struct steer_port *p, __u32 i)
{
	/* The kernel's verifier wants to see the check that a compiler proves away. */
	__asm__ volatile("" : "+r"(i));
	return i < STEER_SEATS_MAX ? p->seats[i] : 0;
}

/* The depth of the queue at place @i; QUEUE_CLOSED also for a hole. */
choose_inline __u32 choose_queue_at(const struct steer_port *p, __u32 i, choose_queue_fn *queue)
{
	__u64 seat = choose_seat_at(p, i);

	return seat ? queue(STEER_SEAT_BERTH(seat)) : QUEUE_CLOSED;
}

/* Where the scan begins for a policy that looks at two berths and takes the shorter queue. */
choose_inline __u32 choose_shorter_of_two(const struct steer_port *p, __u32 n, __u32 random,
					  choose_queue_fn *queue)
{
	__u32 one = (random & 0xffff) * n >> 16;
	__u32 two = (one + 1 + ((random >> 16) * (n - 1) >> 16)) % n; /* another one, if n > 1 */

	return choose_queue_at(p, two, queue) < choose_queue_at(p, one, queue) ? two : one;
}

choose_inline __u32 choose_start(struct steer_port *p, __u32 n, const struct choose_input *in,
				 choose_queue_fn *queue)
{
	if (p->policy == STEER_HASH)
		return (__u64)in->hash * n >> 32;
	if (p->policy == STEER_RANDOM_TWO)
		return choose_shorter_of_two(p, n, in->random, queue);
	return __sync_fetch_and_add(&p->turn, 1) % n;
}

/*
 * The first open berth from @start on; with @wants_empty one whose queue is
 * empty, if there is one in reach. @ret_passed: how many were passed over.
 */
choose_inline __u32 choose_scan(const struct steer_port *p, __u32 n, __u32 start, int wants_empty,
				choose_queue_fn *queue, __u32 *ret_passed)
{
	__u32 first_open = CHOOSE_NONE;

	*ret_passed = 0;
	for (__u32 t = 0; t < CHOOSE_SCAN_MAX && t < n; t++) {
		__u32 i = (start + t) % n;
		__u32 depth = choose_queue_at(p, i, queue);

		if (depth == QUEUE_CLOSED)
			continue;
		if (depth == 0 || !wants_empty) {
			*ret_passed = t;
			return i;
		}
		if (first_open == CHOOSE_NONE) {
			first_open = i;
			*ret_passed = t;
		}
	}
	return first_open;
}

/*
 * choose_seat - which seat of port @p takes the next connection
 *
 * Returns its place in p->seats, or CHOOSE_NONE when no berth is open within
 * CHOOSE_SCAN_MAX seats: then the anchor takes it.
 */
choose_inline __u32 choose_seat(struct steer_port *p, const struct choose_input *in,
				choose_queue_fn *queue)
{
	__u32 n = p->n_seats;
	int by_turn = p->policy == STEER_ROUND_ROBIN;
	__u32 passed;
	__u32 i;

	if (n == 0)
		return CHOOSE_NONE;
	if (n > STEER_SEATS_MAX)
		n = STEER_SEATS_MAX;
	i = choose_scan(p, n, choose_start(p, n, in, queue), by_turn, queue, &passed);
	/* The turns passed over are used up, or the next in line would get two shares. */
	if (by_turn && passed)
		(void)__sync_fetch_and_add(&p->turn, passed);
	return i;
}

#endif
