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

#define READ_SIZE ((size_t)64 * 1024) /* a pipe's usual capacity */

/*
 * A turn's work: every byte read counts, and every line and read counts for as much as
 * this many bytes. That is 64 KiB of usual lines, or 1,000 empty ones.
 */
#define TURN_BUDGET ((size_t)256 * 1024)
#define STEP_COST   ((size_t)256)

struct output_stream {
	struct output_lane *lane; /* NULL once that is closed */
	TAILQ_ENTRY(output_stream) in_all;
	TAILQ_ENTRY(output_stream) in_waiting;
	uv_poll_t readable;
	int fd; /* NO_FD after the pipe's end */
	bool is_waiting;
	bool is_finished; /* nobody else knows it any more */
	bool is_closed;   /* the loop does not know it any more */
	struct lines lines;
	struct message_source source;
	const char *name;
	char app[APP_NAME_MAX + 1];
};

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
	lines_done(&s->lines);
	uv_close((uv_handle_t *)&s->readable, on_stream_closed);
	drop_fd(&s->fd);
}

static void spend(struct output_lane *lane, size_t work)
{
	lane->budget -= work < lane->budget ? work : lane->budget;
}

static void put_line(struct output_stream *s, struct span text)
{
	struct output_lane *lane = s->lane;
	struct message_line line = {
		.when = lane->when,
		.source = &s->source,
		.stream = s->name,
		.text = text,
	};

	if (!message_from_worker(lane->style, &line, &lane->outlet.queue))
		outlet_lose(&lane->outlet, ENOMEM, 1);
	spend(lane, STEP_COST);
	if (outlet_is_full(&lane->outlet))
		outlet_flush(&lane->outlet);
}

static void on_readable(uv_poll_t *readable, int status, int events);

static void wait_in_queue(struct output_stream *s)
{
	TAILQ_INSERT_TAIL(&s->lane->waiting, s, in_waiting);
	s->is_waiting = true;
}

/* What was read is dealt with: the pipe's next bytes may come. */
static void read_on(struct output_stream *s)
{
	if (s->lane->is_settling)
		wait_in_queue(s);
	else if (!uv_is_active((uv_handle_t *)&s->readable))
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
		if (!lines_next(&s->lines, &lane->unread, &line)) {
			lane->reading = NULL;
			read_on(s);
			return;
		}
		put_line(s, line);
	}
	(void)uv_poll_stop(&s->readable);
}

static void end_stream(struct output_stream *s)
{
	struct span line;

	if (lines_last(&s->lines, &line))
		put_line(s, line);
	close_pipe(s);
}

/* The outlet takes lines, and `input` is free. */
static void read_pipe(struct output_stream *s)
{
	struct output_lane *lane = s->lane;
	ssize_t n = read(s->fd, lane->input, READ_SIZE);

	spend(lane, STEP_COST + (n > 0 ? (size_t)n : 0));
	if (lane->style->is_json)
		(void)clock_wall_text(lane->when);

	if (n > 0) {
		lane->reading = s;
		lane->unread = (struct span){ .at = lane->input, .size = (size_t)n };
		make_lines(lane);
	} else if (n < 0 && (errno == EINTR || (errno == EAGAIN && !lane->is_settling))) {
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

int output_lane_init(struct output_lane *lane, uv_loop_t *loop, int fd,
		     const struct message_style *style, const struct outlet_events *events)
{
	own_free char *input = malloc(READ_SIZE);
	int err;

	if (!input)
		return -ENOMEM;
	*lane = (struct output_lane){ .loop = loop, .style = style, .budget = TURN_BUDGET };
	err = outlet_init(&lane->outlet, loop, fd, events);
	if (err)
		return err;

	lane->input = take_ptr(input);
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
		if (s->fd >= 0)
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
	free(lane->input);
	lane->input = NULL;
}

int output_lane_open(struct output_lane *lane, const struct message_source *source,
		     const char *stream, int fd, struct output_stream **ret_stream)
{
	own_free struct output_stream *s = calloc(1, sizeof(*s));
	size_t app_size = strlen(source->app);
	int err;

	if (!s)
		return -ENOMEM;
	if (app_size > APP_NAME_MAX)
		return -ENAMETOOLONG;
	err = uv_poll_init(lane->loop, &s->readable, fd);
	if (err)
		return err;

	memcpy(s->app, source->app, app_size + 1);
	s->source = *source;
	s->source.app = s->app;
	s->name = stream;
	s->fd = fd;
	s->lane = lane;
	lines_init(&s->lines, LINES_SIZE_MAX);
	TAILQ_INSERT_TAIL(&lane->streams, s, in_all);
	read_on(s);
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
	if (s->fd >= 0 && !s->is_waiting && s != lane->reading)
		wait_in_queue(s);

	while ((lane->outlet.is_blocked || has_work(lane)) && clock_ms() < end_ms) {
		if (!lane->outlet.is_blocked)
			take_turn(lane);
		else if (!outlet_wait(&lane->outlet, stall_ms))
			break;
	}
	return outlet_count_lines(&lane->outlet);
}
