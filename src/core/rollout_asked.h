/*
 * What it means when somebody asks for another reload, or for the generation before: that
 * depends on how far the last one is.
 */
#ifndef BERTH_CORE_ROLLOUT_ASKED_H
#define BERTH_CORE_ROLLOUT_ASKED_H

#include "core/rollout.h"

/* What becomes of a reload that is asked for. */
enum rollout_answer {
	ROLLOUT_BEGINS,
	ROLLOUT_SUPERSEDES, /* the one that runs is undone first */
	ROLLOUT_FOLLOWS,    /* the one that runs is decided, one way or the other: it just ends */
	ROLLOUT_JOINS,      /* it is the same as one that has not begun yet */
};

#define ROLLOUT_ANSWERS (ROLLOUT_JOINS + 1)

/* What is to be done for an undo. One that waits for its turn is never begun then. */
enum rollout_way_back {
	ROLLOUT_BACK_NOWHERE,   /* there is nothing to be undone */
	ROLLOUT_BACK_ROLLS,     /* the one that runs is rolled back */
	ROLLOUT_BACK_JOINS,     /* that is being done already */
	ROLLOUT_BACK_AT_ONCE,   /* those from before serve again */
	ROLLOUT_BACK_RELOADING, /* they have gone: a reload like any other */
};

#define ROLLOUT_WAYS_BACK (ROLLOUT_BACK_RELOADING + 1)

/* How things stand. */
struct rollout_now {
	enum rollout_phase phase;
	bool is_undo;       /* what runs, or ran last, is one */
	bool has_next;      /* another one waits for its turn */
	unsigned undo_to;   /* the generation before; 0: none */
	bool can_come_back; /* all of that one's workers */
};

/* Any thread, as all of these. None blocks. */
enum rollout_answer rollout_asked(const struct rollout_now *now);
enum rollout_way_back rollout_asked_back(const struct rollout_now *now);

/*
 * rollout_may_follow - whether the next one may begin now
 *
 * @n_leaving:  workers that are still on their way out
 * @n_slots:    one whole generation of them may be
 *
 * Once the last one is decided nothing but its leavers is waited for, and only for so
 * many of them that there are not more and more.
 */
bool rollout_may_follow(enum rollout_phase phase, unsigned n_leaving, unsigned n_slots);

/* One word each, for programs. */
const char *rollout_answer_text(enum rollout_answer answer);
const char *rollout_way_back_text(enum rollout_way_back way);

#endif
