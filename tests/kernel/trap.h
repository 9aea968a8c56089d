/*
 * A child whose calls of listen() wait for the test to answer them, as a
 * worker's wait for the primary.
 */
#ifndef BERTH_TESTS_KERNEL_TRAP_H
#define BERTH_TESTS_KERNEL_TRAP_H

#include <linux/seccomp.h>
#include <stdint.h>

#include "child.h"

/*
 * Filters calls of number @call in this thread and what it starts from now on.
 * @action: a SECCOMP_RET_; @flags: SECCOMP_FILTER_FLAG_. Returns 0 or the notify
 * fd, or -errno.
 */
int trap_filter(int call, uint32_t action, unsigned long flags);

/*
 * The child's half of trap_start(), which its body does first: filters listen()
 * and leaves the notify fd to the test.
 */
int trap_enter(int line); /* 0 or -errno */

/* Starts a child and returns its notify fd, which only the test holds then. */
int trap_start(struct child *c, int (*body)(int line, int argument), int argument);

/* The trapped call; returns what it was answered, an error as -errno. */
int trap_call(int a, int b);

/* All return 0 or -errno. */
int trap_receive(int notify_fd, struct seccomp_notif *ret_call);
int trap_answer(int notify_fd, uint64_t id, int value);
int trap_still_waits(int notify_fd, uint64_t id);

/* Receives a call that must come; signals before that may take it away and repeat it. */
void trap_await(int notify_fd, struct seccomp_notif *ret_call);

#endif
