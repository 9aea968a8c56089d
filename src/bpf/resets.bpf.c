/*
 * Counts the connections that the kernel has reset for a server: it closed one with
 * something unread in it, or with no patience (SO_LINGER), or was sent something that
 * nobody was there for any more. The client sees "connection reset by peer".
 *
 * A listening socket is marked; each connection that comes by it is born with a copy of
 * the mark, whoever accepts it and however it ends. What a client resets counts for nobody.
 */
/* The kernel's headers for programs don't stand alone: this order, and no other. */
/* clang-format off */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
/* clang-format on */

#include "bpf/abi.h"

#define STATE_LISTEN 10 /* TCP_LISTEN; the headers that name it are not for BPF */

#define KERNEL_TYPE __attribute__((preserve_access_index))

struct sock_common {
	volatile unsigned char skc_state;
} KERNEL_TYPE;

struct sock {
	struct sock_common __sk_common;
} KERNEL_TYPE;

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, __u32);
} resets_marks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RESETS_MARKS);
	__type(key, __u32);
	__type(value, __u64);
} resets_counts SEC(".maps");

SEC("tp_btf/tcp_send_reset")
int count_reset(__u64 *arguments)
{
	struct sock *sk = (struct sock *)arguments[0];
	__u32 *mark;
	__u64 *n;

	/* Who listens answers a stray packet so. That ends no connection. */
	if (!sk || sk->__sk_common.skc_state == STATE_LISTEN)
		return 0;
	mark = bpf_sk_storage_get(&resets_marks, sk, NULL, 0);
	if (!mark)
		return 0;
	n = bpf_map_lookup_elem(&resets_counts, mark);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

char resets_license[] SEC("license") = "Dual MIT/GPL";
