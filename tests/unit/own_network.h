/*
 * A network namespace for one test: nobody else binds or connects anything there, so
 * that a port that is free at one address is free at all, and nothing that is
 * remembered of connections overflows.
 */
#ifndef BERTH_TESTS_OWN_NETWORK_H
#define BERTH_TESTS_OWN_NETWORK_H

#include <check.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/own.h"

/* Returns whether that was possible, and tells why @test is skipped if not. */
static inline bool own_network_enter(const char *test)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	own_fd fd = NO_FD;

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
		(void)dprintf(STDOUT_FILENO, "SKIP %s: no right to make a network namespace\n",
			      test);
		return false;
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	return true;
}

#endif
