/*
 * The life of the worker in one slot, as a table.
 */
#include "core/worker_fsm.h"

#include <assert.h>

/* One line is one cell. */
/* clang-format off */
static const struct worker_step table[WORKER_STATES][WORKER_EVENTS] = {
	[WORKER_IDLE] = {
		[EV_START]        = { ACT_SPAWN,       WORKER_STARTING },
		[EV_STOP]         = { ACT_RELEASE,     WORKER_GONE },
		[EV_NOW]          = { ACT_RELEASE,     WORKER_GONE },
	},
	[WORKER_STARTING] = {
		[EV_READY]        = { ACT_NOTE_READY,  WORKER_READY },
		[EV_TIMER]        = { ACT_NOTE_LATE,   WORKER_STARTING },
		[EV_EXITED]       = { ACT_KILL_TREE,   WORKER_CLEARING },
		[EV_STOP]         = { ACT_SIGNAL,      WORKER_STOPPING },
		[EV_NOW]          = { ACT_KILL_TREE,   WORKER_KILLING },
		[EV_EXEC_FAILED]  = { ACT_GIVE_UP,     WORKER_GONE },
		[EV_SPAWN_FAILED] = { ACT_BACK_OFF,    WORKER_BACKOFF },
	},
	[WORKER_READY] = {
		[EV_READY]        = { ACT_NOTHING,     WORKER_READY }, /* one more berth */
		[EV_EXITED]       = { ACT_KILL_TREE,   WORKER_CLEARING },
		[EV_STOP]         = { ACT_SIGNAL,      WORKER_STOPPING },
		[EV_NOW]          = { ACT_KILL_TREE,   WORKER_KILLING },
		[EV_DRAIN]        = { ACT_DRAIN,       WORKER_DRAINING },
	},
	/* Another has its place: it is not replaced. */
	[WORKER_DRAINING] = {
		[EV_READY]        = { ACT_NOTHING,     WORKER_DRAINING },
		[EV_EXITED]       = { ACT_KILL_TREE,   WORKER_KILLING },
		[EV_TIMER]        = { ACT_SIGNAL,      WORKER_STOPPING },
		[EV_STOP]         = { ACT_SIGNAL,      WORKER_STOPPING },
		[EV_NOW]          = { ACT_KILL_TREE,   WORKER_KILLING },
		[EV_FREEZE]       = { ACT_FREEZE,      WORKER_FROZEN },
		[EV_RESUME]       = { ACT_RESUME,      WORKER_READY },
	},
	[WORKER_FROZEN] = {
		[EV_READY]        = { ACT_NOTHING,     WORKER_FROZEN },
		[EV_EXITED]       = { ACT_KILL_TREE,   WORKER_KILLING },
		[EV_TIMER]        = { ACT_SIGNAL,      WORKER_STOPPING },
		[EV_STOP]         = { ACT_SIGNAL,      WORKER_STOPPING },
		[EV_NOW]          = { ACT_KILL_TREE,   WORKER_KILLING },
		[EV_RESUME]       = { ACT_RESUME,      WORKER_READY },
	},
	/* A listen() of the tree may still be answered while the tree dies. */
	[WORKER_CLEARING] = {
		[EV_READY]        = { ACT_NOTHING,     WORKER_CLEARING },
		[EV_TREE_GONE]    = { ACT_BACK_OFF,    WORKER_BACKOFF },
		[EV_STOP]         = { ACT_NOTHING,     WORKER_KILLING }, /* no replacement */
		[EV_NOW]          = { ACT_NOTHING,     WORKER_KILLING },
	},
	[WORKER_BACKOFF] = {
		[EV_START]        = { ACT_SPAWN,       WORKER_STARTING }, /* do not wait */
		[EV_TIMER]        = { ACT_SPAWN,       WORKER_STARTING },
		[EV_STOP]         = { ACT_RELEASE,     WORKER_GONE },
		[EV_NOW]          = { ACT_RELEASE,     WORKER_GONE },
		[EV_ENOUGH]       = { ACT_STAY_EMPTY,  WORKER_ENDED },
	},
	[WORKER_ENDED] = {
		[EV_START]        = { ACT_SPAWN,       WORKER_STARTING },
		[EV_STOP]         = { ACT_RELEASE,     WORKER_GONE },
		[EV_NOW]          = { ACT_RELEASE,     WORKER_GONE },
	},
	/* Its start may still fail here: the stop came first. */
	[WORKER_STOPPING] = {
		[EV_READY]        = { ACT_NOTHING,     WORKER_STOPPING },
		[EV_EXITED]       = { ACT_SIGNAL_REST, WORKER_STOPPING },
		[EV_TREE_GONE]    = { ACT_RELEASE,     WORKER_GONE },
		[EV_TIMER]        = { ACT_KILL_TREE,   WORKER_KILLING },
		[EV_STOP]         = { ACT_NOTHING,     WORKER_STOPPING },
		[EV_NOW]          = { ACT_KILL_TREE,   WORKER_KILLING },
		[EV_EXEC_FAILED]  = { ACT_RELEASE,     WORKER_GONE },
		[EV_SPAWN_FAILED] = { ACT_RELEASE,     WORKER_GONE },
	},
	[WORKER_KILLING] = {
		[EV_READY]        = { ACT_NOTHING,     WORKER_KILLING },
		[EV_EXITED]       = { ACT_NOTHING,     WORKER_KILLING }, /* the rest is still to go */
		[EV_TIMER]        = { ACT_NOTE_STUCK,  WORKER_KILLING },
		[EV_TREE_GONE]    = { ACT_RELEASE,     WORKER_GONE },
		[EV_STOP]         = { ACT_NOTHING,     WORKER_KILLING },
		[EV_NOW]          = { ACT_NOTHING,     WORKER_KILLING },
		[EV_EXEC_FAILED]  = { ACT_RELEASE,     WORKER_GONE },
		[EV_SPAWN_FAILED] = { ACT_RELEASE,     WORKER_GONE },
	},
	[WORKER_GONE] = {
		[EV_STOP]         = { ACT_NOTHING,     WORKER_GONE },
		[EV_NOW]          = { ACT_NOTHING,     WORKER_GONE },
	},
};
/* clang-format on */

struct worker_step worker_fsm_step(enum worker_state state, enum worker_event event)
{
	struct worker_step step;

	assert((unsigned)state < WORKER_STATES && (unsigned)event < WORKER_EVENTS);
	step = table[state][event];
	if (step.act == ACT_REFUSED)
		step.next = state;
	return step;
}

const char *worker_state_text(enum worker_state state)
{
	static const char *const texts[WORKER_STATES] = {
		[WORKER_IDLE] = "idle",         [WORKER_STARTING] = "starting",
		[WORKER_READY] = "ready",       [WORKER_CLEARING] = "clearing",
		[WORKER_BACKOFF] = "backoff",   [WORKER_STOPPING] = "stopping",
		[WORKER_KILLING] = "killing",   [WORKER_GONE] = "gone",
		[WORKER_DRAINING] = "draining", [WORKER_FROZEN] = "frozen",
		[WORKER_ENDED] = "ended",
	};

	assert((unsigned)state < WORKER_STATES);
	return texts[state];
}
