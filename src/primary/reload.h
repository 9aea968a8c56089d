/*
 * Reloads: core/rollout decides what is next, this does it. The next generation comes up
 * slot by slot; until it has proved itself, the one before stays ready to go on.
 */
#ifndef BERTH_PRIMARY_RELOAD_H
#define BERTH_PRIMARY_RELOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/rollout_asked.h"
#include "core/state.h"
#include "primary/fleet.h"
#include "primary/output.h"

struct canary_watch;

#define RELOAD_STEPS_MAX 64 /* that are kept for who follows a reload */
#define RELOAD_TEXT_MAX  STATE_RELOAD_TEXT_MAX

/* One thing that happened in a reload. */
struct reload_step {
	uint64_t number; /* of all steps, from 1 on */
	uint64_t reload;
	int64_t at_ms;
	const char *event; /* static */
	char text[RELOAD_TEXT_MAX];
};

struct reload_wish {
	unsigned canary_percent; /* 0: none */
	uint32_t watch_ms;
	uid_t uid; /* who asks */
};

struct reload {
	const struct app_config *config;
	struct fleet *fleet;
	struct output *output;
	struct keep *keep;
	uv_timer_t soon;             /* what is to be done next is done from the loop */
	uv_timer_t watch;            /* fires when the watch is over */
	struct canary_watch *canary; /* while one has its share */
	struct canary_watch *rest;   /* while some are members, and may prove to be mute */
	bool is_mute;                /* they have failed so: who waits for them is handed on */
	struct rollout rollout;
	struct reload_wish wish;
	uint64_t number;
	unsigned from; /* generations */
	unsigned to;
	unsigned undo_to; /* what an undo leads back to once this one is over; 0: nothing */
	unsigned n_generations;
	bool is_undo;
	bool has_failed; /* and has not been undone yet */
	bool has_next;
	struct reload_wish next; /* to be begun when this one is over */
	uint64_t next_number;
	uint64_t last_number; /* that was given out */
	uint64_t last_done;   /* number of the last one that was not rolled back */
	int64_t began_ms;
	int64_t watch_due_ms;
	char message[RELOAD_TEXT_MAX]; /* how it ended, or why it's being undone */
	struct reload_step steps[RELOAD_STEPS_MAX];
	uint64_t n_steps;
};

/* All of these are for the primary's thread only. None blocks for longer than a fork. */

/* @r: all zero but for what is borrowed: config, fleet, output, keep. */
int reload_init(struct reload *r, uv_loop_t *loop);

/* Closes its handles. */
void reload_done(struct reload *r);

/*
 * reload_start - begin another generation
 *
 * @ret_number: of the reload
 * @ret_answer: what becomes of one that runs
 *
 * Returns 0; -EBUSY while berth stops; -EOPNOTSUPP for a canary in the shared tier; -EINVAL
 * for one that isn't watched.
 */
int reload_start(struct reload *r, const struct reload_wish *wish, uint64_t *ret_number,
		 enum rollout_answer *ret_answer);

/*
 * reload_undo - back to the generation before
 *
 * @ret_number: of what is to be followed
 * @ret_way:    one that isn't final yet is rolled back; else that generation serves again, at
 *              once where all of it is kept, and else by another reload
 *
 * One that waits for its turn is not begun. Returns 0; -ENOENT if there is nothing to be
 * undone; -EBUSY while berth stops.
 */
int reload_undo(struct reload *r, uid_t uid, uint64_t *ret_number, enum rollout_way_back *ret_way);

/* Whether one runs whose outcome is still open: then slots must stay as many as they are. */
bool reload_is_open(const struct reload *r);

/* Whether slots are one's to change, or will be: one that is final only waits. */
bool reload_is_running(const struct reload *r);

/*
 * reload_note_failed - a worker has failed
 *
 * @w:    of any generation: only those of the new one matter; NULL: one could not be started
 * @why:  the rest of a sentence that begins with the worker's name; all of it without @w
 *
 * While it is open the reload is rolled back for it, soon, and says why, with the worker's
 * last words. The first reason counts. Does nothing to @w.
 */
void reload_note_failed(struct reload *r, const struct worker *w, const char *why);

/* @w listens, perhaps once more: a canary has its share there, too. */
void reload_note_listening(struct reload *r, const struct worker *w);

/* Something else has happened to some worker. Looks soon. */
void reload_note_news(struct reload *r);

/* --- from primary to primary --- */

/* What a successor has to know: into @app. */
void reload_remains(const struct reload *r, struct state_app *app);

/* After fleet_resume(). Does nothing yet. */
void reload_resume(struct reload *r, const struct state_app *app);

/* Goes on, after fleet_go_on(). */
void reload_go_on(struct reload *r);

#endif
