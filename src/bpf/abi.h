/*
 * The layout of everything that the steering program and the primary share.
 *
 * Both sides compile this file: the program with clang for BPF, the primary
 * for the host. Arrays named here are mapped into the primary's memory, so
 * that a counter is read, and a berth is opened, without a system call.
 */
#ifndef BERTH_BPF_ABI_H
#define BERTH_BPF_ABI_H

#include <linux/types.h>

#define STEER_PORTS_MAX        256   /* ports of one primary */
#define STEER_BERTHS_MAX       16384 /* berths of one primary, anchors included */
#define STEER_SEATS_MAX        1024  /* berths of one port */
#define STEER_NEWS_BYTES       4096  /* of the ring by which the program calls the primary */
#define STEER_MOVED_MAX        65536 /* live connections that were handed on */
#define STEER_WEIGHT_MAX       1000
#define STEER_PROBES_MAX       16 /* connections of the primary's own that are on their way */
#define STEER_CACHE_LINE_BYTES 64

enum steer_policy {
	STEER_ROUND_ROBIN,
	STEER_RANDOM_TWO,
	STEER_HASH,
	STEER_BALANCED,
	STEER_STICKY,
	STEER_WEIGHTED,
};

/*
 * How the program finds its port: by the address of the listening socket that
 * the kernel met first. All members of a group share all of it.
 */
struct steer_key {
	__u8 address[16]; /* IPv4 in the first four bytes, the rest 0 */
	__u32 device;
	__u16 port; /* host order */
	__u8 family;
	__u8 protocol;
};

/*
 * A seat names an open berth of a port: the berth's index, and above it the
 * number of its opening. The number makes each opening a different word: a
 * program that finds a berth closed takes away only what it looked at, even if
 * the index was given to another socket meanwhile. 0 is an empty seat.
 */
#define STEER_SEAT(opening, berth) ((__u64)(opening) << 32 | (__u32)(berth))
#define STEER_SEAT_BERTH(seat)     ((__u32)(seat))

/* A probe's connection, which goes to the worker that is to be probed and to no other. */
struct steer_probe {
	__u32 source; /* its port number, host order; 0: this place is free */
	__u32 berth;  /* index */
};

struct steer_port {
	__u32 n_seats; /* seats in use stand at 0 .. n_seats - 1, holes are passed over */
	__u32 anchor;  /* index of the anchor */
	__u32 policy;  /* enum steer_policy */
	__u32 is_busy; /* a connection has come since the primary last saw none come */
	__u32 canary; /* 1 + index of the berth that has a share, whether it has a seat or not; 0: none */
	__u32 share;     /* of all new connections, in 2^32nds */
	__u32 n_probes;  /* places in use, of the following */
	__u32 is_ending; /* the anchor has been taken away: what no berth takes is refused */
	struct steer_probe probes[STEER_PROBES_MAX];
	__u64 to_anchor; /* connections that no berth could take */
	__u64 refused;   /* neither a berth nor the anchor could */
	/* what follows is written with every turn: it has a cache line of its own */
	__u32 turn __attribute__((aligned(STEER_CACHE_LINE_BYTES))); /* weighted: the latest pass */
	__u32 holder;      /* the place whose turn it is */
	__u64 steered;     /* new connections sent to berths */
	__u64 migrated;    /* connections that closing listeners handed on to berths */
	__u64 from_anchor; /* of those, the anchor's */
	__u64 turn_began_ns; /* on the kernel's monotonic clock; balanced: the last connection's time */
	__u64 seats[STEER_SEATS_MAX] __attribute__((aligned(STEER_CACHE_LINE_BYTES)));
};

struct steer_berth {
	__u64 steered;      /* new connections sent here */
	__u64 migrated_in;  /* connections that a closing listener handed on */
	__u64 migrated_out; /* connections that this one handed on when it closed */
	__s64 live;     /* connections that the worker has not let go of, its queue's included */
	__u64 listener; /* cookie of the socket that all this is about */
	__u32 slot;     /* sticky: clients stay with it, whoever is there */
	__u32 weight;   /* weighted: its part of all, 1 to STEER_WEIGHT_MAX */
	__u32 pass;     /* weighted: rises with each connection, the faster the less weight */
} __attribute__((aligned(STEER_CACHE_LINE_BYTES)));

#define STEER_ANCHOR 0xffffffffffffffffull /* the listener is an anchor */

/* What the kernel keeps with a listening socket, and copies into each of its connections. */
struct steer_mark {
	__u64 listener; /* its cookie: tells one opening of the berth from the next; or: */
	__u32 berth;    /* index */
	__u32 is_live;  /* of a connection: it's counted */
};

/* What a listening socket may be marked with, for the program that counts resets. */
enum resets_mark {
	RESETS_OF_CANARY,
	RESETS_OF_OTHERS,
};

#define RESETS_MARKS (RESETS_OF_OTHERS + 1)

#endif
