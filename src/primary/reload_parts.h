/*
 * What the files that a reload consists of share.
 */
#ifndef BERTH_PRIMARY_RELOAD_PARTS_H
#define BERTH_PRIMARY_RELOAD_PARTS_H

#include "primary/reload.h"

/* --- in reload_say.c --- */

/* How it ended, or why it is being undone. */
__attribute__((format(printf, 2, 3))) void reload_set_message(struct reload *r, const char *format,
							      ...);

/* One step more, for who follows it and in the output. @event: static. */
__attribute__((format(printf, 4, 5))) void reload_say(struct reload *r, enum message_level level,
						      const char *event, const char *format, ...);

/* --- in reload_canary.c --- */

/* The canary in @slot is ready: it has its share from now on, and is watched. */
void reload_let_canary(struct reload *r, unsigned slot);

/* After reload_resume(): watches the one that a predecessor has let go; or there is none. */
void reload_resume_canary(struct reload *r);

/* Nobody has a share any more. */
void reload_end_canary(struct reload *r);

#endif
