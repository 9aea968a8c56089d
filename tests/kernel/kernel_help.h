/*
 * What all tests of kernel promises share: how a suite is run, how a test that
 * lacks a right says so, and which rights this process has.
 *
 * Each test is one promise of the kernel that berth is built on. A helper that
 * fails where no promise is at stake fails the test.
 */
#ifndef BERTH_TESTS_KERNEL_KERNEL_HELP_H
#define BERTH_TESTS_KERNEL_KERNEL_HELP_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HELP_DEADLINE_MS 5000 /* for what happens at once: only a broken promise waits so long */
#define HELP_OTHER_UID   1234 /* a user who is not this one */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Runs each test in a process of its own; returns what main() returns. */
int help_run(const char *suite, const TTest *const *tests, size_t n_tests);

/*
 * A test that lacks a right says so in one line on standard output,
 * "SKIP name: reason", and ends. For Check, which knows no skipping, it passed.
 */
#define NEEDS(lack)                                 \
	do {                                        \
		const char *lack_ = (lack);         \
                                                    \
		if (lack_) {                        \
			help_skip(__func__, lack_); \
			return;                     \
		}                                   \
	} while (0)

void help_skip(const char *function, const char *reason);

/* Each returns NULL, or why not. */
const char *help_lacks_uid_change(void); /* sockets of, and given to, other users */
const char *help_lacks_steering(void);   /* loading sk_reuseport programs */
const char *help_lacks_depth(void);      /* the same, reading kernel structures */

/* Leaves this process the capabilities of @bits (1 << CAP_x) and no others. */
int help_keep_caps(uint64_t bits);

/* Waits for one of @events on @fd; returns what poll() saw, 0 after @timeout_ms. */
short help_poll(int fd, short events, int timeout_ms);

/*
 * Waits until @is_so says yes to its two arguments: for what no event tells.
 * Fails the test after HELP_DEADLINE_MS.
 */
void help_await(bool (*is_so)(int a, int b), int a, int b);

/* Reads the number behind "Tgid:" and the like in /proc/PID/status. */
uint64_t help_proc_status(pid_t pid, const char *field, int base);

#endif
