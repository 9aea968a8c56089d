/*
 * Reads workers' pipes in turn and queues their lines. See output_lane.h.
 */
#include "primary/output_lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container_of.h"
#include "base/own.h"
#include "core/app_config.h"
#include "core/lines.h"
#include "primary/output_lines.h"

#define LINE_MAX_BYTES JOURNAL_QUEUE_MAX /* of a line with all that stands before it */

/*
 * A turn's work: every byte read counts, and every line and read counts for as much as
 * this many bytes. That is 64 KiB of usual lines, or 1,000 empty ones.
 */
#define TURN_BUDGET ((size_t)256 * 1024)
#define STEP_COST   ((size_t)256)

static void free_if_unused(struct output_stream *s)
{
	if (!s->is_closed || !s->is_finished)
		return;
	if (s->lane)
		TAILQ_REMOVE(&s->lane->streams, s, in_all);
	free(s);
}

static void on_stream_closed(uv_handle_t *handle)
{
	struct output_stream *s = container_of((uv_poll_t *)handle, struct output_stream, readable);

	s->is_closed = true;
	free_if_unused(s);
}

static void close_pipe(struct output_stream *s)
{
	if (s->fd < 0)
		return;
	uv_close((uv_handle_t *)&s->readable, on_stream_closed);
	drop_fd(&s->fd);
}

static void spend(struct output_lane *lane, size_t work)
{
	lane->budget -= work < lane->budget ? work : lane->budget;
}

/* --- turns --- */

static void on_readable(uv_poll_t *readable, int status, int events);

static void wait_in_queue(struct output_stream *s)
{
	TAILQ_INSERT_TAIL(&s->lane->waiting, s, in_waiting);
	s->is_waiting = true;
}

/* What was read is dealt with: the pipe's next bytes may come. */
static void read_on(struct output_stream *s)
{
	if (s->lane->is_settling || (s->is_unclaimed && s->is_finished))
		wait_in_queue(s);
	else if (s->fd >= 0 && !uv_is_active((uv_handle_t *)&s->readable))
		(void)uv_poll_start(&s->readable, UV_READABLE, on_readable);
}

static bool has_work(const struct output_lane *lane)
{
	return lane->reading || !TAILQ_EMPTY(&lane->waiting);
}

/* Makes lines of what was read, until the outlet or the turn has had enough. */
static void make_lines(struct output_lane *lane)
{
	struct output_stream *s = lane->reading;
	struct span line;

	while (!lane->outlet.is_blocked && lane->budget > 0) {
		if (lines_next(&s->lines, &lane->unread, &line)) {
			output_lines_put(s, line);
			spend(lane, STEP_COST);
			continue;
		}
		output_lines_note(s);
		if (lane->unread.size == 0) {
			lane->reading = NULL;
			read_on(s);
			return;
		}
	}
	if (s->fd >= 0)
		(void)uv_poll_stop(&s->readable);
}

static void end_stream(struct output_stream *s)
{
	s->is_ended = true;
	output_lines_end(s);
	if (s->lane->end && s->lane->end->tell)
		s->lane->end->tell(s->lane->end->data, &s->source, s->id);
	spend(s->lane, STEP_COST);
	close_pipe(s);
	free_if_unused(s);
}

/* The outlet takes lines, and the input is used up. */
static void read_pipe(struct output_stream *s)
{
	struct output_lane *lane = s->lane;
	ssize_t n = s->fd >= 0 ? output_lines_read(s) : 0;

	spend(lane, STEP_COST + (n > 0 ? (size_t)n : 0));
	if (lane->style->is_json)
		(void)clock_wall_text(lane->when);

	if (n > 0) {
		lane->reading = s;
		lane->unread = journal_input(lane->journal);
		make_lines(lane);
	} else if (n == -EINTR || (n == -EAGAIN && !lane->is_settling)) {
		read_on(s);
	} else {
		end_stream(s); /* its end; or, when settling, all that there is */
	}
}

static void take_turn(struct output_lane *lane)
{
	lane->budget = TURN_BUDGET;
	if (lane->reading)
		make_lines(lane);

	while (!lane->reading && !lane->outlet.is_blocked && lane->budget > 0) {
		struct output_stream *s = TAILQ_FIRST(&lane->waiting);

		if (!s)
			break;
		TAILQ_REMOVE(&lane->waiting, s, in_waiting);
		s->is_waiting = false;
		read_pipe(s);
	}
	outlet_flush(&lane->outlet);
}

static void on_turn(uv_idle_t *turn)
{
	struct output_lane *lane = container_of(turn, struct output_lane, turn);

	take_turn(lane);
	if (!has_work(lane) || lane->outlet.is_blocked)
		(void)uv_idle_stop(turn);
}

void output_lane_resume(struct output_lane *lane)
{
	if (has_work(lane))
		(void)uv_idle_start(&lane->turn, on_turn);
}

/*
 * A pipe is read at once while that is fair: nobody waits, and this round of the loop
 * has not done much yet. (The budget is filled up by turns only. When the rounds before
 * have used it up, one pipe takes the detour over the queue, which fills it up.)
 */
static void on_readable(uv_poll_t *readable, int status, int events)
{
	struct output_stream *s = container_of(readable, struct output_stream, readable);
	struct output_lane *lane = s->lane;

	(void)status; /* an error is what read() says, too */
	(void)events;
	if (lane->outlet.is_blocked || has_work(lane) || lane->budget == 0) {
		(void)uv_poll_stop(readable);
		wait_in_queue(s);
	} else {
		read_pipe(s);
		outlet_flush(&lane->outlet);
	}
	if (!lane->outlet.is_blocked)
		output_lane_resume(lane);
}

/* --- the journal's streams --- */

static int take_over_stream(struct output_lane *lane, uint32_t number)
{
	struct output_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	output_lines_init(s, lane, number);
	s->is_unclaimed = true;
	s->held_peak = LINES_SIZE_MAX; /* for all we know */
	TAILQ_INSERT_TAIL(&lane->streams, s, in_all);
	lane->n_unclaimed++;
	if (number == lane->journal->now.input_stream)
		lane->reading = s;
	return 0;
}

int output_lane_take_over(struct output_lane *lane)
{
	const struct journal *j = lane->journal;

	for (uint32_t i = 0; i < j->n_streams; i++) {
		int err = j->block->streams[i].id ? take_over_stream(lane, i) : 0;

		if (err)
			return err;
	}
	lane->unread = journal_input(j);
	(void)clock_wall_text(lane->when);
	if (lane->reading || outlet_size(&lane->outlet) > 0)
		(void)uv_idle_start(&lane->turn, on_turn);
	return 0;
}

static struct output_stream *find_unclaimed(const struct output_lane *lane, uint64_t id)
{
	struct output_stream *s;

	if (lane->n_unclaimed == 0)
		return NULL;
	for (s = TAILQ_FIRST(&lane->streams); s; s = TAILQ_NEXT(s, in_all)) {
		if (s->is_unclaimed && !s->is_ended &&
		    lane->journal->block->streams[s->number].id == id)
			return s;
	}
	return NULL;
}

void output_lane_adopted(struct output_lane *lane)
{
	struct output_stream *s;

	for (s = TAILQ_FIRST(&lane->streams); s; s = TAILQ_NEXT(s, in_all)) {
		if (!s->is_unclaimed || s->is_finished)
			continue;
		s->is_finished = true;
		if (s != lane->reading && !s->is_waiting)
			wait_in_queue(s);
	}
	lane->n_unclaimed = 0;
	if (!lane->outlet.is_blocked)
		output_lane_resume(lane);
}

/* --- the rest --- */

int output_lane_init(struct output_lane *lane, uv_loop_t *loop, int fd,
		     const struct message_style *style, const struct outlet_events *events,
		     struct journal *journal)
{
	int err;

	*lane = (struct output_lane){
		.loop = loop,
		.style = style,
		.journal = journal,
		.budget = TURN_BUDGET,
	};
	err = outlet_init(&lane->outlet, loop, fd, events, journal);
	if (err)
		return err;

	buf_init(&lane->text, LINE_MAX_BYTES);
	TAILQ_INIT(&lane->streams);
	TAILQ_INIT(&lane->waiting);
	(void)uv_idle_init(loop, &lane->turn);
	return 0;
}

unsigned output_lane_close(struct output_lane *lane, uv_close_cb on_closed, void *data)
{
	struct output_stream *s;

	while ((s = TAILQ_FIRST(&lane->streams))) {
		TAILQ_REMOVE(&lane->streams, s, in_all);
		s->lane = NULL;
		s->is_finished = true;
		close_pipe(s);
		free_if_unused(s);
	}
	lane->turn.data = data;
	uv_close((uv_handle_t *)&lane->turn, on_closed);
	return 1 + outlet_close(&lane->outlet, on_closed, data);
}

void output_lane_done(struct output_lane *lane)
{
	outlet_done(&lane->outlet);
	buf_done(&lane->text);
}

static void watch_pipe(struct output_stream *s, int fd)
{
	s->fd = fd;
	s->is_closed = false;
	if (s != s->lane->reading)
		read_on(s);
}

static int open_unclaimed(struct output_stream *s, int fd)
{
	int err = uv_poll_init(s->lane->loop, &s->readable, fd);

	if (err)
		return err;
	s->is_unclaimed = false;
	s->lane->n_unclaimed--;
	watch_pipe(s, fd);
	return 0;
}

int output_lane_open(struct output_lane *lane, const struct message_source *source,
		     const struct output_stream_name *name, int fd,
		     struct output_stream **ret_stream)
{
	struct output_stream *unclaimed = find_unclaimed(lane, name->id);
	own_free struct output_stream *s = unclaimed ? NULL : calloc(1, sizeof(*s));
	uint32_t number;
	int err;

	if (unclaimed) {
		err = open_unclaimed(unclaimed, fd);
		if (!err)
			*ret_stream = unclaimed;
		return err;
	}
	if (!s)
		return -ENOMEM;
	if (strlen(source->app) > APP_NAME_MAX)
		return -ENAMETOOLONG;
	number = journal_add_stream(lane->journal, name->id, source, name->is_stderr);
	if (number == JOURNAL_NO_STREAM)
		return -ENOSPC;
	output_lines_init(s, lane, number);
	err = uv_poll_init(lane->loop, &s->readable, fd);
	if (err) {
		output_lines_end(s);
		return err;
	}
	TAILQ_INSERT_TAIL(&lane->streams, s, in_all);
	watch_pipe(s, fd);
	*ret_stream = take_ptr(s);
	return 0;
}

void output_lane_finish(struct output_stream *s)
{
	s->is_finished = true;
	free_if_unused(s);
}

size_t output_lane_settle(struct output_lane *lane, int stall_ms, int64_t total_ms)
{
	int64_t end_ms = clock_ms() + total_ms;
	struct output_stream *s;

	lane->is_settling = true;
	TAILQ_FOREACH(s, &lane->streams, in_all)
	if (!s->is_ended && !s->is_waiting && s != lane->reading)
		wait_in_queue(s);

	while ((lane->outlet.is_blocked || has_work(lane)) && clock_ms() < end_ms) {
		if (!lane->outlet.is_blocked)
			take_turn(lane);
		else if (!outlet_wait(&lane->outlet, stall_ms))
			break;
	}
	return outlet_count_lines(&lane->outlet);
}
