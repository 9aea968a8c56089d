/*
 * Queues lines before a sink. See outlet.h.
 */
#include "primary/outlet.h"

#include <errno.h>
#include <string.h>

#include "base/container_of.h"

/* Longer than this, the queue is flushed before it grows: a pipe's usual size. */
#define QUEUE_FULL ((size_t)64 * 1024)

/*
 * What a full queue may still get: one line of any worker, in JSON, where a byte may
 * become six, and the primary's messages.
 */
#define QUEUE_MAX ((size_t)1024 * 1024)

#define QUEUE_KEPT  ((size_t)256 * 1024) /* memory that an empty queue keeps */
#define WRITE_BYTES ((size_t)64 * 1024)  /* written at once, at most */

static void on_room(uv_poll_t *room, int status, int events)
{
	struct outlet *t = container_of(room, struct outlet, room);

	(void)status; /* an error is what the next write says, too */
	(void)events;
	outlet_flush(t);
}

int outlet_init(struct outlet *t, uv_loop_t *loop, int fd, const struct outlet_events *events)
{
	struct sink sink;
	int err = sink_init(&sink, fd);

	if (err)
		return err;

	*t = (struct outlet){ .sink = sink, .events = events };
	if (sink.wait_fd >= 0)
		err = uv_poll_init(loop, &t->room, sink.wait_fd);
	if (err) {
		sink_done(&t->sink);
		return err;
	}
	buf_init(&t->queue, QUEUE_MAX);
	return 0;
}

unsigned outlet_close(struct outlet *t, uv_close_cb on_closed, void *data)
{
	if (t->sink.wait_fd < 0)
		return 0;
	t->room.data = data;
	uv_close((uv_handle_t *)&t->room, on_closed);
	return 1;
}

void outlet_done(struct outlet *t)
{
	sink_done(&t->sink);
	buf_done(&t->queue);
}

bool outlet_is_full(const struct outlet *t)
{
	return t->queue.size >= QUEUE_FULL;
}

static size_t count_lines(struct span text)
{
	const char *end = text.at + text.size;
	const char *at = text.at;
	size_t n_lines = 0;

	while ((at = memchr(at, '\n', (size_t)(end - at)))) {
		n_lines++;
		at++;
	}
	return n_lines;
}

size_t outlet_count_lines(const struct outlet *t)
{
	return count_lines(buf_span(&t->queue));
}

static void block(struct outlet *t)
{
	if (t->is_blocked)
		return;
	t->is_blocked = true;
	(void)uv_poll_start(&t->room, UV_READABLE, on_room);
}

static void unblock(struct outlet *t)
{
	if (!t->is_blocked)
		return;
	t->is_blocked = false;
	(void)uv_poll_stop(&t->room);
	t->events->resumed(t);
}

void outlet_lose(struct outlet *t, int error, size_t n_lines)
{
	bool is_news = t->error == 0;

	t->n_dropped += n_lines;
	t->error = error;
	if (is_news)
		t->events->changed(t, error, t->n_dropped);
}

/*
 * Where the reader has the beginning of a line, the rest is kept until it can be
 * written. A reader that has gone away has nothing, and a next one begins afresh.
 */
static void drop_queue(struct outlet *t, int error)
{
	struct span queued = buf_span(&t->queue);
	size_t n_lines = count_lines(queued);
	size_t kept = 0;

	if (error == EPIPE) {
		t->is_in_line = false;
	} else if (t->is_in_line) {
		kept = (size_t)((const char *)memchr(queued.at, '\n', queued.size) - queued.at) + 1;
		n_lines--;
	}
	buf_truncate(&t->queue, kept);
	unblock(t);
	outlet_lose(t, error, n_lines);
}

static void wrote(struct outlet *t, size_t size)
{
	size_t n_dropped = t->n_dropped;

	t->is_in_line = buf_span(&t->queue).at[size - 1] != '\n';
	buf_consume(&t->queue, size);
	if (t->error == 0)
		return;
	t->error = 0;
	t->n_dropped = 0;
	t->events->changed(t, 0, n_dropped);
}

/* Returns whether to go on. */
static bool write_some(struct outlet *t)
{
	struct span queued = buf_span(&t->queue);
	size_t size = queued.size < WRITE_BYTES ? queued.size : WRITE_BYTES;
	ssize_t n;

	if (size == 0) {
		unblock(t);
		return false;
	}
	n = sink_write(&t->sink, queued.at, size);
	if (n > 0) {
		wrote(t, (size_t)n);
		return true;
	}
	if (n == -EAGAIN && t->sink.wait_fd >= 0)
		block(t);
	else
		drop_queue(t, (int)-n);
	return false;
}

void outlet_flush(struct outlet *t)
{
	if (t->is_flushing)
		return; /* from within `changed`: the loop below goes on with what was appended */

	t->is_flushing = true;
	while (write_some(t))
		continue;
	t->is_flushing = false;

	if (t->queue.size == 0 && t->queue.capacity > QUEUE_KEPT)
		buf_done(&t->queue);
}

bool outlet_wait(struct outlet *t, int timeout_ms)
{
	if (!sink_wait(&t->sink, timeout_ms))
		return false;
	outlet_flush(t);
	return true;
}
