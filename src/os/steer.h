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
 * @ret_steer: yours, steer_free() it
 *
 * Returns 0; -EPERM without CAP_BPF and CAP_NET_ADMIN, another -errno where the
 * kernel cannot load it. Takes some 50 ms: call it once.
 */
int steer_new(struct steer **ret_steer);
struct steer *steer_free(struct steer *s);

/* Whether the program sees the depth of accept queues (CAP_PERFMON, Linux 6.2). */
bool steer_sees_queues(const struct steer *s);

/* The tables, shared with the running program. @id < STEER_PORTS_MAX, @berth < STEER_BERTHS_MAX. */
struct steer_port *steer_port(struct steer *s, uint32_t id);
struct steer_berth *steer_berth(struct steer *s, uint32_t berth);

/* Makes the group of the listening socket @fd obey the program. */
int steer_attach(const struct steer *s, int fd);

/* Which port the program takes a group at @a for; -ENOSPC when all ids are taken. */
int steer_set_key(const struct steer *s, const struct addr *a, uint32_t id);
int steer_clear_key(const struct steer *s, const struct addr *a);

/*
 * steer_set_socket - put the listening socket @fd behind the index @berth
 *
 * Replaces what was there in one step. The map keeps no reference: the entry
 * goes when the last holder of the socket closes it. -EBUSY if the socket is
 * behind another index already.
 */
int steer_set_socket(const struct steer *s, uint32_t berth, int fd);
int steer_clear_socket(const struct steer *s, uint32_t berth);

/*
 * A descriptor that is readable when the program calls: connections have moved
 * to a berth, or the first one after a quiet time has come. steer_forget_news()
 * makes it wait for the next call.
 */
int steer_news_fd(const struct steer *s);
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
