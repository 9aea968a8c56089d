/*
 * The ports of a primary, and what a worker's bind means for them.
 *
 * The table knows which addresses have been claimed. It holds no descriptor:
 * an entry's index is how the rest of the primary finds the sockets.
 */
#ifndef BERTH_CORE_PORT_TABLE_H
#define BERTH_CORE_PORT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "core/app_config.h"

#define PORT_TABLE_MAX 256 /* ports of one primary */
#define PORT_NONE      PORT_TABLE_MAX

struct port_table {
	struct addr addrs[PORT_TABLE_MAX];
	bool is_used[PORT_TABLE_MAX];
};

/* A worker's wish to bind, as seen before anything is done about it. */
struct bind_wish {
	const struct addr *addr;
	int type;          /* SOCK_STREAM, ... */
	bool is_our_netns; /* the socket lives in the network namespace of the primary */
	unsigned slot;     /* of the worker, from 1 */
	bool is_starting;  /* it has yet to be ready, or was just now: what it binds is to serve */
};

enum bind_verdict {
	BIND_PASS,   /* none of ours: the kernel answers */
	BIND_JOIN,   /* a port that has been claimed */
	BIND_CLAIM,  /* a port that nobody has claimed yet */
	BIND_UNIQUE, /* each slot has its own: port + slot */
};

struct bind_judgement {
	enum bind_verdict verdict;
	unsigned port; /* BIND_JOIN: its entry; BIND_CLAIM: that of "any address", or PORT_NONE */
	uint16_t unique_port; /* BIND_UNIQUE: the port to bind; 0: there is none that high */
};

/*
 * port_table_add - note that an address has been claimed
 *
 * @t:  all zero when it is new
 * @a:  AF_UNSPEC for "any address"; copied; not in the table yet
 *
 * Returns the index of its entry, or PORT_NONE when the table is full. Any
 * thread, one at a time, as all of these. None of them blocks.
 */
unsigned port_table_add(struct port_table *t, const struct addr *a);

/* Notes an address at an index that is free. */
void port_table_put(struct port_table *t, const struct addr *a, unsigned port);

/* Forgets an entry; its index is free for the next address. */
void port_table_remove(struct port_table *t, unsigned port);

/* The entry of just this address, AF_UNSPEC only for itself, or PORT_NONE. */
unsigned port_table_find(const struct port_table *t, const struct addr *a);

/*
 * port_table_judge - what a worker's bind means
 *
 * @c:     whose --private and --unique count
 * @wish:  with an address as the worker's socket would have it: protocol, device
 *         and v6only are those of the socket
 *
 * Returns a verdict with what belongs to it; nothing is claimed or noted by it.
 */
struct bind_judgement port_table_judge(const struct port_table *t, const struct app_config *c,
				       const struct bind_wish *wish);

#endif
