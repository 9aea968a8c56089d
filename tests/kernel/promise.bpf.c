/*
 * The programs that the tests of the kernel's steering promises attach: one
 * that selects what it is told to, and the same after a look at a listener's
 * accept queue. Only the second needs CAP_PERFMON.
 */
/* libbpf's headers need the types of the kernel's above them */
/* clang-format off */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

#include "promise_abi.h"

/* What we read of the kernel's structures; CO-RE finds where they really are. */
#define KERNEL_TYPE __attribute__((preserve_access_index))

struct sock {
	__u32 sk_ack_backlog;
} KERNEL_TYPE;

struct reuseport_array {
	struct sock *ptrs[0];
} KERNEL_TYPE;

extern void *bpf_rdonly_cast(void *object, __u32 btf_id) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	__uint(max_entries, PROMISE_SOCKETS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct promise_state);
} states SEC(".maps");

static struct promise_state *the_state(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&states, &zero);
}

static int select_wanted(struct sk_reuseport_md *md, struct promise_state *s)
{
	__u32 want = s->want;
	__u32 fallback = s->fallback;

	__sync_fetch_and_add(&s->n_runs, 1);
	if (md->migrating_sk)
		__sync_fetch_and_add(&s->n_migrations, 1);
	if (md->sk) {
		s->port_seen = md->sk->src_port;
		s->family_seen = md->sk->family;
	}
	if (s->drop)
		return SK_DROP;
	if (!bpf_sk_select_reuseport(md, &sockets, &want, 0))
		return SK_PASS;
	if (!bpf_sk_select_reuseport(md, &sockets, &fallback, 0))
		return SK_PASS;
	return SK_DROP;
}

static __u32 queue_depth(__u32 index)
{
	struct reuseport_array *array =
		bpf_rdonly_cast(&sockets, bpf_core_type_id_kernel(struct reuseport_array));
	struct sock *sk = 0;

	if (index >= PROMISE_SOCKETS_MAX)
		return PROMISE_NO_SOCKET;
	bpf_core_read(&sk, sizeof(sk), &array->ptrs[index]);
	if (!sk)
		return PROMISE_NO_SOCKET;
	sk = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct sock));
	return sk->sk_ack_backlog;
}

SEC("sk_reuseport/migrate")
int select_plainly(struct sk_reuseport_md *md)
{
	struct promise_state *s = the_state();

	return s ? select_wanted(md, s) : SK_DROP;
}

SEC("sk_reuseport/migrate")
int select_with_depth(struct sk_reuseport_md *md)
{
	struct promise_state *s = the_state();

	if (!s)
		return SK_DROP;
	s->depth_seen = queue_depth(s->look_at);
	return select_wanted(md, s);
}

/* bpf_rdonly_cast() is for programs whose licence is compatible with the GPL. */
char promise_license[] SEC("license") = "Dual MIT/GPL";
