/*
 * A pause between two questions, and an end to asking. See client_watch.h.
 */
#include "prog/client_watch.h"

#include <time.h>

#include "os/clock.h"

#define PAUSE_NS 100000000L

bool client_watch(const struct client_watch *w)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_NS };
	const int64_t began_ms = clock_ms();

	*w->heard_ms = began_ms;
	while (!w->ask(w->data)) {
		const int64_t now_ms = clock_ms();

		if (now_ms - *w->heard_ms > CLIENT_SILENCE_MAX_MS)
			return false;
		if (w->timeout_ms && now_ms - began_ms > w->timeout_ms)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return true;
}
