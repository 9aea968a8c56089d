/*
 * The program that counts which connections a server has reset, and its marks: see
 * bpf/resets.bpf.c. It counts as long as one of these is there, and no longer.
 */
#ifndef BERTH_OS_RESETS_H
#define BERTH_OS_RESETS_H

#include <stdint.h>

#include "bpf/abi.h"

struct resets;

/*
 * resets_new - load the program and begin to count
 *
 * @ret_resets: yours, resets_free() it
 *
 * 0; -EPERM without CAP_BPF and CAP_PERFMON; another -errno where the kernel cannot load it.
 * Any thread, one at a time, as all of these. Takes some 50 ms; the others do not block.
 */
int resets_new(struct resets **ret_resets);

/* Counts no more. Takes NULL, returns NULL. */
struct resets *resets_free(struct resets *r);

/*
 * resets_mark - count for @mark what comes by a listening socket from now on
 *
 * @fd: stays the caller's
 *
 * 0 or -errno.
 */
int resets_mark(const struct resets *r, int fd, enum resets_mark mark);

/* How many connections that came so were reset; 0 where it can't be read. */
uint64_t resets_count(const struct resets *r, enum resets_mark mark);

#endif
