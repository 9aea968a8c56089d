/*
 * Reads notifications. A worker may say anything: what comes out of it is some
 * switches, and a status that may be shown.
 */
#include "core/notify_message.h"

#include <string.h>

#include "base/buf.h"
#include "base/escape.h"

static bool is_text(struct span s, const char *text)
{
	return s.size == strlen(text) && memcmp(s.at, text, s.size) == 0;
}

/* Cuts the next line off the beginning of @rest. */
static struct span next_line(struct span *rest)
{
	const char *end = memchr(rest->at, '\n', rest->size);
	struct span line = { rest->at, end ? (size_t)(end - rest->at) : rest->size };
	size_t used = line.size + (end != NULL);

	rest->at += used;
	rest->size -= used;
	return line;
}

/* A bit for each switch that was seen, whatever its value. */
static bool read_switch(struct span name, struct span value, unsigned *seen,
			struct notify_message *m)
{
	const struct {
		const char *name;
		bool *is_on;
	} switches[] = {
		{ "READY", &m->is_ready },        { "RELOADING", &m->is_reloading },
		{ "STOPPING", &m->is_stopping },  { "WATCHDOG", &m->is_alive },
		{ "FDSTORE", &m->wants_storage },
	};

	for (unsigned i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		if (!is_text(name, switches[i].name) || *seen & 1u << i)
			continue;
		*seen |= 1u << i;
		*switches[i].is_on = is_text(value, "1");
		return *switches[i].is_on;
	}
	return false;
}

/* Returns whether the line says something. */
static bool read_line(struct span line, unsigned *seen, struct notify_message *m)
{
	const char *equals = line.size ? memchr(line.at, '=', line.size) : NULL;
	struct span name = { line.at, equals ? (size_t)(equals - line.at) : 0 };
	struct span value;

	if (!equals)
		return false;
	value = (struct span){ equals + 1, line.size - name.size - 1 };
	if (is_text(name, "STATUS") && !m->has_status) {
		m->has_status = true;
		(void)escape_text(value.at, value.size, m->status, sizeof(m->status));
		return true;
	}
	return read_switch(name, value, seen, m);
}

enum notify_verdict notify_message_parse(const char *bytes, size_t size,
					 struct notify_message *ret_message)
{
	struct notify_message m = { 0 };
	struct span rest = { bytes, size };
	bool says_something = false;
	unsigned seen = 0;

	if (size > NOTIFY_SIZE_MAX)
		return NOTIFY_TOO_LONG;
	if (rest.size > 0 && bytes[rest.size - 1] == '\0')
		rest.size--;
	if (rest.size > 0 && memchr(bytes, '\0', rest.size))
		return NOTIFY_HAS_NUL;
	while (rest.size > 0)
		says_something |= read_line(next_line(&rest), &seen, &m);
	if (!says_something)
		return NOTIFY_NOTHING;
	*ret_message = m;
	return NOTIFY_OK;
}

const char *notify_verdict_text(enum notify_verdict v)
{
	static const char *const texts[NOTIFY_VERDICTS] = {
		[NOTIFY_OK] = "has sent a good notification",
		[NOTIFY_NOTHING] = "has sent a notification with nothing in it that berth knows",
		[NOTIFY_TOO_LONG] = "has sent a notification of more than 4096 bytes: ignored",
		[NOTIFY_HAS_NUL] = "has sent a notification with a NUL in it: ignored",
	};

	return texts[v];
}
