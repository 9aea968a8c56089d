/*
 * The steering program and its maps: loaded once, held by descriptor, its
 * tables mapped into our memory. What to write into them is decided elsewhere.
 */
#ifndef BERTH_OS_STEER_H
#define BERTH_OS_STEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "bpf/abi.h"

struct steer;

/* Whether we have the rights that the program needs: CAP_BPF and CAP_NET_ADMIN. */
bool steer_is_permitted(void);

/*
 * steer_new - load the program, the best one that our rights allow
 *
 * @must_count: connections are to be counted while they live; see steer_counts_connections(). That
 *              takes some microseconds of each connection
 * @ret_steer:  yours, steer_free() it
 *
 * Returns 0; -EPERM without CAP_BPF and CAP_NET_ADMIN, another -errno where the
 * kernel cannot load it. Takes some 50 ms: call it once. Any thread, one at a
 * time, as all of these. The others do not block.
 */
int steer_new(bool must_count, struct steer **ret_steer);

/* All that there is of the program, by descriptor. NO_FD where there's none. */
struct steer_fds {
	int program;
	int sockets;
	int keys;
	int ports;
	int berths;
	int news;
	int holders; /* only where queues are seen */
	int marks;
	int listeners;
	int moved;
	int counting; /* the link to the cgroup; only where connections are counted */
};

/* What a successor needs. The descriptors stay the steering's. */
const struct steer_fds *steer_fds(const struct steer *s);

/*
 * steer_resume - go on with a program that a predecessor of ours has loaded
 *
 * @fds:        each is taken over, also on error, and unset
 * @ret_steer:  as steer_new() gives it
 *
 * Returns 0; -EINVAL if a map is not of our layout, -EBADF if a descriptor is missing.
 */
int steer_resume(struct steer_fds *fds, struct steer **ret_steer);

/* Takes NULL. Returns NULL. Groups that obey the program go on doing so. */
struct steer *steer_free(struct steer *s);

/* Whether the program sees the depth of accept queues (CAP_PERFMON, Linux 6.2). */
bool steer_sees_queues(const struct steer *s);

/* Why not: the errno of the program that would. 0 where it does. */
int steer_queue_error(const struct steer *s);

/*
 * Whether connections are counted by berth while they live. That takes a cgroup
 * of version 2, which we and so our workers are in.
 */
bool steer_counts_connections(const struct steer *s);

/* Why not: an errno, ENOENT if there's no such cgroup. Not known to a successor. */
int steer_count_error(const struct steer *s);

/*
 * steer_show_port - have the table of port @id in our memory, until it's hidden as many times
 *
 * Returns 0 or -errno. The same for the counters of a berth.
 */
int steer_show_port(struct steer *s, uint32_t id);
void steer_hide_port(struct steer *s, uint32_t id);

int steer_show_berth(struct steer *s, uint32_t berth);
void steer_hide_berth(struct steer *s, uint32_t berth);

/* The table of port @id, below STEER_PORTS_MAX and shown; shared with the running program. */
struct steer_port *steer_port(struct steer *s, uint32_t id);

/* The counters of @berth, below STEER_BERTHS_MAX and shown; shared with the running program. */
struct steer_berth *steer_berth(struct steer *s, uint32_t berth);

/* Makes the group of the listening socket @fd obey the program. 0 or -errno. */
int steer_attach(const struct steer *s, int fd);

/* From now on the program takes a group at @a for port @id. 0; -E2BIG when all ids are taken. */
int steer_set_key(const struct steer *s, const struct addr *a, uint32_t id);

/* The program takes a group at @a for no port of ours. 0; -ENOENT if it did so already. */
int steer_clear_key(const struct steer *s, const struct addr *a);

/* What a berth is to steering, beside its socket. */
struct steer_place {
	uint32_t berth;  /* its index; shown */
	uint64_t cookie; /* of the socket */
	uint32_t slot;
	uint32_t weight; /* 1 to STEER_WEIGHT_MAX */
};

/*
 * steer_begin_berth - put the listening socket @fd in its place
 *
 * @fd: stays the caller's. The counters of the place begin at 0, and are about its connections
 *
 * Replaces what was there in one step. The map keeps no reference: the entry
 * goes when the last holder of the socket closes it. Returns 0; -EBUSY if the
 * socket is behind another index already; -ENOMEM; another -errno if it doesn't listen.
 */
int steer_begin_berth(struct steer *s, const struct steer_place *place, int fd);

/* The same for a port's anchor, which has no counters. */
int steer_set_anchor(const struct steer *s, uint32_t berth, int fd);

/* Leaves nothing behind the index @berth. 0; -ENOENT if nothing was. */
int steer_clear_socket(const struct steer *s, uint32_t berth);

/*
 * A descriptor that is readable when the program calls: connections have moved
 * to a berth, or the first one after a quiet time has come. It stays ours.
 */
int steer_news_fd(const struct steer *s);

/* Makes steer_news_fd() wait for the next call. */
void steer_forget_news(struct steer *s);

/*
 * steer_n_holders - how many descriptors refer to the socket behind @berth
 *
 * 0 if there is none. Only where steer_sees_queues(); -EOPNOTSUPP elsewhere.
 */
int steer_n_holders(const struct steer *s, uint32_t berth);

/* The cookie of the socket behind @berth, 0 when there is none. */
uint64_t steer_socket_cookie(const struct steer *s, uint32_t berth);

#endif
