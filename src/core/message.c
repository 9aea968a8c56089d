/*
 * Writes lines for people and for programs. See message.h.
 */
#include "core/message.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/utf8.h"
#include "core/app_config.h"

#define LABEL_MAX   (APP_NAME_MAX + sizeof(".4294967295"))
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

#define ESCAPE_BYTE '\x1b'
#define RESET       "\x1b[0m"

/* Every colour begins with a reset, so that what a worker left switched on ends there. */
static const char *const slot_colours[] = {
	"\x1b[0;36m", "\x1b[0;33m", "\x1b[0;32m", "\x1b[0;35m", "\x1b[0;34m",
	"\x1b[0;96m", "\x1b[0;93m", "\x1b[0;92m", "\x1b[0;95m", "\x1b[0;94m",
};

static const char *const level_colours[] = {
	[MESSAGE_INFO] = "\x1b[0;1m",
	[MESSAGE_WARNING] = "\x1b[0;33m",
	[MESSAGE_ERROR] = "\x1b[0;31m",
};

static const char *const level_names[] = {
	[MESSAGE_INFO] = "info",
	[MESSAGE_WARNING] = "warning",
	[MESSAGE_ERROR] = "error",
};

static void write_label(const struct message_source *source, char ret_label[static LABEL_MAX])
{
	(void)snprintf(ret_label, LABEL_MAX, "%s.%u", source->app, source->slot);
}

size_t message_label_width(const char *app, unsigned n_workers)
{
	return (size_t)snprintf(NULL, 0, "%s.%u", app, n_workers);
}

static bool append_text(struct buf *out, const char *text)
{
	return buf_append(out, text, strlen(text));
}

static bool append_spaces(struct buf *out, size_t n)
{
	static const char spaces[LABEL_MAX] = { [0 ... LABEL_MAX - 1] = ' ' };

	return buf_append(out, spaces, n < sizeof(spaces) ? n : sizeof(spaces));
}

/* --- text --- */

static bool append_line_text(const struct message_style *style, const struct message_line *line,
			     struct buf *out)
{
	size_t n_colours = sizeof(slot_colours) / sizeof(*slot_colours);
	const char *colour = slot_colours[(line->source->slot + n_colours - 1) % n_colours];
	char label[LABEL_MAX];
	size_t width;

	write_label(line->source, label);
	width = strlen(label);

	return append_text(out, style->is_colour ? colour : "") && append_text(out, label) &&
	       append_spaces(out, width < style->label_width ? style->label_width - width : 0) &&
	       append_text(out, style->is_colour ? " |" RESET " " : " | ") &&
	       buf_append(out, line->text.at, line->text.size);
}

/* What the worker switched on must not colour the shell's prompt after the last line. */
static bool append_line_end(const struct message_style *style, struct span text, struct buf *out)
{
	bool may_colour = style->is_colour && memchr(text.at, ESCAPE_BYTE, text.size);

	return append_text(out, may_colour ? RESET "\n" : "\n");
}

/* A warning or an error is coloured whole, else only berth's name is. */
static bool append_note_text(const struct message_style *style, const struct message_note *note,
			     const char *text, struct buf *out)
{
	bool is_whole = note->level != MESSAGE_INFO;
	const char *before = style->is_colour ? level_colours[note->level] : "";
	const char *between = style->is_colour && !is_whole ? RESET : "";
	const char *after = style->is_colour && is_whole ? RESET : "";
	char label[LABEL_MAX] = "";

	if (note->source)
		write_label(note->source, label);
	return append_text(out, before) && append_text(out, "berth:") &&
	       append_text(out, between) && append_text(out, " ") && append_text(out, label) &&
	       append_text(out, note->source ? " " : "") && append_text(out, text) &&
	       append_text(out, after) && append_text(out, "\n");
}

/* --- JSON --- */

static int append_json_piece(const char *bytes, size_t size, void *out)
{
	return buf_append(out, bytes, size) ? 0 : -1;
}

static bool append_json(const json_t *object, struct buf *out)
{
	return object && json_dump_callback(object, append_json_piece, out, JSON_COMPACT) == 0 &&
	       append_text(out, "\n");
}

/* Like utf8_printable(), but control characters count too: JSON can hold them. */
static size_t well_formed(const char *at, size_t size)
{
	const unsigned char *bytes = (const unsigned char *)at;

	if (bytes[0] < 0x80)
		return 1;
	if (bytes[0] == 0xc2 && size > 1 && bytes[1] >= 0x80 && bytes[1] <= 0x9f)
		return 2;
	return utf8_printable(at, size);
}

/* How many of the first bytes of @text are well-formed. */
static size_t well_formed_prefix(struct span text)
{
	size_t at = 0;

	while (at < text.size) {
		size_t length = well_formed(text.at + at, text.size - at);

		if (length == 0)
			break;
		at += length;
	}
	return at;
}

static bool replace_malformed(struct span text, struct buf *ret_text)
{
	for (;;) {
		size_t good = well_formed_prefix(text);

		if (!buf_append(ret_text, text.at, good))
			return false;
		if (good == text.size)
			return true;
		if (!append_text(ret_text, REPLACEMENT))
			return false;
		text.at += good + 1;
		text.size -= good + 1;
	}
}

static bool append_clean_line_json(const struct message_line *line, struct span text,
				   struct buf *out)
{
	const struct message_source *source = line->source;
	json_auto_t *object = json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s%}", /* in this order */
					"ts", line->when, "app", source->app, "slot",
					(json_int_t)source->slot, "pid", (json_int_t)source->pid,
					"generation", (json_int_t)source->generation, "stream",
					line->stream, "message", text.at, text.size);

	return append_json(object, out);
}

static bool append_line_json(const struct message_line *line, struct buf *out)
{
	struct buf clean;
	bool is_done;

	if (well_formed_prefix(line->text) == line->text.size)
		return append_clean_line_json(line, line->text, out);

	buf_init(&clean, line->text.size * strlen(REPLACEMENT));
	is_done = replace_malformed(line->text, &clean) &&
		  append_clean_line_json(line, buf_span(&clean), out);
	buf_done(&clean);
	return is_done;
}

static bool append_note_json(const struct message_note *note, const char *text, struct buf *out)
{
	const struct message_source *source = note->source;
	json_auto_t *object = NULL;

	if (source)
		object = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s}", "ts", note->when,
				   "level", level_names[note->level], "event", note->event, "app",
				   source->app, "slot", (json_int_t)source->slot, "pid",
				   (json_int_t)source->pid, "generation",
				   (json_int_t)source->generation, "message", text);
	else
		object = json_pack("{s:s, s:s, s:s, s:s}", "ts", note->when, "level",
				   level_names[note->level], "event", note->event, "message", text);
	return append_json(object, out);
}

/* --- both --- */

bool message_from_worker(const struct message_style *style, const struct message_line *line,
			 struct buf *out)
{
	size_t size_before = out->size;

	if (style->is_json
		    ? append_line_json(line, out)
		    : append_line_text(style, line, out) && append_line_end(style, line->text, out))
		return true;

	buf_truncate(out, size_before);
	return false;
}

bool message_from_berth(const struct message_style *style, const struct message_note *note,
			struct buf *out)
{
	size_t size_before = out->size;
	char text[MESSAGE_TEXT_MAX];

	(void)escape_text(note->text, strlen(note->text), text, sizeof(text));
	if (style->is_json ? append_note_json(note, text, out)
			   : append_note_text(style, note, text, out))
		return true;

	buf_truncate(out, size_before);
	return false;
}
