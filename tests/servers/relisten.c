/*
 * relisten [--every-connections N | --every-ms MS] [--times N] PORT [ADDRESS]
 *
 * Closes its listening socket and binds the same port again, by default as fast as it can
 * and for ever, and answers clients in between, one at a time. Each failure is a line
 * ("bind: EADDRINUSE"), after which it tries again 10 ms later. After so many times says
 * "relistened N times, N errors" and goes on serving.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "serve.h"

#define RETRY_MS 10
#define NEVER    UINT_MAX

struct relisten {
	struct serve_address address;
	unsigned every_connections; /* 0: don't count them */
	unsigned every_ms;          /* 0: don't wait */
	unsigned times_left;        /* NEVER: no end */
	unsigned n_done, n_errors;
	unsigned n_accepted; /* since the last time */
	uint64_t opened_ms;
	int listener;
};

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void say(const char *what, const char *detail)
{
	printf("%s: %s\n", what, detail);
	(void)fflush(stdout);
}

/* With port 0 the kernel chose the first time; that port is the one to ask for again. */
static void keep_port(struct relisten *r)
{
	uint16_t port = serve_port(r->listener);

	if (r->address.addr.ss_family == AF_INET)
		((struct sockaddr_in *)&r->address.addr)->sin_port = htons(port);
	else if (r->address.addr.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&r->address.addr)->sin6_port = htons(port);
}

/* Asks for the port until it gets it. */
static void open_again(struct relisten *r, uint16_t wanted_port)
{
	char detail[64];
	const char *call;
	int error;

	while ((error = serve_open(&r->address, SOMAXCONN, &r->listener, &call)) < 0) {
		r->n_errors++;
		say(call, strerrorname_np(-error));
		(void)poll(NULL, 0, RETRY_MS);
	}
	if (wanted_port > 0 && serve_port(r->listener) != wanted_port) {
		r->n_errors++;
		snprintf(detail, sizeof(detail), "%d instead of %d", serve_port(r->listener),
			 wanted_port);
		say("port", detail);
	}
	r->n_accepted = 0;
	r->opened_ms = clock_ms();
}

/* Returns how long to wait for clients, in ms; 0 if it's time, -1 for as long as it takes. */
static int ms_left(const struct relisten *r)
{
	uint64_t now_ms;

	if (r->times_left == 0)
		return -1;
	if (r->every_connections > 0)
		return r->n_accepted >= r->every_connections ? 0 : -1;
	now_ms = clock_ms();
	if (now_ms >= r->opened_ms + r->every_ms)
		return 0;
	return (int)(r->opened_ms + r->every_ms - now_ms);
}

static void serve_one(struct relisten *r)
{
	int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	serve_answer(fd);
	r->n_accepted++;
}

static void relisten(struct relisten *r)
{
	uint16_t port = serve_port(r->listener);

	close(r->listener);
	open_again(r, port);
	r->n_done++;
	if (r->times_left == NEVER || --r->times_left > 0)
		return;
	printf("relistened %u times, %u errors\n", r->n_done, r->n_errors);
	(void)fflush(stdout);
}

static void read_options(int argc, char **argv, struct relisten *r)
{
	static const struct option names[] = {
		{ "every-connections", required_argument, NULL, 'c' },
		{ "every-ms", required_argument, NULL, 'm' },
		{ "times", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	int name;

	while ((name = getopt_long(argc, argv, "+", names, NULL)) != -1) {
		switch (name) {
		case 'c': r->every_connections = serve_number(optarg, INT_MAX); break;
		case 'm': r->every_ms = serve_number(optarg, INT_MAX); break;
		case 't': r->times_left = serve_number(optarg, INT_MAX); break;
		default: exit(2);
		}
	}
	serve_address_read(argc - optind, argv + optind, &r->address);
}

int main(int argc, char **argv)
{
	struct relisten r = { .times_left = NEVER };

	read_options(argc, argv, &r);
	open_again(&r, 0);
	keep_port(&r);
	serve_announce(r.listener);
	for (;;) {
		int wait_ms = ms_left(&r);
		struct pollfd listener = { .fd = r.listener, .events = POLLIN };

		if (poll(&listener, 1, wait_ms) > 0)
			serve_one(&r);
		if (ms_left(&r) == 0)
			relisten(&r);
	}
}
