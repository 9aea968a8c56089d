/*
 * Which sockets stand in the way of one that is to be bound, and why: the kernel's
 * rules for bind() and listen(), as plain decisions.
 *
 * The kernel doesn't tell which sockets have SO_REUSEADDR or SO_REUSEPORT. Where it
 * depends on that, the verdict says so, and a bind that was tried decides.
 */
#ifndef BERTH_CORE_HOLDERS_H
#define BERTH_CORE_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/socket_info.h"

/* How the address of a socket lies to the wished one; it overlaps from SAME on. */
enum holders_relation {
	HOLDERS_OTHER_PROTOCOL,
	HOLDERS_OTHER_PORT,
	HOLDERS_OTHER_DEVICE,
	HOLDERS_OTHER_FAMILY,
	HOLDERS_OTHER_ADDRESS,
	HOLDERS_SAME_ADDRESS,
	HOLDERS_COVERS_US,           /* a wildcard, ours is one of its addresses */
	HOLDERS_COVERED_BY_US,       /* ours is the wildcard */
	HOLDERS_DUAL_STACK_TAKES_US, /* [::] without v6only, and ours is IPv4 */
	HOLDERS_OUR_DUAL_STACK,      /* ours is [::] without v6only, and it is IPv4 */
};

/* What it takes to bind beside a socket. */
enum holders_effect {
	HOLDERS_PASSES,              /* nothing: it's not in the way */
	HOLDERS_PASSES_IF_REUSEADDR, /* that it has SO_REUSEADDR, as ours has */
	HOLDERS_PASSES_IF_REUSEPORT, /* that it has SO_REUSEPORT, as ours has */
	HOLDERS_BLOCKS,              /* that it's closed */
};

struct holders_verdict {
	enum holders_relation relation;
	enum holders_effect effect;
};

enum holders_outcome {
	HOLDERS_FREE,            /* can be bound now */
	HOLDERS_HELD,            /* by a socket that is known */
	HOLDERS_HELD_BY_UNKNOWN, /* by something that the kernel didn't show */
	HOLDERS_NOT_PERMITTED,   /* to this user, or by a rule of this host */
	HOLDERS_UNUSABLE,        /* for another reason: not an address of this host, say */
	HOLDERS_CHANGED,         /* between the questions: ask again */
};

/* How many sockets have which effect. */
struct holders_count {
	size_t n_blocks;
	size_t n_unless_reuse; /* the two PASSES_IF */
};

/* Decides about one socket. */
struct holders_verdict holders_judge(const struct socket_wish *wish, const struct socket_info *s);

/* Adds one verdict to @count. */
void holders_add(struct holders_verdict v, struct holders_count *count);

/*
 * holders_conclude - join what the sockets say with what a bind that was tried said
 *
 * @bind_error:  0 or a positive errno
 */
enum holders_outcome holders_conclude(struct holders_count count, int bind_error);

/*
 * Whether two sockets have their address in one reuseport group, or would be if both
 * have SO_REUSEPORT: the same address, v6only, device and user, both taking traffic.
 */
bool holders_share_group(const struct socket_info *a, const struct socket_info *b);

/* Orders by what matters first to somebody who wants the address; for qsort. */
int holders_compare(const struct socket_info *a, const struct socket_info *b);

/* The relation as the rest of a sentence: "has the same address". */
const char *holders_relation_text(enum holders_relation relation);

/* A state as an adjective: "listening". Machines read it as well: it never changes. */
const char *holders_state_text(enum socket_state state);

#endif
