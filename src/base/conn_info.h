/*
 * A TCP connection as the kernel tells of it to those who ask. A plain value: os finds
 * it, core judges it.
 */
#ifndef BERTH_BASE_CONN_INFO_H
#define BERTH_BASE_CONN_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

enum conn_state {
	CONN_OPEN,
	CONN_PEER_DONE, /* the peer has said its last word, and may wait for an answer */
	CONN_CLOSING,   /* our end has said its last word */
};

/*
 * received_ms, sent_ms and heard_ms are counted in ticks of the kernel (1 to 10 ms, as it
 * was built): two that are equal may be almost a tick apart, in either order. They begin
 * with the connection: one that has carried no byte is as old as they say.
 */
struct conn_info {
	struct addr local;
	struct addr peer;
	uint64_t cookie; /* no other socket has it, as long as the machine is up */
	uint32_t inode;
	enum conn_state state;
	bool is_held;         /* what the process writes stops short of its last, partial segment */
	uint64_t n_received;  /* bytes from the peer, whether read or not */
	uint64_t n_acked;     /* bytes to the peer that it has acknowledged */
	uint32_t n_unread;    /* bytes that the process has not read */
	uint32_t n_unacked;   /* bytes that it has written, and the peer not acknowledged */
	uint32_t n_unsent;    /* of those, what has not left yet */
	uint32_t segment_max; /* bytes that a full segment to the peer has */
	uint32_t received_ms; /* since the last byte from the peer */
	uint32_t sent_ms;     /* since the last byte to it */
	uint32_t heard_ms;    /* since it last acknowledged anything */
	uint32_t same_ms;     /* since we first saw it with just these numbers of bytes */
};

#endif
