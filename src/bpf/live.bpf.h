/*
 * Which connections a worker holds, counted by berth as they come and go: the
 * kernel copies a listening socket's mark into each connection that it accepts,
 * and calls count_connections() for those of the workers' cgroup.
 *
 * A connection is live from the end of its handshake until the worker lets go
 * of it. One that waits in the queue is live, too. What its client does with it
 * meanwhile, or after, doesn't matter.
 */
#ifndef BERTH_BPF_LIVE_BPF_H
#define BERTH_BPF_LIVE_BPF_H

#include "bpf/abi.h"

#define NEW_SYN_RECV 12 /* BPF_TCP_NEW_SYN_RECV: a handshake, and no connection yet */

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct steer_mark);
} steer_marks SEC(".maps");

/* By the listener's cookie: which berth it is. Each berth has one entry here, an old one or its own. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, STEER_BERTHS_MAX);
	__type(key, __u64);
	__type(value, __u32);
} steer_listeners SEC(".maps");

/*
 * By the connection's cookie: where it's counted since a closing listener
 * handed it on. The mark in it is still that listener's. An entry goes with its
 * connection; where there's no room for one, the audit will find the difference.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, STEER_MOVED_MAX);
	__type(key, __u64);
	__type(value, struct steer_mark);
} steer_moved SEC(".maps");

/* The counters that @mark is about, NULL if its listener's berth is another's by now. */
static __always_inline struct steer_berth *counters_of(const struct steer_mark *mark)
{
	__u32 index = mark->berth;
	struct steer_berth *b = bpf_map_lookup_elem(&steer_berths, &index);

	return b && b->listener == mark->listener ? b : NULL;
}

/* Where a connection with this mark is counted: elsewhere, if it was handed on. */
static __always_inline struct steer_berth *counters_now(void *context,
							const struct steer_mark *mark)
{
	struct steer_berth *b = counters_of(mark);
	__u64 cookie;

	if (b && !b->migrated_out)
		return b;
	cookie = bpf_get_socket_cookie(context);
	mark = bpf_map_lookup_elem(&steer_moved, &cookie);
	return mark ? counters_of(mark) : b;
}

static __always_inline void begin_connection(struct bpf_sock_ops *o, struct steer_mark *mark)
{
	struct steer_berth *b = counters_now(o, mark);

	mark->is_live = 1; /* also the anchor's, which is counted when it's handed on */
	if (b)
		__sync_fetch_and_add(&b->live, 1);
	bpf_sock_ops_cb_flags_set(o, o->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

/* Its worker has let go of it, or it's gone: an end that its client makes alone isn't one. */
static __always_inline int is_end(__u32 state)
{
	return state != BPF_TCP_SYN_RECV && state != BPF_TCP_ESTABLISHED &&
	       state != BPF_TCP_CLOSE_WAIT;
}

static __always_inline void end_connection(struct bpf_sock_ops *o, struct steer_mark *mark)
{
	struct steer_berth *b = counters_now(o, mark);
	__u64 cookie;

	mark->is_live = 0;
	if (!b)
		return;
	__sync_fetch_and_add(&b->live, -1);
	if (b->listener == mark->listener)
		return;
	cookie = bpf_get_socket_cookie(o);
	bpf_map_delete_elem(&steer_moved, &cookie);
}

SEC("sockops")
int count_connections(struct bpf_sock_ops *o)
{
	struct bpf_sock *sk = o->sk;
	struct steer_mark *mark;

	o->reply = -1; /* to all other questions: as if we weren't here */
	if (!sk || (o->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB && o->op != BPF_SOCK_OPS_STATE_CB))
		return 1;
	mark = bpf_sk_storage_get(&steer_marks, sk, NULL, 0);
	if (!mark)
		return 1;
	if (o->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		begin_connection(o, mark);
	else if (mark->is_live && is_end(o->args[1]))
		end_connection(o, mark);
	return 1;
}

/*
 * A closing listener hands on what the selecting program was asked about, to
 * @to at @index. The anchor is no berth: what it hands on was not counted yet.
 */
static __always_inline void move_connection(struct sk_reuseport_md *md, struct steer_port *port,
					    __u32 index, struct steer_berth *to)
{
	struct steer_mark mark = { .listener = to->listener, .berth = index };
	struct bpf_sock *connection = md->migrating_sk;
	struct bpf_sock *listener = md->sk;
	struct steer_berth *from = NULL;
	__u64 cookie;
	__u32 *at;

	if (!connection || !listener)
		return;
	cookie = bpf_get_socket_cookie(listener);
	at = bpf_map_lookup_elem(&steer_listeners, &cookie);
	if (at)
		from = bpf_map_lookup_elem(&steer_berths, at);
	if (from && from->listener != cookie)
		from = NULL;
	if (from)
		__sync_fetch_and_add(&from->migrated_out, 1);
	else
		__sync_fetch_and_add(&port->from_anchor, 1);
	/* What isn't a connection yet will get the mark of the listener that it ends at. */
	if (connection->state == NEW_SYN_RECV)
		return;
	cookie = bpf_get_socket_cookie(connection);
	if (bpf_map_update_elem(&steer_moved, &cookie, &mark, BPF_ANY))
		return;
	if (connection->state != BPF_TCP_ESTABLISHED && connection->state != BPF_TCP_CLOSE_WAIT)
		return;
	if (from)
		__sync_fetch_and_add(&from->live, -1);
	__sync_fetch_and_add(&to->live, 1);
}

#endif
