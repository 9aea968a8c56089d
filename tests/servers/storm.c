/*
 * storm [--signal ALRM|URG] [--no-restart] [--times N] PORT [ADDRESS]
 *
 * Binds, listens and closes as fast as it can, N times (default 10000), if asked with a
 * signal every millisecond, as Go's scheduler does. A handler with SA_RESTART makes the
 * kernel begin an interrupted call again; without it, EINTR is counted on its own. Ends
 * with "N times, N interrupted, N errors, N signals"; each kind of error is a line once.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "serve.h"

#define INTERVAL_NS 1000000
#define MAX_ERRNO   4096

static volatile sig_atomic_t n_signals;

static void count_signal(int signal)
{
	(void)signal;
	n_signals++;
}

static int signal_every_ms(int signal, int flags)
{
	struct sigaction action = { .sa_handler = count_signal, .sa_flags = flags };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal };
	struct itimerspec every = {
		.it_value.tv_nsec = INTERVAL_NS,
		.it_interval.tv_nsec = INTERVAL_NS,
	};
	timer_t timer;

	if (sigaction(signal, &action, NULL) < 0)
		return -errno;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
		return -errno;
	return timer_settime(timer, 0, &every, NULL) < 0 ? -errno : 0;
}

static void storm(const struct serve_address *address, unsigned n_times)
{
	static bool is_known[MAX_ERRNO];
	unsigned n_interrupted = 0, n_errors = 0;

	for (unsigned i = 0; i < n_times; i++) {
		const char *call;
		int fd, r = serve_open(address, SOMAXCONN, &fd, &call);

		if (r == 0) {
			close(fd);
		} else if (r == -EINTR) {
			n_interrupted++;
		} else {
			n_errors++;
			if (!is_known[-r])
				printf("%s: %s\n", call, strerrorname_np(-r));
			is_known[-r] = true;
		}
	}
	printf("%u times, %u interrupted, %u errors, %d signals\n", n_times, n_interrupted,
	       n_errors, (int)n_signals);
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "no-restart", no_argument, NULL, 'n' },
		{ "signal", required_argument, NULL, 's' },
		{ "times", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	int name, r, signal = 0, flags = SA_RESTART;
	unsigned n_times = 10000;
	struct serve_address address;

	while ((name = getopt_long(argc, argv, "+", names, NULL)) != -1) {
		switch (name) {
		case 'n': flags = 0; break;
		case 's': signal = strcmp(optarg, "URG") == 0 ? SIGURG : SIGALRM; break;
		case 't': n_times = serve_number(optarg, INT_MAX); break;
		default: return 2;
		}
	}
	serve_address_read(argc - optind, argv + optind, &address);
	r = signal ? signal_every_ms(signal, flags) : 0;
	if (r < 0) {
		fprintf(stderr, "storm: no timer: %s\n", strerror(-r));
		return 1;
	}
	storm(&address, n_times);
	return 0;
}
