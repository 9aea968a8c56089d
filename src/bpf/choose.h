/*
 * Which berth of a port gets a new connection.
 *
 * Plain C without library calls and with bounded loops: the same lines run in
 * the kernel (steer.bpf.c) and in the unit tests. The caller supplies what
 * differs between the two: a function that tells how many connections wait in
 * a berth's accept queue, and a random number.
 *
 * Round robin gives each berth its turn, but one whose queue isn't empty is
 * passed over while another's is; when none is, the shortest gets it. A turn
 * lasts until the worker has come for what it was sent, within limits: what
 * comes meanwhile would wake one more process for less work each.
 *
 * Balanced takes the berth whose worker has the fewest connections; among those
 * one whose queue is empty; and among those a favourite, which is warm: what it
 * ran a moment ago is still in the caches. The next is the favourite after a few
 * connections, and after a pause: so shares are even.
 *
 * Sticky gives each source address a rank of its own for each slot and takes the
 * highest: when a slot comes or goes, only its own clients move. Weighted keeps for
 * each berth what it was given, divided by its weight, and takes the least. Both
 * pass over a berth where many wait, as long as there's another.
 *
 * The other policies take the berth that the flow's hash names, or the shorter
 * queue of two that chance names, and the next open one if that one is closed.
 */
#ifndef BERTH_BPF_CHOOSE_H
#define BERTH_BPF_CHOOSE_H

#include "bpf/abi.h"

#define CHOOSE_NONE     0xffffffffu /* no seat is taken */
#define CHOOSE_SCAN_MAX 64          /* seats looked at for one connection */

/* A worker that doesn't come within this time has lost its turn: it's busy, or stopped. */
#define CHOOSE_TURN_MAX_NS    500000
#define CHOOSE_TURN_QUEUE_MAX 16 /* connections that may wait for it meanwhile */

#define CHOOSE_FAVOUR_MAX 25 /* connections; they go where they are due, the favourite's or not */

/* After a pause as long as this nobody is warm. */
#define CHOOSE_PAUSE_NS 20000000

#define QUEUE_UNKNOWN 0           /* depth cannot be seen: every berth looks empty */
#define QUEUE_CLOSED  0xffffffffu /* there is no listening socket behind the index */

#define CHOOSE_LOAD_MAX 0x7ffffffeu /* connections; less than QUEUE_CLOSED when doubled */

#define CHOOSE_STALLED_QUEUE 16          /* as many wait where nobody comes for them */
#define CHOOSE_STALLED       0x80000000u /* beyond every rank of one that isn't stalled */

#define CHOOSE_STRIDE (1u << 20) /* by which a pass of weight 1 rises */

typedef __u32 choose_queue_fn(__u32 berth);

struct choose_input {
	__u32 hash;   /* the flow's, from the kernel */
	__u32 source; /* sticky: of its source address alone, well mixed or not */
	__u32 random; /* fresh for each connection */
	__u64 now_ns;
};

#define choose_inline static inline __attribute__((always_inline))

/*
 * What stands at place @i, 0 for a hole or a place that there isn't.
 *
 * For the kernel's verifier: without CAP_PERFMON an index must look the same on
 * every way that leads here, bounded and unknown. So it's mixed with a word
 * that only the running program knows, taken apart again, and masked.
 */
choose_inline __u64 choose_seat_at(const struct steer_port *p, __u32 i)
{
	__u32 word = p->policy;
	__u32 at = i ^ word;

	__asm__ volatile("" : "+r"(at), "+r"(word));
	at = (at ^ word) & (STEER_SEATS_MAX - 1);
	return i < STEER_SEATS_MAX ? p->seats[at] : 0;
}

/* The berth that is to have a share of its own, if this connection is in it; CHOOSE_NONE if not. */
choose_inline __u32 choose_canary(const struct steer_port *p, __u32 random)
{
	__u32 canary = p->canary;

	return canary && random < p->share ? canary - 1 : CHOOSE_NONE;
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

/* The place of the favourite of @n. Two CPUs may write at once: then one turn ends early or late. */
choose_inline __u32 choose_favourite(struct steer_port *p, __u32 n, __u64 now_ns)
{
	__u32 turn = __sync_fetch_and_add(&p->turn, 1);
	__u32 rest = turn % CHOOSE_FAVOUR_MAX;

	if (rest && now_ns - p->turn_began_ns >= CHOOSE_PAUSE_NS) {
		turn += CHOOSE_FAVOUR_MAX - rest;
		p->turn = turn + 1;
	}
	p->turn_began_ns = now_ns;
	return turn / CHOOSE_FAVOUR_MAX % n;
}

/* Each of the bits of @x has a part in each of the bits that are returned. */
choose_inline __u32 choose_mix(__u32 x)
{
	x = (x ^ x >> 16) * 0x7feb352du;
	x = (x ^ x >> 15) * 0x846ca68bu;
	return x ^ x >> 16;
}

/* What sticky compares, in place of a queue's depth: the least is the highest of the ranks. */
choose_inline __u32 choose_sticky(__u32 source, __u32 slot, __u32 queue)
{
	__u32 rank = choose_mix(choose_mix(source) ^ slot * 0x9e3779b9u);

	return (queue >= CHOOSE_STALLED_QUEUE ? CHOOSE_STALLED : 0) |
	       (~rank & ~CHOOSE_STALLED) >> 1;
}

/* What weighted compares: how far a berth's pass is ahead. One that was away isn't behind. */
choose_inline __u32 choose_weighted(__u32 pass, __u32 latest, __u32 queue)
{
	__s32 ahead = (__s32)(pass - latest);
	__u32 rank = ahead > 0 ? (__u32)ahead : 0;

	return (queue >= CHOOSE_STALLED_QUEUE ? CHOOSE_STALLED : 0) | rank >> 1;
}

/* Weighted: @b was given a connection of @p. */
choose_inline void choose_charge(struct steer_port *p, struct steer_berth *b)
{
	__u32 pass = b->pass;

	if ((__s32)(pass - p->turn) < 0)
		pass = p->turn; /* it was away, and makes up for nothing */
	p->turn = pass;
	b->pass = pass + CHOOSE_STRIDE / (b->weight ? b->weight : 1);
}

/*
 * What balanced compares, in place of a queue's depth: the fewer connections the
 * better, and of as many none that waits in the queue. A counter that was wrong
 * for a moment may be below 0.
 */
choose_inline __u32 choose_load(__s64 live, __u32 n_handshakes, __u32 queue)
{
	__u64 n = (live > 0 ? live : 0) + (__u64)n_handshakes;

	if (n > CHOOSE_LOAD_MAX)
		n = CHOOSE_LOAD_MAX;
	return n << 1 | (queue > 0);
}

/*
 * What is compared of @b, whose queue is as deep: the less the better.
 *
 * @key: sticky: the source; weighted: the latest pass; balanced: handshakes on their way
 */
choose_inline __u32 choose_rank(const struct steer_berth *b, __u32 policy, __u32 key, __u32 queue)
{
	if (policy == STEER_STICKY)
		return choose_sticky(key, b->slot, queue);
	if (policy == STEER_WEIGHTED)
		return choose_weighted(b->pass, key, queue);
	return choose_load(b->live, key, queue);
}

choose_inline __u32 choose_start(struct steer_port *p, __u32 n, const struct choose_input *in,
				 choose_queue_fn *queue)
{
	if (p->policy == STEER_BALANCED)
		return choose_favourite(p, n, in->now_ns);
	if (p->policy == STEER_HASH)
		return (__u64)in->hash * n >> 32;
	if (p->policy == STEER_STICKY || p->policy == STEER_WEIGHTED)
		return 0;
	if (p->policy == STEER_RANDOM_TWO)
		return choose_shorter_of_two(p, n, in->random, queue);
	return __sync_fetch_and_add(&p->turn, 1) % n;
}

/*
 * Looking for a berth: from where, and what was found so far. The kernel's
 * verifier follows a loop in the program through every turn; so the loop is the
 * kernel's own there, and only what is done in each turn stands here.
 */
struct choose_scan {
	const struct steer_port *port;
	__u64 now_ns;
	__u32 policy;
	__u32 key;       /* see choose_rank() */
	__u32 n;         /* seats */
	__u32 start;     /* the place where the scan begins */
	__u32 passed;    /* places passed over on the way to @found */
	__u32 found;     /* CHOOSE_NONE, or the berth with the shortest queue so far */
	__u32 depth;     /* of its queue */
	int wants_empty; /* go on until there is one whose queue is empty */
	int is_new_turn;
};

/* What @scan compares of a berth: the less the better, QUEUE_CLOSED for one that is closed. */
typedef __u32 choose_rank_fn(__u32 berth, const struct choose_scan *scan);

/* Whether the worker whose turn it is was sent something, and has yet to come for it. */
choose_inline int choose_turn_lasts(const struct steer_port *p, __u32 n, __u64 now_ns,
				    choose_queue_fn *queue)
{
	__u32 depth;

	if (p->holder >= n || now_ns - p->turn_began_ns >= CHOOSE_TURN_MAX_NS)
		return 0;
	depth = choose_queue_at(p, p->holder, queue);
	return depth > 0 && depth < CHOOSE_TURN_QUEUE_MAX;
}

/* How many turns the scan may take; 0 if nothing is left to be looked at. */
choose_inline __u32 choose_begin(struct steer_port *p, const struct choose_input *in,
				 choose_queue_fn *queue, struct choose_scan *ret_scan)
{
	__u32 n = p->n_seats;

	if (n > STEER_SEATS_MAX)
		n = STEER_SEATS_MAX;
	ret_scan->port = p;
	ret_scan->now_ns = in->now_ns;
	ret_scan->policy = p->policy;
	ret_scan->key = p->policy == STEER_STICKY ? in->source : 0;
	if (p->policy == STEER_WEIGHTED)
		ret_scan->key = p->turn;
	ret_scan->n = n;
	ret_scan->passed = 0;
	ret_scan->found = CHOOSE_NONE;
	ret_scan->depth = QUEUE_CLOSED;
	ret_scan->is_new_turn = p->policy == STEER_ROUND_ROBIN;
	ret_scan->wants_empty = ret_scan->is_new_turn || p->policy >= STEER_BALANCED;
	if (n == 0)
		return 0;
	if (ret_scan->is_new_turn && choose_turn_lasts(p, n, in->now_ns, queue)) {
		ret_scan->found = p->holder;
		ret_scan->is_new_turn = 0;
		return 0;
	}
	ret_scan->start = choose_start(p, n, in, queue);
	return n < CHOOSE_SCAN_MAX ? n : CHOOSE_SCAN_MAX;
}

/* Turn @t of the scan; returns 1 when it has found what it wants. */
choose_inline int choose_look(struct choose_scan *scan, __u32 t, choose_rank_fn *rank)
{
	__u32 i = (scan->start + t) % scan->n; /* choose_begin() sees to it that there is a seat */
	__u64 seat = choose_seat_at(scan->port, i);
	__u32 depth = seat ? rank(STEER_SEAT_BERTH(seat), scan) : QUEUE_CLOSED;

	/* QUEUE_CLOSED is deeper than any queue; of equal ones the first has its turn. */
	if (depth >= scan->depth)
		return 0;
	scan->found = i;
	scan->depth = depth;
	scan->passed = t;
	return depth == 0 || !scan->wants_empty;
}

/*
 * The place that the scan has found. The turns passed over are used up, or the
 * next in line would get two shares.
 */
choose_inline __u32 choose_end(struct steer_port *p, const struct choose_scan *scan)
{
	/* Where all were looked at, and none is open, nobody has had the turn. */
	if (scan->found == CHOOSE_NONE && scan->n > 0 && scan->n <= CHOOSE_SCAN_MAX &&
	    (scan->policy == STEER_ROUND_ROBIN || scan->policy == STEER_BALANCED))
		(void)__sync_fetch_and_add(&p->turn, -1);
	if (!scan->is_new_turn || scan->found == CHOOSE_NONE)
		return scan->found;
	if (scan->passed)
		(void)__sync_fetch_and_add(&p->turn, scan->passed);
	/* Two CPUs may write at once: then one of the two turns ends early, and nothing else. */
	p->holder = scan->found;
	p->turn_began_ns = scan->now_ns;
	return scan->found;
}

/*
 * choose_seat - which seat of port @p takes the next connection
 *
 * Returns its place in p->seats, or CHOOSE_NONE when no berth is open within
 * CHOOSE_SCAN_MAX seats: then the anchor takes it.
 */
choose_inline __u32 choose_seat(struct steer_port *p, const struct choose_input *in,
				choose_queue_fn *queue, choose_rank_fn *rank)
{
	struct choose_scan scan;
	__u32 n_turns = choose_begin(p, in, queue, &scan);

	for (__u32 t = 0; t < n_turns; t++)
		if (choose_look(&scan, t, rank))
			break;
	return choose_end(p, &scan);
}

#endif
