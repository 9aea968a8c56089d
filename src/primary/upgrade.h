/*
 * Upgrading berth: the program that shall be the next primary first reads the
 * state of this one, without touching anything; then the keeper ends us and
 * starts it.
 */
#ifndef BERTH_PRIMARY_UPGRADE_H
#define BERTH_PRIMARY_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "primary/keep.h"
#include "primary/output.h"

enum upgrade_state {
	UPGRADE_NONE,
	UPGRADE_RUNNING,
	UPGRADE_DONE,
	UPGRADE_ROLLED_BACK, /* it didn't take over: the program before it goes on */
	UPGRADE_REFUSED,     /* it can't read the state, or is no berth at all */
};

#define UPGRADE_STATES       (UPGRADE_REFUSED + 1)
#define UPGRADE_MESSAGE_SIZE 256

/* What a program that could take over says when it's asked, before its version. */
#define UPGRADE_CAN "can take over: berth "

struct upgrade {
	uv_loop_t *loop;
	struct keep *keep;
	struct output *output;
	uint64_t number; /* of the last one */
	enum upgrade_state state;
	char message[UPGRADE_MESSAGE_SIZE]; /* what came of it, in a sentence */
	struct upgrade_check *check;        /* while the other program is asked */
};

/* All of these are for the primary's thread only. None blocks. */

/* @u: all zero but for loop, keep and output, which are borrowed, number and state. */

/* Notes what the keeper says of the upgrade that a predecessor of ours began. */
void upgrade_resume(struct upgrade *u);

/*
 * upgrade_start - begin an upgrade
 *
 * @path:        the program; NULL: the one that runs now, as it is on the disk by now
 * @ret_number:  by which it can be asked for
 *
 * Returns 0; -EALREADY while another one runs, or -errno where there is no such
 * program. Everything after that is in @u.
 */
int upgrade_start(struct upgrade *u, const char *path, uint64_t *ret_number);

/* The swap that is under way will not come. Returns whether there was one. */
bool upgrade_fail(struct upgrade *u, const char *text);

const char *upgrade_state_text(enum upgrade_state state);

/* Ends what is under way. */
void upgrade_done(struct upgrade *u);

#endif
