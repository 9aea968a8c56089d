/*
 * The steps of the journal. See journal.h.
 *
 * A process that is killed has done its instructions in their order, so only the
 * compiler must be kept from changing that order: each store that others go by is a
 * release, and none that follows a commit is made before it.
 */
#include "core/journal.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "core/journal_held.h"

static void store(uint64_t *at, uint64_t value)
{
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
	atomic_signal_fence(memory_order_seq_cst);
}

void journal_begin(struct journal *j, struct journal_block *block)
{
	*j = (struct journal){ .block = block };
	j->now.input_stream = j->now.held_stream = JOURNAL_NO_STREAM;
	journal_commit(j, &j->now);
}

struct journal_state journal_next(const struct journal *j)
{
	struct journal_state next = j->now;

	next.held_stream = JOURNAL_NO_STREAM;
	next.held = 0;
	return next;
}

/*
 * What a stream holds is changed after the commit that says so. Whoever is killed in
 * between leaves that to the successor, who does it in any case.
 */
static void note_held(struct journal_block *block, const struct journal_state *state)
{
	struct journal_stream *stream = &block->streams[state->held_stream];

	if (state->held == JOURNAL_ENDED)
		store(&stream->id, 0);
	else
		store(&stream->held, state->held);
}

void journal_commit(struct journal *j, const struct journal_state *next)
{
	uint64_t n_commits = j->block->n_commits + 1;

	j->now = *next;
	if (j->queue_peak < next->queue_end)
		j->queue_peak = next->queue_end;
	j->block->states[n_commits & 1] = *next;
	store(&j->block->n_commits, n_commits);
	if (next->held_stream != JOURNAL_NO_STREAM)
		note_held(j->block, next);
}

/* --- the queue --- */

struct span journal_queued(const struct journal *j)
{
	return (struct span){
		.at = j->block->queue + j->now.queue_begin,
		.size = j->now.queue_end - j->now.queue_begin,
	};
}

/*
 * The queue slides through its memory and is moved back when that is cheap, and where
 * neither place touches the other: at the end of the memory it always is so, since
 * there is twice as much as may wait.
 */
bool journal_make_room(struct journal *j, size_t size)
{
	struct span queued = journal_queued(j);
	struct journal_state next;

	if (size > JOURNAL_QUEUE_MAX - queued.size)
		return false;
	if (j->now.queue_end + size <= JOURNAL_QUEUE_KEPT || j->now.queue_begin < queued.size ||
	    j->now.queue_begin == 0)
		return true;

	memcpy(j->block->queue, queued.at, queued.size);
	next = journal_next(j);
	next.queue_begin = 0;
	next.queue_end = (uint32_t)queued.size;
	journal_commit(j, &next);
	return true;
}

void journal_append(const struct journal *j, struct journal_state *next, struct span text)
{
	assert(text.size <= sizeof(j->block->queue) - next->queue_end);
	memcpy(j->block->queue + next->queue_end, text.at, text.size);
	next->queue_end += (uint32_t)text.size;
}

struct span journal_idle_queue(struct journal *j)
{
	struct span idle = { .at = j->block->queue + JOURNAL_QUEUE_KEPT };

	if (j->now.queue_end > 0 || j->queue_peak <= JOURNAL_QUEUE_KEPT)
		return idle;
	idle.size = (j->queue_peak - JOURNAL_QUEUE_KEPT + JOURNAL_PAGE - 1) / JOURNAL_PAGE *
		    JOURNAL_PAGE;
	j->queue_peak = 0;
	return idle;
}

/* --- the input --- */

char *journal_begin_read(struct journal *j, uint32_t stream, size_t size)
{
	struct journal_state next = journal_next(j);

	assert(next.input_stream == JOURNAL_NO_STREAM && size <= JOURNAL_INPUT_SIZE);
	memset(j->block->input, JOURNAL_PATTERN, size);
	next.input_stream = stream;
	next.read_size = (uint32_t)size;
	journal_commit(j, &next);
	return j->block->input;
}

void journal_end_read(struct journal *j, size_t size)
{
	struct journal_state next = journal_next(j);

	assert(size <= next.read_size);
	next.read_size = 0;
	next.input_begin = 0;
	next.input_end = (uint32_t)size;
	journal_use_input(&next, size);
	journal_commit(j, &next);
}

struct span journal_input(const struct journal *j)
{
	return (struct span){
		.at = j->block->input + j->now.input_begin,
		.size = j->now.input_end - j->now.input_begin,
	};
}

void journal_use_input(struct journal_state *next, size_t n_left)
{
	next->input_begin = next->input_end - (uint32_t)n_left;
	if (n_left > 0)
		return;
	next->input_begin = next->input_end = 0;
	next->input_stream = JOURNAL_NO_STREAM;
}

/* --- the streams --- */

static uint32_t find_room(const struct journal *j)
{
	uint32_t number = 0;

	while (number < j->n_streams && j->block->streams[number].id != 0)
		number++;
	return number;
}

uint32_t journal_add_stream(struct journal *j, uint64_t id, const struct message_source *source,
			    bool is_stderr)
{
	uint32_t number = find_room(j);
	struct journal_stream stream = {
		.is_stderr = is_stderr,
		.slot = source->slot,
		.pid = (uint32_t)source->pid,
		.generation = source->generation,
	};
	size_t size = strlen(source->app);

	assert(id != 0 && size <= APP_NAME_MAX);
	if (number == JOURNAL_STREAMS_MAX)
		return JOURNAL_NO_STREAM;
	memcpy(stream.app, source->app, size);
	j->block->streams[number] = stream;
	if (number == j->n_streams)
		store(&j->block->n_streams, ++j->n_streams);
	store(&j->block->streams[number].id, id);
	return number;
}

uint64_t journal_held(const struct lines *l)
{
	return held_pack((struct held){ l->begin, l->size, l->is_in_pieces });
}

void journal_lines(const struct journal *j, uint32_t number, struct lines *ret_lines)
{
	struct held held = held_unpack(j->block->streams[number].held);

	lines_init(ret_lines, j->block->held[number], LINES_SIZE_MAX);
	ret_lines->begin = held.begin;
	ret_lines->size = held.size;
	ret_lines->is_in_pieces = held.is_in_pieces;
}

struct message_source journal_source(const struct journal *j, uint32_t number)
{
	const struct journal_stream *stream = &j->block->streams[number];

	return (struct message_source){
		.app = stream->app,
		.slot = stream->slot,
		.pid = (pid_t)stream->pid,
		.generation = stream->generation,
	};
}
