/*
 * The bodies of requests: from bytes that somebody sent to what he wants.
 */
#ifndef BERTH_CONTROL_REQUESTS_H
#define BERTH_CONTROL_REQUESTS_H

#include <limits.h>

#include "base/buf.h"
#include "control/control.h"

#define REQUESTS_QUERY_MAX 8

/* What stands behind the "?" of a request, decoded; it belongs to somebody else. */
struct requests_query {
	size_t n;
	bool is_too_long; /* there was more */
	struct {
		const char *name;
		const char *value; /* "" where it has none */
	} at[REQUESTS_QUERY_MAX];
};

struct requests_events {
	uint64_t after;    /* the number of an event, 0: from the first that is kept */
	bool is_following; /* and those that come */
};

struct requests_upgrade {
	char binary[PATH_MAX]; /* an absolute path; "": the program that runs */
};

/*
 * requests_read_scale - read {"workers": N} or {"change": +-N}
 *
 * @body:       any bytes
 * @ret_scale:  1 to APP_WORKERS_MAX workers; or as many more or fewer, not 0
 * @ret_text:   what is wrong, in one sentence; written on error only
 *
 * Returns whether it is that, with nothing else in it. Any thread. Never blocks.
 */
bool requests_read_scale(struct span body, struct control_scale *ret_scale,
			 char ret_text[static CONTROL_TEXT_MAX]);

/*
 * requests_read_reload - read {"canary_percent": 1..99, "watch_ms": N}, each of them or none
 *
 * As requests_read_upgrade() otherwise.
 */
bool requests_read_reload(struct span body, struct control_reload *ret_reload,
			  char ret_text[static CONTROL_TEXT_MAX]);

/* Whether it is {}, or no byte at all. */
bool requests_read_nothing(struct span body, char ret_text[static CONTROL_TEXT_MAX]);

/*
 * requests_read_upgrade - read {"binary": "/PATH"}, {}, or no byte at all
 *
 * @body:         any bytes
 * @ret_upgrade:  what is wanted
 * @ret_text:     what is wrong, in one sentence; written on error only
 *
 * Returns whether it is that, with nothing else in it. Any thread. Never blocks.
 */
bool requests_read_upgrade(struct span body, struct requests_upgrade *ret_upgrade,
			   char ret_text[static CONTROL_TEXT_MAX]);

/* "after=N" and "follow=1" or "follow=0", each once or not at all; nothing else. */
bool requests_read_events(const struct requests_query *query, struct requests_events *ret_events,
			  char ret_text[static CONTROL_TEXT_MAX]);

/* {"now": true} or {"now": false}, {}, or no byte at all. */
bool requests_read_stop(struct span body, bool *ret_is_now, char ret_text[static CONTROL_TEXT_MAX]);

/* {"slots": [1, 2]} with one slot at least, {}, or no byte at all: then it is all of them. */
bool requests_read_restart(struct span body, struct control_restart *ret_restart,
			   char ret_text[static CONTROL_TEXT_MAX]);

/* {"slot": 1} */
bool requests_read_drain(struct span body, struct control_drain *ret_drain,
			 char ret_text[static CONTROL_TEXT_MAX]);

/* {"slot": 1, "signal": 15} */
bool requests_read_kill(struct span body, struct control_kill *ret_kill,
			char ret_text[static CONTROL_TEXT_MAX]);

#endif
