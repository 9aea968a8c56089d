/*
 * Steering: the kernel asks this program, for each new connection to a port
 * and for each that a closing listener leaves behind, which listening socket
 * takes it. The rule is in choose.h; here it meets the kernel.
 *
 * One program serves every port of the primary. It never leaves the choice to
 * the kernel, which would pick any member of the group: a stranger's socket,
 * or the anchor.
 */
/* The kernel's headers for programs don't stand alone: this order, and no other. */
/* clang-format off */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

#include "bpf/abi.h"
#include "bpf/choose.h"
#include "bpf/kernel.bpf.h"

#define FAMILY_INET6      10 /* AF_INET6; the headers that name it are not for BPF */
#define CLOSED_BERTHS_MAX 8  /* closed berths met before the anchor has to do */

struct {
	__uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	__uint(max_entries, STEER_BERTHS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} steer_sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STEER_PORTS_MAX);
	__type(key, struct steer_key);
	__type(value, __u32);
} steer_keys SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, STEER_PORTS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct steer_port);
} steer_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, STEER_BERTHS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct steer_berth);
} steer_berths SEC(".maps");

#include "bpf/live.bpf.h"

/*
 * Words that call the primary: which berth they are about doesn't matter, it
 * looks at all of them. The ring may be full: then a word is in it already.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, STEER_NEWS_BYTES);
} steer_news SEC(".maps");

static __always_inline void call_primary(__u32 berth)
{
	(void)bpf_ringbuf_output(&steer_news, &berth, sizeof(berth), 0);
}

/*
 * The map of sockets, read as the kernel keeps it: a berth's socket is one
 * load away, and can be no other than the one that would be selected. Needs
 * CAP_PERFMON, and a kernel of 6.2 or later.
 */
static __always_inline struct sock *socket_at(__u32 berth)
{
	struct reuseport_array *sockets;
	struct sock *socket = NULL;

	if (berth >= STEER_BERTHS_MAX)
		return NULL;
	sockets = bpf_rdonly_cast(&steer_sockets, bpf_core_type_id_kernel(struct reuseport_array));
	(void)bpf_core_read(&socket, sizeof(socket), &sockets->ptrs[berth]);
	if (!socket)
		return NULL;
	return bpf_rdonly_cast(socket, bpf_core_type_id_kernel(struct sock));
}

/* How many descriptors, of whatever process, refer to the socket. */
static __always_inline __u64 holders_of(struct sock *socket)
{
	struct file *file = socket->sk_socket->file;

	if (bpf_core_field_exists(file->f_ref))
		return file->f_ref.refcnt.counter + 1;
	return ((struct file___before_6_13 *)file)->f_count.counter;
}

/*
 * The primary holds a copy of each berth's socket, so that a close() doesn't
 * cut off clients whose handshake ends at that very moment. A worker has closed
 * its own when that copy is all there is.
 */
static __always_inline __u32 queue_seen(__u32 berth)
{
	struct sock *socket = socket_at(berth);

	if (!socket)
		return QUEUE_CLOSED;
	return holders_of(socket) > 1 ? socket->sk_ack_backlog : QUEUE_CLOSED;
}

static __always_inline __u32 queue_unseen(__u32 berth)
{
	return berth < STEER_BERTHS_MAX ? QUEUE_UNKNOWN : QUEUE_CLOSED;
}

static __always_inline __u32 handshakes_at(struct sock *socket)
{
	struct inet_connection_sock *listener =
		bpf_rdonly_cast(socket, bpf_core_type_id_kernel(struct inet_connection_sock));

	return listener->icsk_accept_queue.qlen.counter;
}

/*
 * What the policy compares, of a berth that is open: see choose_rank(). No part of
 * those that call it, so that the verifier looks at it once, and not on each way
 * that leads here.
 */
__attribute__((noinline)) __u32 steer_rank(__u32 berth, __u32 policy, __u32 key, __u32 queue)
{
	struct steer_berth *b = bpf_map_lookup_elem(&steer_berths, &berth);

	return b ? choose_rank(b, policy, key, queue) : QUEUE_CLOSED;
}

static __always_inline __u32 rank_seen(__u32 berth, const struct choose_scan *scan)
{
	struct sock *socket = socket_at(berth);
	__u32 key = scan->key;

	if (!socket || holders_of(socket) <= 1)
		return QUEUE_CLOSED;
	if (scan->policy < STEER_BALANCED)
		return socket->sk_ack_backlog;
	if (scan->policy == STEER_BALANCED)
		key = handshakes_at(socket);
	return steer_rank(berth, scan->policy, key, socket->sk_ack_backlog);
}

static __always_inline __u32 rank_unseen(__u32 berth, const struct choose_scan *scan)
{
	if (berth >= STEER_BERTHS_MAX)
		return QUEUE_CLOSED;
	if (scan->policy < STEER_BALANCED)
		return QUEUE_UNKNOWN;
	return steer_rank(berth, scan->policy, scan->key, QUEUE_UNKNOWN);
}

static __always_inline struct steer_port *port_of(struct sk_reuseport_md *md)
{
	struct steer_key key = {};
	struct bpf_sock *sk = md->sk;
	__u32 *word = (__u32 *)key.address;
	__u32 *id;

	if (!sk)
		return NULL;
	if (sk->family == FAMILY_INET6) {
		word[0] = sk->src_ip6[0];
		word[1] = sk->src_ip6[1];
		word[2] = sk->src_ip6[2];
		word[3] = sk->src_ip6[3];
	} else {
		word[0] = sk->src_ip4;
	}
	key.device = sk->bound_dev_if;
	key.port = sk->src_port;
	key.family = sk->family;
	key.protocol = md->ip_protocol;
	id = bpf_map_lookup_elem(&steer_keys, &key);
	return id ? bpf_map_lookup_elem(&steer_ports, id) : NULL;
}

/* What is new, a connection or a flow, and no connection that is handed on. */
static __always_inline void count_new(struct steer_port *port, __u32 index)
{
	struct steer_berth *b = bpf_map_lookup_elem(&steer_berths, &index);

	if (!b)
		return;
	if (port->policy == STEER_WEIGHTED)
		choose_charge(port, b);
	__sync_fetch_and_add(&b->steered, 1);
	__sync_fetch_and_add(&port->steered, 1);
}

static __always_inline void count(struct sk_reuseport_md *md, struct steer_port *port, __u32 index)
{
	struct steer_berth *b;

	if (!md->migrating_sk) {
		count_new(port, index);
		return;
	}
	b = bpf_map_lookup_elem(&steer_berths, &index);
	if (!b)
		return;
	__sync_fetch_and_add(&b->migrated_in, 1);
	__sync_fetch_and_add(&port->migrated, 1);
	move_connection(md, port, index, b);
	/* The kernel puts it into the queue there, but wakes nobody: the primary must. */
	call_primary(index);
}

/* Its worker closed the berth at place @i: nobody need look there again. */
static __always_inline void take_away(struct steer_port *p, __u32 i, __u64 seat)
{
	if (i < STEER_SEATS_MAX)
		(void)__sync_val_compare_and_swap(&p->seats[i], seat, 0);
}

/* The first connection after a quiet time calls the primary, which then looks by itself. */
static __always_inline void note_traffic(struct steer_port *p)
{
	if (p->is_busy)
		return;
	p->is_busy = 1;
	call_primary(0);
}

/* One connection on its way; what the tries for it share. */
struct passage {
	struct sk_reuseport_md *md;
	struct steer_port *port;
	int is_done;
};

typedef long loop_fn(__u32 t, void *context);

static long look_by_queue(__u32 t, void *scan)
{
	return choose_look(scan, t, rank_seen);
}

static long look_by_turn(__u32 t, void *scan)
{
	return choose_look(scan, t, rank_unseen);
}

/* Of an address of version 6; of one of version 4 in the first word. */
static __always_inline __u32 number_of(const __u32 words[4])
{
	return choose_mix(choose_mix(choose_mix(words[0]) ^ words[1]) ^ words[2]) ^ words[3];
}

/*
 * A number of the source address alone. What has no packet that we could read
 * has been with a worker already, and goes by its flow.
 */
static __always_inline __u32 source_of(struct sk_reuseport_md *md)
{
	__u32 words[4] = {};

	if (md->migrating_sk)
		return md->hash;
	if (md->eth_protocol == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes_relative(md, 12, words, sizeof(words[0]), BPF_HDR_START_NET))
			return md->hash;
		return number_of(words);
	}
	if (bpf_skb_load_bytes_relative(md, 8, words, sizeof(words), BPF_HDR_START_NET))
		return md->hash;
	return number_of(words);
}

/* Sends the connection to the berth that is chosen; 1 when there's nothing more to try. */
static __always_inline long try_berth(struct passage *way, choose_queue_fn *queue, loop_fn *look)
{
	struct choose_input in = {
		.hash = way->md->hash,
		.random = bpf_get_prandom_u32(),
		.now_ns = bpf_ktime_get_ns(),
	};
	struct choose_scan scan;
	__u32 n_turns;
	__u64 seat;
	__u32 index;
	__u32 i;

	if (way->port->policy == STEER_STICKY)
		in.source = source_of(way->md);
	n_turns = choose_begin(way->port, &in, queue, &scan);
	bpf_loop(n_turns, look, &scan, 0);
	i = choose_end(way->port, &scan);
	seat = choose_seat_at(way->port, i);
	index = STEER_SEAT_BERTH(seat);
	if (!seat)
		return 1;
	if (bpf_sk_select_reuseport(way->md, &steer_sockets, &index, 0) == 0) {
		count(way->md, way->port, index);
		way->is_done = 1;
		return 1;
	}
	take_away(way->port, i, seat);
	return 0;
}

/* Whether it comes from the very address that it goes to, as nothing from elsewhere can. */
static __always_inline int is_from_here(struct sk_reuseport_md *md)
{
	__u32 four[2] = {}; /* source, destination */
	__u64 six[4] = {};

	if (md->eth_protocol == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes_relative(md, 12, four, sizeof(four), BPF_HDR_START_NET))
			return 0;
		return four[0] == four[1];
	}
	if (bpf_skb_load_bytes_relative(md, 8, six, sizeof(six), BPF_HDR_START_NET))
		return 0;
	return six[0] == six[2] && six[1] == six[3];
}

/* A probe of the primary's goes to the worker that it is meant for, also to one on trial. */
static __always_inline void try_probe(struct passage *way)
{
	__u16 source = 0;

	if (way->md->migrating_sk || bpf_skb_load_bytes(way->md, 0, &source, sizeof(source)) ||
	    !is_from_here(way->md))
		return;
	for (__u32 i = 0; i < STEER_PROBES_MAX; i++) {
		__u32 index = way->port->probes[i].berth;

		if (way->port->probes[i].source != bpf_ntohs(source))
			continue;
		way->is_done = bpf_sk_select_reuseport(way->md, &steer_sockets, &index, 0) == 0;
		return;
	}
}

/* A canary gets its share of what is new, as long as it listens. */
static __always_inline void try_canary(struct passage *way)
{
	__u32 index = choose_canary(way->port, bpf_get_prandom_u32());

	if (index == CHOOSE_NONE || way->md->migrating_sk)
		return;
	if (bpf_sk_select_reuseport(way->md, &steer_sockets, &index, 0) != 0)
		return;
	count(way->md, way->port, index);
	way->is_done = 1;
}

static long try_by_queue(__u32 t, void *way)
{
	(void)t;
	return try_berth(way, queue_seen, look_by_queue);
}

static long try_by_turn(__u32 t, void *way)
{
	(void)t;
	return try_berth(way, queue_unseen, look_by_turn);
}

static __always_inline int pass_to_anchor(struct passage *way)
{
	__u32 index = way->port->anchor;

	if (bpf_sk_select_reuseport(way->md, &steer_sockets, &index, 0) == 0) {
		__sync_fetch_and_add(&way->port->to_anchor, 1);
		/*
		 * Or the compiler makes one addition of the two, to a pointer that is
		 * computed: without CAP_PERFMON the kernel forbids that.
		 */
		__asm__ volatile("" : : : "memory");
		return SK_PASS;
	}
	/*
	 * Nobody holds an anchor: primary and keeper have died. The copies of berths'
	 * sockets are gone with them, so whoever holds one now is the worker.
	 */
	if (!way->port->is_ending)
		bpf_loop(CLOSED_BERTHS_MAX, try_by_turn, way, 0);
	if (way->is_done)
		return SK_PASS;
	__sync_fetch_and_add(&way->port->refused, 1);
	return SK_DROP;
}

SEC("sk_reuseport/migrate")
int steer_by_queue(struct sk_reuseport_md *md)
{
	struct passage way = { .md = md, .port = port_of(md) };

	if (!way.port)
		return SK_DROP;
	note_traffic(way.port);
	if (way.port->n_probes)
		try_probe(&way);
	if (!way.is_done && way.port->canary)
		try_canary(&way);
	if (!way.is_done)
		bpf_loop(CLOSED_BERTHS_MAX, try_by_queue, &way, 0);
	return way.is_done ? SK_PASS : pass_to_anchor(&way);
}

SEC("sk_reuseport/migrate")
int steer_by_turn(struct sk_reuseport_md *md)
{
	struct passage way = { .md = md, .port = port_of(md) };

	if (!way.port)
		return SK_DROP;
	note_traffic(way.port);
	if (way.port->n_probes)
		try_probe(&way);
	if (!way.is_done && way.port->canary)
		try_canary(&way);
	if (!way.is_done)
		bpf_loop(CLOSED_BERTHS_MAX, try_by_turn, &way, 0);
	return way.is_done ? SK_PASS : pass_to_anchor(&way);
}

/*
 * For the primary, which runs it by hand: how many descriptors refer to a
 * berth's socket, 0 if there is none. Of this type because those may both read
 * the map of sockets and be run so; it is never attached to anything.
 */
SEC("raw_tp")
int count_holders(struct bpf_raw_tracepoint_args *question)
{
	struct sock *socket = socket_at((__u32)question->args[0]);

	return socket ? holders_of(socket) : 0;
}

#include "bpf/flow.bpf.h"

char steer_license[] SEC("license") = "Dual MIT/GPL";
