/*
 * What the primary and its keeper say to each other: messages of one fixed size
 * over a SOCK_SEQPACKET pair, each with at most one descriptor.
 *
 * The order is all that either side relies on: what the primary has sent is
 * kept, even if the primary dies in the next instruction, since the keeper reads
 * its channel to the end before it starts another primary.
 */
#ifndef BERTH_BASE_KEEPER_MESSAGE_H
#define BERTH_BASE_KEEPER_MESSAGE_H

#include <stdint.h>

#define KEEPER_MAGIC   0x54524542u /* "BERT" */
#define KEEPER_VERSION 1

#define KEEPER_NAME_SIZE  120  /* of a name, with the NUL that ends it */
#define KEEPER_ITEMS_MAX  8192 /* descriptors under names */
#define KEEPER_EVENTS_MAX 2048 /* children watched, and events that are not dealt with yet */

/* The descriptor of the primary's end, in its environment. */
#define KEEPER_CHANNEL_VARIABLE "BERTH_KEEPER_FD"

/* The name under which the state blob is kept: a sealed memfd, replaced whole. */
#define KEEPER_STATE_NAME "state"

enum keeper_type {
	/* From the primary. */
	KEEPER_STORE = 1, /* keep the descriptor under `name`; replaces what is there */
	KEEPER_DROP,      /* close what is kept under `name` */
	KEEPER_WATCH,     /* `pid` is a child whose exit is to be told and not forgotten */
	KEEPER_DONE,      /* all events up to `sequence` have been dealt with */
	KEEPER_READY,     /* this primary has taken over */
	KEEPER_FINISH,    /* exit with the code `number`, once no watched child lives */
	KEEPER_PROGRAM,   /* the next primary is the program behind the descriptor; end this one */
	KEEPER_ADOPT,     /* the first word to a keeper that its primary has started: `pid` is the
			   * primary, the descriptor its pidfd */

	/* From the keeper: HELLO, one ITEM for each name, the events not dealt with, HANDED. */
	KEEPER_HELLO = 32, /* `number`: enum keeper_upgrade; `pid`: the keeper's own */
	KEEPER_ITEM,       /* a descriptor and its `name` */
	KEEPER_HANDED,     /* that was all there is */
	KEEPER_EXITED,     /* event: the child `pid` ended with `number`, as wait() gives it */
	KEEPER_SIGNALLED,  /* event: the signal `number` came */
	KEEPER_REFUSED, /* what was sent under `name`, or of `pid`, was not done: errno `number` */
};

/* What came of the last KEEPER_PROGRAM. */
enum keeper_upgrade {
	KEEPER_UPGRADE_NONE,
	KEEPER_UPGRADE_TRIED,  /* the receiver is that program */
	KEEPER_UPGRADE_FAILED, /* it did not take over: the receiver is the one before */
};

struct keeper_message {
	uint32_t magic;
	uint16_t version;
	uint16_t type; /* enum keeper_type */
	int32_t number;
	int32_t pid;
	uint64_t sequence; /* of an event: rising, never 0; else 0 */
	char name[KEEPER_NAME_SIZE];
};

_Static_assert(sizeof(struct keeper_message) == 24 + KEEPER_NAME_SIZE, "no hole in a message");

#endif
