/*
 * The bodies of requests: from bytes that somebody sent to what he wants.
 */
#ifndef BERTH_CONTROL_REQUESTS_H
#define BERTH_CONTROL_REQUESTS_H

#include <limits.h>

#include "base/buf.h"
#include "control/control.h"

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

#endif
