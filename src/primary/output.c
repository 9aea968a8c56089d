/*
 * Joins the workers' pipes, berth's messages and our two ways out. See output.h.
 */
#include "primary/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container_of.h"
#include "base/own.h"
#include "os/clock.h"
#include "os/sink.h"
#include "primary/journal_file.h"
#include "primary/outlet.h"
#include "primary/output_lane.h"
#include "primary/output_lines.h"

#define SETTLE_STALL_MS 1000
#define SETTLE_TOTAL_MS 5000
#define NOTES_WAIT_MAX  ((size_t)512 * 1024)   /* bytes before stderr; more messages are dropped */
#define NOTE_MAX        ((size_t)64 * 1024)    /* of a message with all that stands before it */
#define TEXT_SIZE       (MESSAGE_TEXT_MAX + 1) /* so that what is cut here is marked as cut later */

enum {
	OUT,
	ERR,
	N_WAYS
};

/*
 * Each way out has its lane; but where both lead to the same pipe, terminal or file,
 * one lane serves both. Two would tear each other's lines: each may have to stop in
 * the middle of one.
 */
struct output {
	struct output_lane lanes[N_WAYS];
	struct message_style styles[N_WAYS]; /* one for each lane */
	struct journal_file journal;
	struct output_end end;
	unsigned n_lanes;
	unsigned n_closing; /* handles that the loop still knows */
	bool is_quiet;
	struct tail tail;
	void (*tell_note)(void *data, const struct message_note *note); /* or NULL */
	void *tell_note_data;
};

static struct output_lane *lane_of(struct output *o, int way)
{
	return &o->lanes[o->n_lanes == 1 ? 0 : way];
}

/* --- berth's own messages --- */

static bool append_note(struct output_lane *lane, struct span note)
{
	struct journal_state next;

	if (!journal_make_room(lane->journal, note.size))
		return false;
	next = journal_next(lane->journal);
	journal_append(lane->journal, &next, note);
	journal_commit(lane->journal, &next);
	return true;
}

static void queue_note(struct output *o, const struct message_note *note)
{
	struct output_lane *lane = lane_of(o, ERR);
	struct outlet *outlet = &lane->outlet;
	struct buf text;

	buf_init(&text, NOTE_MAX);
	if (outlet_size(outlet) > NOTES_WAIT_MAX)
		outlet_lose(outlet, ENOBUFS, 1);
	else if (!message_from_berth(lane->style, note, &text) ||
		 !append_note(lane, buf_span(&text)))
		outlet_lose(outlet, ENOMEM, 1);
	buf_done(&text);
	outlet_flush(outlet);
}

static void say(struct output *o, struct message_note *note, const char *text)
{
	char when[CLOCK_TEXT_MAX];

	note->text = text;
	if (o->tell_note)
		o->tell_note(o->tell_note_data, note);
	if (o->is_quiet && note->level == MESSAGE_INFO)
		return;
	note->when = clock_wall_text(when);
	queue_note(o, note);
}

void output_say(struct output *o, enum message_level level, const char *event, const char *format,
		...)
{
	struct message_note note = { .level = level, .event = event };
	char text[TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	say(o, &note, text);
}

void output_say_worker(struct output *o, const struct message_source *source,
		       enum message_level level, const char *event, const char *format, ...)
{
	struct message_note note = { .level = level, .event = event, .source = source };
	char text[TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	say(o, &note, text);
}

/* --- the ways out --- */

static const char *way_name(const struct output *o, const struct output_lane *lane)
{
	if (o->n_lanes == 1)
		return "standard output and error";
	return lane == &o->lanes[OUT] ? "standard output" : "standard error";
}

/* The outlet of @lane drops lines, or does so no longer. */
static void say_change(struct output *o, struct output_lane *lane, int error, size_t n_dropped)
{
	const char *way = way_name(o, lane);

	if (error == 0)
		output_say(o, MESSAGE_WARNING, "output_resumed",
			   "%s works again, lines dropped: %zu", way, n_dropped);
	else if (lane != lane_of(o, ERR)) /* what stderr does not take cannot be said there */
		output_say(o, MESSAGE_WARNING, "output_dropping", "%s: %s, dropping worker output",
			   way, strerror(error));
}

static void on_resumed(struct outlet *t)
{
	output_lane_resume(container_of(t, struct output_lane, outlet));
}

static void on_changed_out(struct outlet *t, int error, size_t n_dropped)
{
	struct output_lane *lane = container_of(t, struct output_lane, outlet);
	struct output *o = container_of(lane, struct output, lanes[OUT]);

	say_change(o, lane, error, n_dropped);
}

static void on_changed_err(struct outlet *t, int error, size_t n_dropped)
{
	struct output_lane *lane = container_of(t, struct output_lane, outlet);
	struct output *o = container_of(lane, struct output, lanes[ERR]);

	say_change(o, lane, error, n_dropped);
}

static const struct outlet_events events[N_WAYS] = {
	[OUT] = { .resumed = on_resumed, .changed = on_changed_out },
	[ERR] = { .resumed = on_resumed, .changed = on_changed_err },
};

static bool may_colour(const struct sink *sink)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return sink->is_terminal && !(no_color && *no_color) &&
	       !(term && strcmp(term, "dumb") == 0);
}

static int add_lane(struct output *o, uv_loop_t *loop, const struct output_options *options, int fd)
{
	struct output_lane *lane = &o->lanes[o->n_lanes];
	struct message_style *style = &o->styles[o->n_lanes];
	int err = output_lane_init(lane, loop, fd, style, &events[o->n_lanes],
				   &o->journal.ways[o->n_lanes]);

	if (err)
		return err;
	lane->end = &o->end;
	lane->tail = &o->tail;
	style->is_json = options->is_json;
	style->is_colour = may_colour(&lane->outlet.sink);
	o->n_lanes++;
	return 0;
}

/* Makes a new journal where there is none, or none to go on with. */
static int open_journal(struct output *o, int fd, unsigned n_lanes, int *ret_refused)
{
	int err = fd == NO_FD ? 0 : journal_file_take(&o->journal, fd, n_lanes);

	*ret_refused = err;
	return fd == NO_FD || err ? journal_file_make(&o->journal, n_lanes) : 0;
}

static void say_refused(struct output *o, int error)
{
	output_say(o, MESSAGE_WARNING, "output_journal_refused",
		   "the journal of the output is %s: what was not shown yet is lost",
		   error == -EPROTONOSUPPORT ? "of another version of berth"
		   : error == -EBADMSG       ? "damaged"
					     : strerror(-error));
}

static int init(struct output *o, uv_loop_t *loop, const struct output_options *options)
{
	bool is_one = sink_is_same(options->stdout_fd, options->stderr_fd);
	int refused = 0;
	int err = open_journal(o, options->journal_fd, is_one ? 1 : N_WAYS, &refused);

	if (!err)
		err = add_lane(o, loop, options, options->stdout_fd);
	if (!err && !is_one)
		err = add_lane(o, loop, options, options->stderr_fd);
	for (unsigned i = 0; !err && i < o->n_lanes; i++)
		err = output_lane_take_over(&o->lanes[i]);
	if (!err && refused)
		say_refused(o, refused);
	return err;
}

int output_new(uv_loop_t *loop, const struct output_options *options, struct output **ret_output)
{
	struct output *o;
	int err;

	if (options->stdout_fd <= 0 || options->stderr_fd <= 0 || options->journal_fd == 0)
		return -EINVAL;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->is_quiet = options->is_quiet;
	o->journal.fd = NO_FD;
	err = init(o, loop, options);
	if (err) {
		(void)output_free(o);
		return err;
	}
	*ret_output = o;
	return 0;
}

int output_journal_fd(const struct output *o)
{
	return o->journal.fd;
}

/* --- the end --- */

static void free_now(struct output *o)
{
	for (unsigned i = 0; i < o->n_lanes; i++)
		output_lane_done(&o->lanes[i]);
	journal_file_done(&o->journal);
	free(o);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct output *o = handle->data;

	if (--o->n_closing == 0)
		free_now(o);
}

/* stdout before stderr, so that it can be said there what stdout did not take. */
static void settle(struct output *o)
{
	for (unsigned i = 0; i < o->n_lanes; i++) {
		struct output_lane *lane = &o->lanes[i];
		size_t n_left = output_lane_settle(lane, SETTLE_STALL_MS, SETTLE_TOTAL_MS);

		n_left += outlet_dropped(&lane->outlet);
		if (n_left > 0 && lane != lane_of(o, ERR))
			output_say(o, MESSAGE_WARNING, "output_lost",
				   "%s took no more, lines lost: at least %zu", way_name(o, lane),
				   n_left);
	}
}

struct output *output_free(struct output *o)
{
	if (!o)
		return NULL;

	settle(o);
	for (unsigned i = 0; i < o->n_lanes; i++)
		o->n_closing += output_lane_close(&o->lanes[i], on_handle_closed, o);
	if (o->n_closing == 0)
		free_now(o);
	return NULL;
}

/* --- the workers --- */

void output_fit(struct output *o, const char *app, unsigned n_workers)
{
	size_t width = message_label_width(app, n_workers);

	for (unsigned i = 0; i < o->n_lanes; i++) {
		if (o->styles[i].label_width < width)
			o->styles[i].label_width = width;
	}
}

int output_stream_open(struct output *o, const struct message_source *source,
		       const struct output_stream_name *name, int fd,
		       struct output_stream **ret_stream)
{
	return output_lane_open(lane_of(o, name->is_stderr ? ERR : OUT), source, name, fd,
				ret_stream);
}

void output_tell_ends(struct output *o,
		      void (*tell)(void *data, const struct message_source *source, uint64_t id),
		      void *data)
{
	o->end.tell = tell;
	o->end.data = data;
}

void output_tell_notes(struct output *o, void (*tell)(void *data, const struct message_note *note),
		       void *data)
{
	o->tell_note = tell;
	o->tell_note_data = data;
}

void output_each_stream(struct output *o,
			void (*visit)(void *data, const struct message_source *source, uint64_t id,
				      int fd),
			void *data)
{
	const struct output_stream *s;

	for (unsigned i = 0; i < o->n_lanes; i++)
		TAILQ_FOREACH(s, &o->lanes[i].streams, in_all)
	if (s->fd >= 0)
		visit(data, &s->source, s->id, s->fd);
}

void output_adopted(struct output *o)
{
	for (unsigned i = 0; i < o->n_lanes; i++)
		output_lane_adopted(&o->lanes[i]);
}

const char *output_last_lines(const struct output *o, pid_t pid, char *ret_text, size_t size)
{
	return tail_text(&o->tail, pid, ret_text, size);
}

void output_stream_finish(struct output_stream *s)
{
	if (s)
		output_lane_finish(s);
}
