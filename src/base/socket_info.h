/*
 * A socket as the kernel describes it to those who ask, and a socket that
 * somebody wishes to bind. Plain values: os finds them, core compares them.
 */
#ifndef BERTH_BASE_SOCKET_INFO_H
#define BERTH_BASE_SOCKET_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

/* In the order in which they matter to somebody who wants the address. */
enum socket_state {
	SOCKET_LISTENING,
	SOCKET_BOUND,     /* has the address and does not listen; every unconnected UDP socket */
	SOCKET_CONNECTED, /* one connection, its local end */
	SOCKET_CLOSING,   /* closed on our side, not yet acknowledged by the peer */
	SOCKET_TIME_WAIT, /* over; the kernel remembers it for a minute */
	SOCKET_STATES,
};

struct socket_info {
	struct addr local;
	struct addr peer; /* AF_UNSPEC where there is none */
	enum socket_state state;
	uint32_t uid;          /* of the socket, not of a process; 0 in TIME_WAIT */
	uint32_t inode;        /* 0: no process can have it open */
	uint32_t n_queued;     /* LISTENING: connections that wait for accept() */
	uint32_t n_queued_max; /* LISTENING: its backlog */
	uint32_t ends_in_ms;   /* TIME_WAIT */
};

struct socket_wish {
	struct addr addr; /* AF_UNSPEC: all addresses, of IPv4 and IPv6 */
	uint32_t uid;
	bool reuseaddr; /* SO_REUSEADDR */
	bool reuseport; /* SO_REUSEPORT */
};

#endif
