/*
 * The steps from a worker's pipe to lines in the queue. See output_lines.h.
 */
#include "primary/output_lines.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/own.h"
#include "primary/journal_file.h"

#define TEXT_KEPT ((size_t)16 * 1024)    /* memory that is kept for the next line */
#define HELD_KEPT ((size_t)JOURNAL_PAGE) /* and for the next beginning of a line */

void output_lines_init(struct output_stream *s, struct output_lane *lane, uint32_t number)
{
	s->fd = NO_FD;
	s->lane = lane;
	s->number = number;
	s->id = lane->journal->block->streams[number].id;
	s->is_closed = true;
	s->source = journal_source(lane->journal, number);
	memcpy(s->app, s->source.app, strlen(s->source.app) + 1);
	s->source.app = s->app;
	s->name = lane->journal->block->streams[number].is_stderr ? "stderr" : "stdout";
	journal_lines(lane->journal, number, &s->lines);
}

ssize_t output_lines_read(struct output_stream *s)
{
	struct journal *journal = s->lane->journal;
	int n_waiting = 0;
	size_t size;
	char *input;
	ssize_t n;

	if (ioctl(s->fd, FIONREAD, &n_waiting) < 0 || n_waiting < 1)
		n_waiting = 1;
	size = (size_t)n_waiting < JOURNAL_INPUT_SIZE ? (size_t)n_waiting : JOURNAL_INPUT_SIZE;
	input = journal_begin_read(journal, s->number, size);
	n = read(s->fd, input, size);
	if (n < 0)
		n = -errno;
	journal_end_read(journal, n > 0 ? (size_t)n : 0);
	return n;
}

static bool format(struct output_stream *s, struct span text)
{
	struct output_lane *lane = s->lane;
	struct message_line line = {
		.when = lane->when,
		.source = &s->source,
		.stream = s->name,
		.text = text,
	};

	buf_truncate(&lane->text, 0);
	return message_from_worker(lane->style, &line, &lane->text);
}

static void note_peak(struct output_stream *s)
{
	if (s->held_peak < s->lines.size)
		s->held_peak = s->lines.size;
}

/* Gives back what the lines do not need, but for what they usually do. */
static void give_back_held(struct output_stream *s, size_t kept)
{
	struct span memory = { .at = s->lines.memory + kept };

	note_peak(s);
	if (s->lines.size > 0 || s->held_peak <= kept)
		return;
	memory.size = LINES_SIZE_MAX - kept;
	journal_file_give_back(memory);
	s->held_peak = kept;
}

/*
 * One step of the journal: @line goes into the queue, if there is one, out of what was
 * read or held; what is held from now on is @held.
 */
static void take_step(struct output_stream *s, const struct span *line, uint64_t held)
{
	struct output_lane *lane = s->lane;
	bool is_queued =
		line && format(s, *line) && journal_make_room(lane->journal, lane->text.size);
	struct journal_state next = journal_next(lane->journal);

	if (is_queued)
		journal_append(lane->journal, &next, buf_span(&lane->text));
	if (lane->reading == s)
		journal_use_input(&next, lane->unread.size);
	next.held_stream = s->number;
	next.held = held;
	journal_commit(lane->journal, &next);

	if (line && lane->tail)
		tail_add(lane->tail, s->source.pid, *line);
	if (line && !is_queued)
		outlet_lose(&lane->outlet, ENOMEM, 1);
	if (lane->text.capacity > TEXT_KEPT)
		buf_done(&lane->text);
}

void output_lines_note(struct output_stream *s)
{
	lines_forget(&s->lines);
	take_step(s, NULL, journal_held(&s->lines));
	give_back_held(s, HELD_KEPT);
}

void output_lines_put(struct output_stream *s, struct span line)
{
	note_peak(s);
	lines_forget(&s->lines);
	take_step(s, &line, journal_held(&s->lines));
	if (lines_gather(&s->lines))
		output_lines_note(s);
	if (outlet_is_full(&s->lane->outlet))
		outlet_flush(&s->lane->outlet);
}

void output_lines_end(struct output_stream *s)
{
	struct span line;
	bool has_line = lines_last(&s->lines, &line);

	note_peak(s);
	take_step(s, has_line ? &line : NULL, JOURNAL_ENDED);
	lines_forget(&s->lines);
	give_back_held(s, 0);
	if (outlet_is_full(&s->lane->outlet))
		outlet_flush(&s->lane->outlet);
}
