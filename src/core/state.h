/*
 * What a primary leaves to its successor, beside the descriptors that the keeper
 * holds: one blob, written whole before anything that it tells of is done.
 *
 * Only what neither the kernel nor a descriptor can tell is in it. The blob
 * says how long its records are: a reader takes of each what it knows, and has
 * zeros for what the writer didn't. A layout that cannot be read so has another
 * version, and is refused.
 */
#ifndef BERTH_CORE_STATE_H
#define BERTH_CORE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "core/app_config.h"
#include "core/port_table.h"

#define STATE_VERSION 1
#define STATE_WORKERS_MAX \
	((size_t)6 * APP_WORKERS_MAX) /* those without a slot of their own included */
#define STATE_BERTHS_MAX      16384
#define STATE_GROUPS_MAX      64
#define STATE_SIZE_MAX        ((size_t)4 * 1024 * 1024)
#define STATE_REFUSAL_MAX     160
#define STATE_RELOAD_TEXT_MAX 512 /* with its NUL */
#define STATE_PORT_WORDS      (PORT_TABLE_MAX / 64)

/* The last reload, and how far it is. */
struct state_reload {
	uint64_t number;
	int64_t began_ms;
	int64_t watch_due_ms; /* 0: nothing is being watched */
	uint32_t phase;       /* enum rollout_phase */
	uint32_t from;        /* generations */
	uint32_t to;
	uint32_t next; /* the generation that a reload after this one would make */
	uint32_t canary_percent;
	uint32_t watch_ms;
	uint32_t flags;
	uint32_t uid;                 /* who asked for it */
	uint32_t next_canary_percent; /* of one that is to follow */
	uint32_t next_watch_ms;
	uint32_t next_uid;
	uint32_t unused; /* 0: a record has no holes */
	char message[STATE_RELOAD_TEXT_MAX];
};

#define STATE_RELOAD_CANARY_OVER 1u
#define STATE_RELOAD_IS_UNDO     2u
#define STATE_RELOAD_IS_WATCHED  4u
#define STATE_RELOAD_HAS_FAILED  8u
#define STATE_RELOAD_HAS_NEXT    16u

/* What reloads have come to, all of them; it stands last, since it is younger than the rest. */
struct state_history {
	uint64_t n_steps;     /* that were told, ever */
	uint64_t last_number; /* that a reload was given, also one that was never begun */
	uint64_t last_done;   /* number of the last one that was not rolled back */
	uint32_t undo_to;     /* the generation before the last one that was; 0: none */
	uint32_t unused;      /* 0: a record has no holes */
};

/* The replacement of single workers. Which one comes up is told by who is there. */
struct state_recycling {
	int64_t not_before_ms;
	uint32_t n_failures;
	uint32_t reason; /* enum recycle_reason */
};

/* The last `berth drain`, and how far it is. */
struct state_drain {
	uint64_t number;
	uint64_t run;
	uint32_t slot;
	uint32_t state; /* enum drain_order_state */
	char message[STATE_RELOAD_TEXT_MAX];
};

/* The app as a whole. Times are those of clock_ms(). */
struct state_app {
	uint64_t n_runs; /* of all workers, ever */
	uint64_t done;   /* the keeper's events up to this one have been dealt with */
	int64_t started_at_ms;
	uint64_t upgrade;        /* number of the last upgrade that was tried */
	uint32_t upgrade_result; /* enum upgrade_state */
	uint32_t n_primaries;    /* that have taken over so far */
	uint32_t n_wanted;
	uint32_t n_ready;
	uint32_t n_openings;
	int32_t exit_code;
	int32_t origin; /* the first keeper's pid: a mark of this app's processes */
	uint32_t flags;
	uint32_t generation; /* of members; 0: the first */
	uint32_t unused;     /* 0: a record has no holes */
	struct state_reload reload;
	struct state_recycling recycling;
	struct state_drain drain;
	struct state_history history;
};

#define STATE_APP_STOPPING   1u
#define STATE_APP_SAID_READY 2u
#define STATE_APP_SHARED     4u  /* the tier that was chosen */
#define STATE_APP_TIERED     8u  /* it was chosen */
#define STATE_APP_BEGUN      16u /* its program has been executed */

struct state_worker {
	uint64_t run; /* of the process in the slot */
	int64_t started_at_ms;
	int64_t due_ms;                   /* when its timer fires, 0: it has none */
	uint64_t ports[STATE_PORT_WORDS]; /* see struct process */
	uint32_t slot;
	uint32_t state; /* enum worker_state */
	int32_t pid;    /* 0: there is no process */
	int32_t exit_status;
	int32_t give_up_code;
	uint32_t n_failures; /* see struct backoff */
	uint32_t unique_port;
	uint32_t n_restarts;
	uint32_t flags;
	uint32_t generation; /* 0 in a state of those who had one only: the first */
	uint32_t role;       /* enum worker_role */
	uint32_t keep_ms;
	uint64_t wanted[STATE_PORT_WORDS]; /* see struct worker */
	int64_t window_began_ms;           /* see struct restarts */
	uint32_t window_n_ends;
	uint32_t unused;                   /* 0: a record has no holes */
	uint64_t served[STATE_PORT_WORDS]; /* of its slot: see struct fleet */
};

#define STATE_WORKER_EXITED    1u
#define STATE_WORKER_FAILED    2u
#define STATE_WORKER_WAS_READY 4u
#define STATE_WORKER_GONE      8u /* its whole tree */
#define STATE_WORKER_MUST_STAY 16u
#define STATE_WORKER_FROZEN    32u
#define STATE_WORKER_NOTIFIED  64u

struct state_owner {
	uint64_t run;
	uint32_t slot;
	int32_t process;
	int32_t thread;
	int32_t fd;
};

struct state_identity {
	uint32_t uid;
	uint32_t gid;
	uint32_t umask;
	uint32_t n_groups;
	uint32_t groups[STATE_GROUPS_MAX];
};

struct state_port {
	uint64_t pending_cookie;
	uint64_t like_cookie; /* of the socket that the port was made like */
	uint64_t like_inode;
	uint64_t path_device; /* of the file of a Unix socket */
	uint64_t path_inode;
	int64_t idle_since_ms;
	struct state_owner pending;
	uint32_t id;
	uint32_t kind; /* enum port_kind */
	uint32_t anchor;
	uint32_t any_port;
	uint32_t like_uid;
	uint32_t flags;
	struct state_identity path_owner;
	struct addr addr;
};

#define STATE_PORT_NAMED     1u
#define STATE_PORT_FREEBIND  2u
#define STATE_PORT_HAS_OWNER 4u

struct state_berth {
	uint64_t cookie;
	uint64_t inode;
	struct state_owner owner;
	uint32_t port;
	uint32_t index;
	uint32_t flags;
	uint32_t unused; /* 0: a record has no holes */
};

#define STATE_BERTH_HELD 1u

struct state {
	struct state_app app;
	struct state_worker *workers;
	struct state_port *ports;
	struct state_berth *berths;
	size_t n_workers;
	size_t n_ports;
	size_t n_berths;
};

/* Frees the arrays. Takes one that is all zero. */
void state_done(struct state *s);

/* Whether state_read() would take what state_write() made of @s: an older one is of more use. */
bool state_can_be_read(const struct state *s);

/*
 * state_write - make the blob of @s
 *
 * @ret_blob:  free() it
 *
 * Returns its size in bytes, 0 without memory, or if it can't be read. Any thread, as all
 * of these. None of them blocks.
 */
size_t state_write(const struct state *s, void **ret_blob);

/*
 * state_read - read a blob, whoever wrote it
 *
 * @ret_state:    state_done() it; written on success only
 * @ret_refusal:  what is wrong, in a sentence, where it is refused
 *
 * Everything is checked: counts, slots, indices, addresses. Returns 0; -EPROTO for
 * a version that isn't ours, -EINVAL for a blob that is damaged, -ENOMEM.
 */
int state_read(const void *blob, size_t size, struct state *ret_state,
	       char ret_refusal[static STATE_REFUSAL_MAX]);

#endif
