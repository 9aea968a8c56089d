/*
 * Follows what a primary was asked for, over the moments in which none is there to answer.
 */
#ifndef BERTH_PROG_CLIENT_WATCH_H
#define BERTH_PROG_CLIENT_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#define CLIENT_SILENCE_MAX_MS 15000

struct client_watch {
	/* Asks how far it is. Returns whether that was the end. */
	bool (*ask)(void *data);
	void *data;
	int64_t *heard_ms;  /* when there was news last, by clock_ms(): @ask brings it up to date */
	int64_t timeout_ms; /* of all of it, 0: none */
};

/*
 * client_watch - ask again and again until the end
 *
 * Returns whether it came; false if the time is up, or there was no news for
 * CLIENT_SILENCE_MAX_MS. Main thread only. Blocks for so long.
 */
bool client_watch(const struct client_watch *w);

#endif
