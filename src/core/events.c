/*
 * A ring whose head is moved last: whoever ends in between has noted nothing. See events.h.
 */
#include "core/events.h"

#include <stdio.h>

static void copy_text(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "");
}

void events_note(struct events *e, const struct message_note *note, int64_t at_ms,
		 const struct event_asker *asker)
{
	const uint64_t number = e->last + 1;
	struct event *event = &e->ring[number % EVENTS_MAX];

	event->number = 0; /* while it is being written it is none */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	event->at_ms = at_ms;
	event->level = (uint32_t)note->level;
	event->slot = note->source ? note->source->slot : 0;
	event->generation = note->source ? note->source->generation : 0;
	event->pid = note->source ? note->source->pid : 0;
	event->asker = *asker;
	copy_text(event->app, sizeof(event->app), note->source ? note->source->app : "");
	copy_text(event->name, sizeof(event->name), note->event);
	copy_text(event->text, sizeof(event->text), note->text);
	event->number = number;
	/* A kill comes between two instructions: their order must be the one written here. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	e->last = number;
}

bool events_next(const struct events *e, uint64_t after, struct event *ret_event,
		 uint64_t *ret_lost)
{
	const uint64_t last = e->last;
	uint64_t number = after + 1;

	if (after >= last)
		return false;
	if (last - after > EVENTS_MAX)
		number = last - EVENTS_MAX + 1;
	for (unsigned i = 0; i < EVENTS_MAX && number <= last; i++, number++) {
		const struct event *event = &e->ring[number % EVENTS_MAX];

		if (event->number != number)
			continue;
		*ret_event = *event;
		ret_event->app[sizeof(ret_event->app) - 1] = '\0';
		ret_event->name[sizeof(ret_event->name) - 1] = '\0';
		ret_event->text[sizeof(ret_event->text) - 1] = '\0';
		*ret_lost = number - after - 1;
		return true;
	}
	return false;
}

uint64_t events_reach(const struct events *e, uint64_t number)
{
	const uint64_t last = e->last;

	return number < last ? number : last;
}
