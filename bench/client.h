/* One client: a connection, the request that is under way on it, and what comes back. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats.h"
#include "target.h"

#define RESPONSE_KEPT_BYTES 1024U

enum client_state {
	CLIENT_IDLE, /* nothing asked; the connection may be kept */
	CLIENT_CONNECTING,
	CLIENT_READING
};

/* What a step of a request led to. */
enum client_step {
	STEP_GOES_ON,
	STEP_ENDED, /* outcome and error are set; after a failure the owner closes */
	STEP_AGAIN  /* a Unix socket's queue is full: begin again in a moment */
};

/* What all clients share. */
struct client_rules {
	int epoll_fd;
	struct target target;
	const char *request;
	size_t request_bytes;
	bool keeps_alive;
	uint64_t n_connections; /* made or tried, by all */
};

struct client {
	struct client *prev, *next; /* its list is the owner's */
	uint64_t start_ns;          /* when its request was meant to start */
	uint64_t begun_ns;          /* when it did, which may be late */
	uint64_t due_ns;            /* when it's next, or no longer, to be waited for */
	int fd;
	enum client_state state;
	enum outcome outcome;
	int error; /* errno of a failure, 0 if it has none */
	size_t n_received;
	char response[RESPONSE_KEPT_BYTES + 1];
};

void client_init(struct client *c);

/* Closes the connection without a word, if there's one. */
void client_close(struct client *c);

/* Sends a request, on the connection that was kept or on a new one. */
enum client_step client_begin(struct client *c, struct client_rules *rules);

/* Something happened to the connection; also called while the client is idle. */
enum client_step client_event(struct client *c, struct client_rules *rules, uint32_t events);

#endif
