/*
 * What a program says over NOTIFY_SOCKET, as sd_notify(3) has it: lines such as
 * "READY=1" in one datagram.
 */
#ifndef BERTH_CORE_NOTIFY_MESSAGE_H
#define BERTH_CORE_NOTIFY_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#define NOTIFY_SIZE_MAX   4096 /* of a datagram, in bytes */
#define NOTIFY_STATUS_MAX 256  /* of a status, with its NUL */

struct notify_message {
	bool is_ready;                  /* READY=1 */
	bool is_reloading;              /* RELOADING=1: it will say that it's ready again */
	bool is_stopping;               /* STOPPING=1 */
	bool is_alive;                  /* WATCHDOG=1 */
	bool wants_storage;             /* FDSTORE=1: refused */
	bool has_status;                /* STATUS=... */
	char status[NOTIFY_STATUS_MAX]; /* fit to be shown; "..." where it was cut */
};

enum notify_verdict {
	NOTIFY_OK = 0,
	NOTIFY_NOTHING, /* nothing that we know: MAINPID=, ERRNO=, BARRIER=1 and such, or nothing */
	NOTIFY_TOO_LONG, /* more than NOTIFY_SIZE_MAX bytes */
	NOTIFY_HAS_NUL,  /* in its midst; one at the end is let pass */
};

#define NOTIFY_VERDICTS (NOTIFY_HAS_NUL + 1)

/*
 * notify_message_parse - read one datagram
 *
 * @bytes:        as they came from a worker; not necessarily ended by a NUL
 * @size:         of all of the datagram, also if that is more than there is room for
 * @ret_message:  written with NOTIFY_OK only
 *
 * Of a variable that comes twice the first counts, and of the switches only the value
 * "1". What is not known is passed over. Any thread. Never blocks.
 */
enum notify_verdict notify_message_parse(const char *bytes, size_t size,
					 struct notify_message *ret_message);

/* What is wrong, as the rest of a sentence that begins with who has sent it. */
const char *notify_verdict_text(enum notify_verdict v);

#endif
