/*
 * Opens a journal that another process has left. It may come from anyone: every
 * number of it is checked before it is used.
 */
#include <string.h>

#include "core/app_name.h"
#include "core/journal.h"
#include "core/journal_held.h"

static bool is_held_sound(uint64_t packed)
{
	struct held held = held_unpack(packed);

	return held_pack(held) == packed && held.begin <= LINES_SIZE_MAX &&
	       held.size <= LINES_SIZE_MAX - held.begin;
}

/* A name that ends; the zeroes behind it were never written. */
static bool is_stream_sound(const struct journal_stream *stream)
{
	return stream->id == 0 || (memchr(stream->app, '\0', sizeof(stream->app)) &&
				   app_name_is_valid(stream->app) && is_held_sound(stream->held));
}

static bool is_queue_sound(const struct journal_block *block, const struct journal_state *s)
{
	if (s->queue_begin > s->queue_end || s->queue_end > sizeof(block->queue) ||
	    s->queue_end - s->queue_begin > JOURNAL_QUEUE_MAX || s->is_in_line > 1)
		return false;
	if (s->queue_begin == s->queue_end)
		return !s->is_in_line && s->queue_end == 0;
	return block->queue[s->queue_end - 1] == '\n';
}

static bool is_input_sound(const struct journal_state *s, uint64_t n_streams)
{
	bool is_empty = s->input_begin == s->input_end;

	if (s->input_begin > s->input_end || s->input_end > JOURNAL_INPUT_SIZE ||
	    s->read_size > JOURNAL_INPUT_SIZE || (s->read_size > 0 && !is_empty))
		return false;
	if (s->input_stream == JOURNAL_NO_STREAM)
		return is_empty && s->read_size == 0;
	return s->input_stream < n_streams && (!is_empty || s->read_size > 0);
}

static bool is_step_sound(const struct journal_state *s, uint64_t n_streams)
{
	if (s->held_stream == JOURNAL_NO_STREAM)
		return true;
	return s->held_stream < n_streams && (s->held == JOURNAL_ENDED || is_held_sound(s->held));
}

static bool is_state_sound(const struct journal_block *block, const struct journal_state *s,
			   uint64_t n_streams)
{
	return is_queue_sound(block, s) && is_input_sound(s, n_streams) &&
	       is_step_sound(s, n_streams) && s->error >= 0;
}

/* Whether the read() that was begun has put anything where the pattern was. */
static bool has_read(const struct journal *j)
{
	for (size_t i = 0; i < j->now.read_size; i++) {
		if ((unsigned char)j->block->input[i] != JOURNAL_PATTERN)
			return true;
	}
	return false;
}

/* A step may have ended between a line's last bytes and their new place. */
static void gather_held(struct journal *j, uint32_t number)
{
	struct journal_state next = journal_next(j);
	struct lines lines;

	journal_lines(j, number, &lines);
	if (!lines_gather(&lines))
		return;
	next.held_stream = number;
	next.held = journal_held(&lines);
	journal_commit(j, &next);
}

bool journal_open(struct journal *j, struct journal_block *block)
{
	struct journal_state last = block->states[block->n_commits & 1];
	uint64_t n_streams = block->n_streams;

	if (n_streams > JOURNAL_STREAMS_MAX || !is_state_sound(block, &last, n_streams))
		return false;
	*j = (struct journal){
		.block = block,
		.now = last,
		.n_streams = (uint32_t)n_streams,
		.queue_peak = sizeof(block->queue), /* for all we know */
	};
	journal_commit(j, &last); /* finishes what it says of a stream */

	for (uint32_t i = 0; i < j->n_streams; i++) {
		if (!is_stream_sound(&block->streams[i]))
			return false;
	}
	if (last.input_stream != JOURNAL_NO_STREAM && block->streams[last.input_stream].id == 0)
		return false;
	if (last.read_size > 0)
		journal_end_read(j, has_read(j) ? last.read_size : 0);
	for (uint32_t i = 0; i < j->n_streams; i++) {
		if (block->streams[i].id != 0)
			gather_held(j, i);
	}
	return true;
}
