/*
 * The seccomp filter that every worker runs under: it asks the primary about
 * bind, listen and MPTCP sockets, and makes programs that attach a reuseport
 * program of their own believe that they did.
 */
#ifndef BERTH_OS_FILTER_H
#define BERTH_OS_FILTER_H

#include <linux/filter.h>

/*
 * filter_new - compile the filter once, for all workers
 *
 * @ret_filter: yours, filter_free() it; install it with SECCOMP_FILTER_FLAG_NEW_LISTENER
 *
 * Returns 0; -EOPNOTSUPP where the kernel has no user notification that a
 * signal cannot interrupt (Linux before 5.19), or another -errno. Any thread.
 * Never blocks.
 */
int filter_new(struct sock_fprog **ret_filter);

/* Takes NULL. Returns NULL. Workers that have it installed keep it. */
struct sock_fprog *filter_free(struct sock_fprog *f);

#endif
