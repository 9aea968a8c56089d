/*
 * The last things that happened, each with a number of its own: for who asks later, or
 * follows. A ring in memory that may outlive the primary: numbers go on where a
 * predecessor was ended, at whatever instruction that was.
 */
#ifndef BERTH_CORE_EVENTS_H
#define BERTH_CORE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/message.h"

#define EVENTS_MAX       512 /* that are kept */
#define EVENTS_NAME_SIZE 32
#define EVENTS_APP_SIZE  64
#define EVENTS_TEXT_SIZE 512

/* Who asked for it, over the control socket. */
struct event_asker {
	bool is_known; /* else nobody did, or it's not known who */
	uid_t uid;
	pid_t pid;
};

struct event {
	uint64_t number; /* 1 for the first; none is given twice */
	int64_t at_ms;   /* on the wall clock, since 1970 */
	uint32_t level;  /* enum message_level */
	uint32_t slot;   /* of the worker that it's about; 0: about none */
	uint32_t generation;
	pid_t pid;
	struct event_asker asker;
	char app[EVENTS_APP_SIZE];
	char name[EVENTS_NAME_SIZE]; /* for programs: "worker_started" */
	char text[EVENTS_TEXT_SIZE]; /* for people; any bytes, cut where it's longer */
};

struct events {
	uint64_t last; /* the number of the last one that is whole; 0: there was none */
	struct event ring[EVENTS_MAX];
};

/*
 * events_note - add one
 *
 * @note:  what happened
 * @at_ms: when, on the wall clock
 */
void events_note(struct events *e, const struct message_note *note, int64_t at_ms,
		 const struct event_asker *asker);

/*
 * events_next - the first event after number @after
 *
 * @ret_lost:  how many between are not kept any more
 *
 * Returns a copy in @ret_event and true; false if there's none. What is in memory that
 * others have left is not trusted: texts end with a NUL, and an event that isn't whole is
 * passed over as lost. Behind a number beyond the last there is nothing: see events_reach().
 */
bool events_next(const struct events *e, uint64_t after, struct event *ret_event,
		 uint64_t *ret_lost);

/* @number, or that of the last event where it's beyond that: what follows it is news. */
uint64_t events_reach(const struct events *e, uint64_t number);

#endif
