/*
 * Flows of datagrams: what the program for them and the primary share, and which
 * of a flow's ways still holds.
 *
 * A flow is what comes from one address and port to one of ours. It stays with
 * the berth that its first datagram got, for as long as that one is open; with
 * one that leaves, until it has been idle for a while. Which berth is first
 * is decided in choose.h, as for connections.
 *
 * Plain C without library calls: the same lines run in the kernel (flow.bpf.h)
 * and in the unit tests.
 */
#ifndef BERTH_BPF_FLOW_H
#define BERTH_BPF_FLOW_H

#include "bpf/abi.h"

#define FLOW_REFRESH_MAX_NS 1000000000ull /* a flow's time is this coarse, or finer */
#define FLOW_REFRESH_SHARE  16            /* of the idle time, where that is shorter */

#define FLOW_NAME_BYTES 8         /* of a connection id that name a worker */
#define FLOW_NAME_MARK  0x6265ull /* "be": what follows is the number of a worker's run */

/*
 * Both ends of a flow. The key is short, since each datagram has it hashed: of our
 * end it has the port number, and one word made of all the rest, which says enough.
 * Should two of our addresses ever give the same word, a client that talks from one port
 * to both has its datagrams delivered right, and its flow chosen anew each time: the
 * kernel refuses a socket of another group.
 */
struct flow_key {
	__u32 source[4]; /* as in the packet; IPv4 in the first word */
	__u32 local;
	__u16 source_port; /* network order */
	__u16 port;        /* host order */
};

struct flow {
	__u64 berth; /* STEER_SEAT() of the berth that has it */
	__u64 seen_ns;
};

/* A berth that gets datagrams. By its index, as struct steer_berth. */
struct flow_berth {
	__u64 name;       /* STEER_SEAT() of opening and index; 0: it is not open */
	__u64 is_leaving; /* it keeps the flows that it has, and gets no others */
	__u64 datagrams;
} __attribute__((aligned(STEER_CACHE_LINE_BYTES)));

/* What the program goes by. One for all ports. */
struct flow_settings {
	__u64 idle_ns;
	__u64 made;                    /* flows that took a place in the table, ever */
	__u8 has_ids[STEER_PORTS_MAX]; /* ports whose datagrams carry QUIC's connection ids */
	__u32 n_with_ids;
	__u32 unused;
};

/* The name that a connection id begins with, and whose it is. */
struct flow_id_key {
	__u64 name; /* its first 8 bytes, as a number, the first byte the highest */
	__u32 port; /* its number for the program */
	__u32 unused;
};

#define flow_inline static inline __attribute__((always_inline))

/*
 * The word for our end: the address that our sockets are bound to, their device and
 * family, and the protocol of the packet, since a dual-stack socket gets both.
 */
flow_inline __u32 flow_local(const __u32 address[4], __u32 device, __u32 family, __u32 packet)
{
	__u32 word = address[0] ^ address[1] * 3 ^ address[2] * 5 ^ address[3] * 7;

	return word ^ device * 0x9e3779b1u ^ family << 16 ^ packet;
}

/* The name of a worker, made of what it knows from BERTH_RUN. */
flow_inline __u64 flow_worker_name(__u64 run)
{
	return FLOW_NAME_MARK << 48 | (run & 0xffffffffffffull);
}

/* Whether @f may still go to @b, which is what stands at its berth's index now. */
flow_inline int flow_holds(const struct flow *f, const struct flow_berth *b, __u64 now_ns,
			   __u64 idle_ns)
{
	if (f->berth == 0 || b->name != f->berth)
		return 0;
	/* The clock of the one that wrote it may be ahead of ours by a tick. */
	return !b->is_leaving || now_ns < f->seen_ns || now_ns - f->seen_ns < idle_ns;
}

/* Whether the flow's time is to be written: not with each datagram, for the memory's sake. */
flow_inline int flow_is_stale(const struct flow *f, __u64 now_ns, __u64 idle_ns)
{
	__u64 limit_ns = idle_ns / FLOW_REFRESH_SHARE;

	if (limit_ns > FLOW_REFRESH_MAX_NS)
		limit_ns = FLOW_REFRESH_MAX_NS;
	return now_ns > f->seen_ns && now_ns - f->seen_ns >= limit_ns;
}

/*
 * flow_id_name - the name at the beginning of a QUIC packet's destination connection id
 *
 * @head: the first bytes of the datagram
 * @n:    how many of them there are: up to FLOW_HEAD_BYTES
 *
 * A long header says how long the id is; of a short one only the receiver
 * knows. Returns 0 where there are not enough bytes, or it is no such packet.
 */
#define FLOW_HEAD_BYTES 14

flow_inline __u64 flow_bytes(const __u8 *at)
{
	__u64 name = 0;

	for (int i = 0; i < FLOW_NAME_BYTES; i++)
		name = name << 8 | at[i];
	return name;
}

flow_inline __u64 flow_id_name(const __u8 head[FLOW_HEAD_BYTES], __u32 n)
{
	/* Both, so that the kernel's verifier sees no place that depends on a value. */
	__u64 after_length = flow_bytes(head + 6);
	__u64 after_flags = flow_bytes(head + 1);

	if (n < 1 + FLOW_NAME_BYTES)
		return 0;
	if (head[0] & 0x80)
		return n < FLOW_HEAD_BYTES || head[5] < FLOW_NAME_BYTES ? 0 : after_length;
	return head[0] & 0x40 ? after_flags : 0;
}

#endif
