/*
 * Steering datagrams: the part of the steering program that is loaded once a
 * port of UDP is shared. The rules are in flow.h and choose.h.
 *
 * Included by steer.bpf.c, whose ways to a berth it shares.
 */
#ifndef BERTH_BPF_FLOW_BPF_H
#define BERTH_BPF_FLOW_BPF_H

#include "bpf/flow.h"

#define UDP_HEADER_BYTES  8
#define DATAGRAM_UNIT_LOG 10 /* a queue is measured in KiB: a small datagram takes about one */
#define SOCKET_CONNECTED  1  /* TCP_ESTABLISHED, which is what a connected UDP socket is, too */

struct sock_common {
	volatile unsigned char skc_state;
} KERNEL_TYPE;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct sock___datagrams {
	struct sock_common __sk_common;
	struct {
		atomic_t rmem_alloc;
	} sk_backlog;
};
#pragma clang attribute pop

/* How many flows it holds is set when it is loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flow_table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, STEER_BERTHS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct flow_berth);
} flow_berths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct flow_settings);
} flow_settings SEC(".maps");

/* Whose socket has which name: STEER_SEAT() of its berth. Written by the primary. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * STEER_BERTHS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct flow_id_key);
	__type(value, __u64);
} flow_ids SEC(".maps");

/*
 * How much waits at a berth. A worker that has tied its socket to one peer gets
 * nothing from others, and so it's closed to them.
 */
static __always_inline __u32 datagrams_kib(__u32 berth)
{
	struct sock *plain = socket_at(berth);
	struct sock___datagrams *socket = (void *)plain;
	__u32 bytes;

	if (!plain)
		return QUEUE_CLOSED;
	if (socket->__sk_common.skc_state == SOCKET_CONNECTED)
		return QUEUE_CLOSED;
	bytes = (__u32)socket->sk_backlog.rmem_alloc.counter;
	return (bytes >> DATAGRAM_UNIT_LOG) + (bytes != 0);
}

/*
 * The same, but that whatever waits ends a turn: a flow may last for long, and several
 * in one turn would be with one worker for as long.
 */
static __always_inline __u32 datagrams_seen(__u32 berth)
{
	__u32 kib = datagrams_kib(berth);

	return kib == 0 || kib == QUEUE_CLOSED ? kib : kib + CHOOSE_TURN_QUEUE_MAX;
}

static __always_inline __u32 rank_datagrams(__u32 berth, const struct choose_scan *scan)
{
	__u32 kib;

	if (scan->policy < STEER_BALANCED)
		return datagrams_seen(berth);
	kib = datagrams_kib(berth);
	return kib == QUEUE_CLOSED ? kib : steer_rank(berth, scan->policy, scan->key, kib);
}

static long look_by_datagrams(__u32 t, void *scan)
{
	return choose_look(scan, t, rank_datagrams);
}

/* One datagram on its way. */
struct flow_way {
	struct sk_reuseport_md *md;
	struct flow_settings *settings;
	struct steer_port *port; /* once it is looked for */
	struct flow_key key;
	__u32 index; /* of the berth that it went to */
	__u32 is_done;
};

/*
 * The kernel's verifier takes a field of a socket at its offset only; the compiler
 * would like to compute a pointer to several of them.
 */
static __always_inline __u32 socket_word(const struct bpf_sock *sk, const __u32 offset)
{
	__u32 word;

	__asm__ volatile("%0 = *(u32 *)(%1 + %2)" : "=r"(word) : "r"(sk), "i"(offset));
	return word;
}

#define ADDRESS_WORD(i) (__builtin_offsetof(struct bpf_sock, src_ip6) + (i) * sizeof(__u32))

/* What our sockets are bound to. */
static __always_inline void read_address(const struct bpf_sock *sk, __u32 address[4])
{
	if (sk->family != FAMILY_INET6) {
		address[0] = sk->src_ip4;
		return;
	}
	address[0] = socket_word(sk, ADDRESS_WORD(0));
	address[1] = socket_word(sk, ADDRESS_WORD(1));
	address[2] = socket_word(sk, ADDRESS_WORD(2));
	address[3] = socket_word(sk, ADDRESS_WORD(3));
}

static __always_inline int read_ends(struct sk_reuseport_md *md, struct flow_key *key)
{
	const __u16 *ports = md->data;
	const __u32 packet = md->eth_protocol;
	struct bpf_sock *sk = md->sk;
	__u32 address[4] = {};

	if (!sk || (void *)(ports + 2) > md->data_end)
		return 0;
	key->source_port = ports[0];
	if (packet == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes_relative(md, 12, key->source, 4, BPF_HDR_START_NET))
			return 0;
	} else if (bpf_skb_load_bytes_relative(md, 8, key->source, 16, BPF_HDR_START_NET)) {
		return 0;
	}
	/* Not the socket's: one that is being closed has no number any more. */
	key->port = bpf_ntohs(ports[1]);
	read_address(sk, address);
	key->local = flow_local(address, sk->bound_dev_if, sk->family, packet);
	return 1;
}

static __always_inline __u32 *port_number(const struct flow_way *way)
{
	struct steer_key key = { .port = way->key.port, .protocol = IPPROTO_UDP };
	struct bpf_sock *sk = way->md->sk;

	if (!sk)
		return NULL;
	read_address(sk, (__u32 *)key.address);
	key.device = sk->bound_dev_if;
	key.family = (__u8)sk->family;
	return bpf_map_lookup_elem(&steer_keys, &key);
}

/* Or the compiler computes with the pointer: without CAP_PERFMON the kernel forbids that. */
static __always_inline void add_one(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
	__asm__ volatile("" : : : "memory");
}

/* Hands the datagram to the berth of @f, if that may be. */
static __always_inline int follow(struct flow_way *way, const struct flow *f, __u64 now_ns)
{
	__u32 index = STEER_SEAT_BERTH(f->berth);
	struct flow_berth *b = bpf_map_lookup_elem(&flow_berths, &index);

	if (!b || !flow_holds(f, b, now_ns, way->settings->idle_ns))
		return 0;
	if (bpf_sk_select_reuseport(way->md, &steer_sockets, &index, 0) != 0)
		return 0;
	add_one(&b->datagrams);
	return 1;
}

/* The first datagram of a flow has gone to a berth: those that follow go there, too. */
static __always_inline void begin_flow(struct flow_way *way, __u64 now_ns, int is_made)
{
	struct flow_berth *b = bpf_map_lookup_elem(&flow_berths, &way->index);
	struct flow f = { .seen_ns = now_ns };

	count_new(way->port, way->index);
	if (!b)
		return;
	add_one(&b->datagrams);
	f.berth = b->name;
	if (bpf_map_update_elem(&flow_table, &way->key, &f, BPF_ANY) == 0 && !is_made)
		add_one(&way->settings->made);
}

/* So that the flow is seen to live, and its packets without such an id go the same way. */
static __always_inline void note_id(struct flow_way *way, const struct flow *f, __u64 now_ns)
{
	struct flow *known = bpf_map_lookup_elem(&flow_table, &way->key);

	if (known && known->berth == f->berth &&
	    !flow_is_stale(known, now_ns, way->settings->idle_ns))
		return;
	if (bpf_map_update_elem(&flow_table, &way->key, f, BPF_ANY) == 0 && !known)
		add_one(&way->settings->made);
}

/* A QUIC packet goes to the socket that its connection id names, wherever it comes from. */
static __always_inline int try_id(struct flow_way *way, __u64 now_ns)
{
	struct flow_id_key key = {};
	struct flow f = { .seen_ns = now_ns };
	__u8 head[FLOW_HEAD_BYTES] = {};
	__u32 *number = port_number(way);
	__u32 n = FLOW_HEAD_BYTES;
	__u64 *berth;

	if (!number || *number >= STEER_PORTS_MAX || !way->settings->has_ids[*number])
		return 0;
	if (bpf_skb_load_bytes(way->md, UDP_HEADER_BYTES, head, FLOW_HEAD_BYTES)) {
		n = 1 + FLOW_NAME_BYTES;
		if (bpf_skb_load_bytes(way->md, UDP_HEADER_BYTES, head, 1 + FLOW_NAME_BYTES))
			return 0;
	}
	key.port = *number;
	key.name = flow_id_name(head, n);
	berth = key.name ? bpf_map_lookup_elem(&flow_ids, &key) : NULL;
	if (!berth)
		return 0;
	f.berth = *berth;
	if (!follow(way, &f, now_ns))
		return 0;
	note_id(way, &f, now_ns);
	return 1;
}

static __always_inline int select(struct flow_way *way, __u32 index)
{
	if (bpf_sk_select_reuseport(way->md, &steer_sockets, &index, 0) != 0)
		return 0;
	way->index = index;
	way->is_done = 1;
	return 1;
}

/* Sends the datagram to the berth that is chosen; 1 when there's nothing more to try. */
static __always_inline long try_for_flow(struct flow_way *way, choose_queue_fn *queue,
					 loop_fn *look)
{
	struct choose_input in = {
		.hash = way->md->hash,
		.source = number_of(way->key.source),
		.random = bpf_get_prandom_u32(),
		.now_ns = bpf_ktime_get_ns(),
	};
	struct choose_scan scan;
	__u32 n_turns = choose_begin(way->port, &in, queue, &scan);
	__u64 seat;
	__u32 i;

	bpf_loop(n_turns, look, &scan, 0);
	i = choose_end(way->port, &scan);
	seat = choose_seat_at(way->port, i);
	if (!seat || select(way, STEER_SEAT_BERTH(seat)))
		return 1;
	take_away(way->port, i, seat);
	return 0;
}

static long try_flow_by_queue(__u32 t, void *way)
{
	(void)t;
	return try_for_flow(way, datagrams_seen, look_by_datagrams);
}

static long try_flow_by_turn(__u32 t, void *way)
{
	(void)t;
	return try_for_flow(way, queue_unseen, look_by_turn);
}

/* Nobody is there: the anchor takes it, and forgets it at once. */
static __always_inline int lose(struct flow_way *way)
{
	__u32 index = way->port->anchor;

	if (bpf_sk_select_reuseport(way->md, &steer_sockets, &index, 0) == 0) {
		add_one(&way->port->to_anchor);
		return SK_PASS;
	}
	add_one(&way->port->refused);
	return SK_DROP;
}

static __always_inline int steer_new_flow(struct flow_way *way, loop_fn *try, __u64 now_ns,
					  int is_made)
{
	__u32 *number = port_number(way);
	__u32 canary;

	way->port = number ? bpf_map_lookup_elem(&steer_ports, number) : NULL;
	if (!way->port)
		return SK_DROP;
	note_traffic(way->port);
	canary = choose_canary(way->port, bpf_get_prandom_u32());
	if (canary == CHOOSE_NONE || !select(way, canary))
		bpf_loop(CLOSED_BERTHS_MAX, try, way, 0);
	if (!way->is_done)
		return lose(way);
	begin_flow(way, now_ns, is_made);
	return SK_PASS;
}

static __always_inline int steer_datagram(struct sk_reuseport_md *md, loop_fn *try)
{
	struct flow_way way = { .md = md };
	__u64 now_ns = bpf_ktime_get_coarse_ns();
	__u32 first = 0;
	struct flow *f;

	way.settings = bpf_map_lookup_elem(&flow_settings, &first);
	if (!way.settings || !read_ends(md, &way.key))
		return SK_DROP;
	if (way.settings->n_with_ids && try_id(&way, now_ns))
		return SK_PASS;
	f = bpf_map_lookup_elem(&flow_table, &way.key);
	if (f && follow(&way, f, now_ns)) {
		if (flow_is_stale(f, now_ns, way.settings->idle_ns))
			f->seen_ns = now_ns;
		return SK_PASS;
	}
	return steer_new_flow(&way, try, now_ns, f != NULL);
}

SEC("sk_reuseport")
int flow_by_queue(struct sk_reuseport_md *md)
{
	return steer_datagram(md, try_flow_by_queue);
}

SEC("sk_reuseport")
int flow_by_turn(struct sk_reuseport_md *md)
{
	return steer_datagram(md, try_flow_by_turn);
}

#endif
