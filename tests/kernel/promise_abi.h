/*
 * What promise.bpf.c and its tests share: the one value of the mapped array.
 * Tests write the upper half, the program the lower.
 */
#ifndef BERTH_TESTS_KERNEL_PROMISE_ABI_H
#define BERTH_TESTS_KERNEL_PROMISE_ABI_H

#include <linux/types.h>

#define PROMISE_SOCKETS_MAX 8
#define PROMISE_NO_SOCKET   (~0u) /* depth_seen when the entry looked at is empty */

struct promise_state {
	__u32 want;     /* entry of the socket array that is selected */
	__u32 fallback; /* entry that is selected when `want` cannot be */
	__u32 drop;     /* not 0: SK_DROP, whatever the array holds */
	__u32 look_at;  /* entry whose queue depth is read */

	__u32 depth_seen; /* by the last run */
	__u32 port_seen;  /* host order */
	__u32 family_seen;
	__u32 unused;
	__u64 n_runs; /* migrations included */
	__u64 n_migrations;
};

#endif
