/* The load generator's command line. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "target.h"

enum mode {
	MODE_CLOSED,    /* so many connections under way at any time */
	MODE_OPEN,      /* so many requests a second, come what may */
	MODE_KEEP_ALIVE /* so many connections, each used again and again */
};

struct options {
	enum mode mode;
	unsigned n_clients; /* of an open loop: the most at a time */
	double rate_per_s;  /* of an open loop */
	uint64_t n_requests;
	uint64_t duration_ns;
	uint64_t think_ns;
	uint64_t timeout_ns;
	uint64_t slow_ns;
	bool by_second;
	const char *path;
	FILE *failure_log; /* NULL if not wanted */
	struct target target;
};

/* Reads the command line; prints and exits with 2 if it makes no sense. */
void options_read(int argc, char **argv, struct options *ret_options);

#endif
