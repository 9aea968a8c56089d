/*
 * One line of output, as text or as one JSON object: what a worker has written, or
 * what berth itself has to say.
 *
 *     web.2  | listening on 8000
 *     berth: web.2 ended with exit code 1, starting again in 0.2 s
 */
#ifndef BERTH_CORE_MESSAGE_H
#define BERTH_CORE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

#define MESSAGE_TEXT_MAX 4096 /* bytes of a message of berth's own, its NUL included */

enum message_level {
	MESSAGE_INFO,
	MESSAGE_WARNING,
	MESSAGE_ERROR,
};

struct message_style {
	bool is_json;
	bool is_colour;     /* for a terminal; does not touch JSON */
	size_t label_width; /* "web.2" is padded to this, in characters */
};

/* Who writes, or who it is about. */
struct message_source {
	const char *app; /* up to APP_NAME_MAX bytes of [a-z0-9._-] */
	unsigned slot;   /* 1.. */
	pid_t pid;
	unsigned generation;
};

struct message_line {
	const char *when; /* the wall clock; only JSON tells it */
	const struct message_source *source;
	const char *stream; /* "stdout" or "stderr" */
	struct span text;   /* any bytes but LF */
};

struct message_note {
	const char *when;
	enum message_level level;
	const char *event;                   /* its name for programs: "worker_started" */
	const struct message_source *source; /* the worker it is about, or NULL */
	const char *text;
};

/* How wide the labels of an app with @n_workers slots are. */
size_t message_label_width(const char *app, unsigned n_workers);

/*
 * message_from_worker - append a worker's line to @out
 *
 * As text, the worker's bytes pass as they are. In JSON, a byte that is no part of
 * well-formed UTF-8 becomes U+FFFD. Returns false, and leaves @out as it was, if @out
 * is full or if there is no memory. Never blocks.
 */
bool message_from_worker(const struct message_style *style, const struct message_line *line,
			 struct buf *out);

/*
 * message_from_berth - append a message of berth's own to @out
 *
 * Its text may name what others chose: it is escaped (see escape.h), and cut at
 * MESSAGE_TEXT_MAX. Returns as message_from_worker() does.
 */
bool message_from_berth(const struct message_style *style, const struct message_note *note,
			struct buf *out);

#endif
