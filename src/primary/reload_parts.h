/*
 * What the files that a reload consists of share.
 */
#ifndef BERTH_PRIMARY_RELOAD_PARTS_H
#define BERTH_PRIMARY_RELOAD_PARTS_H

#include "primary/reload.h"

/* --- in reload.c --- */

/* Does what is to be done next, from the loop. */
void reload_look_soon(struct reload *r);

/* Lets go of those that had the slots before. May be done twice. */
void reload_settle(struct reload *r);

/* --- in reload_orders.c --- */

/* Whether all workers of the generation before could serve again. */
bool reload_can_be_undone(const struct reload *r);

/* Begins the reload @number; none runs. */
void reload_begin(struct reload *r, const struct reload_wish *wish, uint64_t number);

/* --- in reload_say.c --- */

/* How it ended, or why it is being undone. */
__attribute__((format(printf, 2, 3))) void reload_set_message(struct reload *r, const char *format,
							      ...);

/* One step more, for who follows it and in the output. @event: static. */
__attribute__((format(printf, 4, 5))) void reload_say(struct reload *r, enum message_level level,
						      const char *event, const char *format, ...);

/* The same of another one than that which runs, or ran last. */
__attribute__((format(printf, 5, 6))) void reload_say_of(struct reload *r, uint64_t number,
							 enum message_level level,
							 const char *event, const char *format,
							 ...);

/* --- in reload_canary.c --- */

/* The canary in @slot is ready: it has its share from now on, and is watched. */
void reload_let_canary(struct reload *r, unsigned slot);

/* After reload_resume(): watches the one that a predecessor has let go; or there is none. */
void reload_resume_canary(struct reload *r);

/* Some are members now: they have to come for their clients. Does nothing the second time. */
void reload_watch_rest(struct reload *r);
void reload_end_watch(struct reload *r);

/* Those that wait for workers that have proved to be mute go to others. */
void reload_hand_on(struct reload *r);

/* Nobody has a share any more. */
void reload_end_canary(struct reload *r);

#endif
