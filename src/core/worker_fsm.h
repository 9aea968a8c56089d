/*
 * The life of the worker in one slot: which event leads where, and what is to
 * be done then.
 *
 *   idle -> starting -> ready                        a worker comes up
 *   starting, ready -> clearing -> backoff -> starting   it dies and is replaced
 *   starting, ready -> stopping -> killing -> gone       it is asked to end
 *   ready -> draining -> stopping                        another has its place: its clients leave first
 *   backoff -> ended -> starting                         it is not started again, until somebody asks
 *   ready -> draining -> frozen -> ready                 it stands still, and may be needed again
 *
 * A worker is a process tree. When its leader dies, the rest of the tree is
 * ended before anything else happens in the slot: killed after a death; sent
 * the stop signal, with what is left of the deadline, after an orderly end. (A
 * shell that was wrapped around a server ends first, the server still drains.)
 *
 * What makes a worker ready is decided elsewhere (core/readiness). One that never
 * is stays in WORKER_STARTING; that it's late is said, and whoever tries it out may end it.
 *
 * A timer belongs to the state that armed it: when a slot leaves that state,
 * whoever runs this machine disarms the timer. An act that finds its work done
 * (no tree left to kill, no pause to wait for) is followed by its event at once.
 */
#ifndef BERTH_CORE_WORKER_FSM_H
#define BERTH_CORE_WORKER_FSM_H

enum worker_state {
	WORKER_IDLE = 0, /* the slot is empty, nothing was started yet */
	WORKER_STARTING, /* spawned; it does not listen, or not yet */
	WORKER_READY,    /* it serves */
	WORKER_CLEARING, /* its leader died, the rest of its tree is being killed */
	WORKER_BACKOFF,  /* the slot is empty, the next start waits for the timer */
	WORKER_STOPPING, /* it has the stop signal, the deadline runs */
	WORKER_KILLING,  /* its whole tree is being killed, for good */
	WORKER_GONE,     /* the slot is empty for good */
	WORKER_DRAINING, /* nobody is sent to it any more, the clients it has may finish */
	WORKER_FROZEN,   /* it has no clients, and stands still with its sockets */
	WORKER_ENDED,    /* the slot stays empty until somebody asks for a worker in it */
};

#define WORKER_STATES (WORKER_ENDED + 1)

/* What a worker is to its slot. At any time a slot has one member. */
enum worker_role {
	WORKER_MEMBER = 0, /* serves in it, and is replaced when it dies */
	WORKER_CANDIDATE,  /* of the next generation: is to become its member */
	WORKER_LEAVING,    /* was its member; drains, stops, or is kept frozen */
};

#define WORKER_ROLES (WORKER_LEAVING + 1)

enum worker_event {
	EV_START = 0,    /* the slot is wanted */
	EV_READY,        /* it may serve, or may so at one more port */
	EV_EXITED,       /* its leader died and is reaped */
	EV_TREE_GONE,    /* after EV_EXITED: no process of its tree is left either */
	EV_TIMER,        /* the pause or the deadline is over */
	EV_STOP,         /* asked to end: fewer workers are wanted, or none */
	EV_NOW,          /* asked to end at once: the second signal */
	EV_EXEC_FAILED,  /* the command cannot be executed, and never could be */
	EV_SPAWN_FAILED, /* not started this time: no process, no memory, command replaced */
	EV_DRAIN,        /* its clients may finish, new ones go elsewhere */
	EV_FREEZE,       /* it has none left, and should be kept */
	EV_RESUME,       /* it's wanted again */
	EV_ENOUGH,       /* it is not to be started again */
};

#define WORKER_EVENTS (EV_ENOUGH + 1)

enum worker_act {
	ACT_REFUSED = 0, /* this event cannot happen in this state */
	ACT_NOTHING,     /* it can, and asks for nothing */
	ACT_SPAWN,       /* start a worker */
	ACT_NOTE_READY,  /* say that it is ready */
	ACT_BACK_OFF,    /* arm the timer with the pause of the slot */
	ACT_SIGNAL,      /* send its leader the stop signal, arm the timer with the deadline */
	ACT_SIGNAL_REST, /* send the rest of its tree the stop signal */
	ACT_KILL_TREE,   /* kill what is left of its tree */
	ACT_RELEASE,     /* forget the worker: the slot is empty for good */
	ACT_GIVE_UP,     /* the same, and the app cannot run */
	ACT_NOTE_LATE,   /* say that it is not ready in time */
	ACT_DRAIN,       /* close its berths, watch its clients, arm the timer with the deadline */
	ACT_FREEZE,      /* stop its whole tree, arm the timer with the time that it's kept */
	ACT_RESUME,      /* let its tree go on, open its berths */
	ACT_STAY_EMPTY,  /* forget its process */
	ACT_NOTE_STUCK,  /* say that it is killed and not gone: nobody waits for it any more */
};

#define WORKER_ACTS (ACT_NOTE_STUCK + 1)

struct worker_step {
	enum worker_act act;
	enum worker_state next;
};

/*
 * worker_fsm_step - what @event means in @state
 *
 * Returns the act and the next state. A refused event is our own mistake; it
 * leaves the state as it is. Any thread. Never blocks.
 */
struct worker_step worker_fsm_step(enum worker_state state, enum worker_event event);

/* One word, for logs. */
const char *worker_state_text(enum worker_state state);

#endif
