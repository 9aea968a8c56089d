/*
 * The ring of events, in memory that the keeper has, too; and who hears of new ones.
 */
#ifndef BERTH_PRIMARY_EVENT_LOG_H
#define BERTH_PRIMARY_EVENT_LOG_H

#include "core/events.h"

struct event_log;

/*
 * event_log_new - go on with the ring that a predecessor has left, or begin one
 *
 * @fd:  the memory that it was in, or NO_FD; stays yours
 *
 * One that is none, or of another form, is left alone, and numbers begin anew. Returns 0,
 * -ENOMEM or another -errno. The primary's thread only, as all of these. None blocks.
 */
int event_log_new(int fd, struct event_log **ret_log);

/* Takes NULL, returns NULL. */
struct event_log *event_log_free(struct event_log *l);

/* For the keeper; it stays the log's. NO_FD where there could be no file. */
int event_log_fd(const struct event_log *l);

const struct events *event_log_events(const struct event_log *l);

/* Notes @note, as what whoever was named last asks for. */
void event_log_note(struct event_log *l, const struct message_note *note);

/* From now on @who is who asks for what is noted; NULL: nobody does. */
void event_log_set_asker(struct event_log *l, const struct event_asker *who);

/* @tell is called with @data after each new event; NULL: nobody is told. It must not note any. */
void event_log_tell(struct event_log *l, void (*tell)(void *data), void *data);

#endif
