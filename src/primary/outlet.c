/*
 * Queues lines before a sink. See outlet.h.
 */
#include "primary/outlet.h"

#include <errno.h>
#include <string.h>

#include "base/container_of.h"
#include "primary/journal_file.h"

/*
 * Longer than this, the queue is flushed before it grows: a pipe's usual size. The rest
 * of JOURNAL_QUEUE_MAX is for what a full queue may still get: one line of any worker,
 * in JSON, where a byte may become six, and the primary's messages.
 */
#define QUEUE_FULL ((size_t)64 * 1024)

#define WRITE_BYTES ((size_t)64 * 1024) /* written at once, at most */

static void on_room(uv_poll_t *room, int status, int events)
{
	struct outlet *t = container_of(room, struct outlet, room);

	(void)status; /* an error is what the next write says, too */
	(void)events;
	outlet_flush(t);
}

int outlet_init(struct outlet *t, uv_loop_t *loop, int fd, const struct outlet_events *events,
		struct journal *journal)
{
	struct sink sink;
	int err = sink_init(&sink, fd);

	if (err)
		return err;

	*t = (struct outlet){ .sink = sink, .events = events, .journal = journal };
	if (sink.wait_fd >= 0)
		err = uv_poll_init(loop, &t->room, sink.wait_fd);
	if (err)
		sink_done(&t->sink);
	return err;
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
}

size_t outlet_size(const struct outlet *t)
{
	return journal_queued(t->journal).size;
}

size_t outlet_dropped(const struct outlet *t)
{
	return t->journal->now.n_dropped;
}

bool outlet_is_full(const struct outlet *t)
{
	return outlet_size(t) >= QUEUE_FULL;
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
	return count_lines(journal_queued(t->journal));
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

/* Commits @next, with so many lines more that were lost because of @error. */
static void lose(struct outlet *t, struct journal_state *next, int error, size_t n_lines)
{
	bool is_news = next->error == 0;

	next->n_dropped += n_lines;
	next->error = error;
	journal_commit(t->journal, next);
	if (is_news)
		t->events->changed(t, error, outlet_dropped(t));
}

void outlet_lose(struct outlet *t, int error, size_t n_lines)
{
	struct journal_state next = journal_next(t->journal);

	lose(t, &next, error, n_lines);
}

static void use_queue(struct journal_state *next, size_t size)
{
	next->queue_begin += (uint32_t)size;
	if (next->queue_begin == next->queue_end)
		next->queue_begin = next->queue_end = 0;
}

/*
 * Where the reader has the beginning of a line, the rest is kept until it can be
 * written. A reader that has gone away has nothing, and a next one begins afresh.
 */
static void drop_queue(struct outlet *t, int error)
{
	struct journal_state next = journal_next(t->journal);
	struct span queued = journal_queued(t->journal);
	size_t n_lines = count_lines(queued);
	size_t kept = 0;

	if (error == EPIPE) {
		next.is_in_line = false;
	} else if (next.is_in_line) {
		kept = (size_t)((const char *)memchr(queued.at, '\n', queued.size) - queued.at) + 1;
		n_lines--;
	}
	next.queue_end = next.queue_begin + (uint32_t)kept;
	use_queue(&next, 0);
	unblock(t);
	lose(t, &next, error, n_lines);
}

static void wrote(struct outlet *t, size_t size)
{
	struct journal_state next = journal_next(t->journal);
	bool had_error = next.error != 0;
	size_t n_dropped = next.n_dropped;

	next.is_in_line = journal_queued(t->journal).at[size - 1] != '\n';
	next.error = 0;
	next.n_dropped = 0;
	use_queue(&next, size);
	journal_commit(t->journal, &next);
	if (had_error)
		t->events->changed(t, 0, n_dropped);
}

/* Returns whether to go on. */
static bool write_some(struct outlet *t)
{
	struct span queued = journal_queued(t->journal);
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

	journal_file_give_back(journal_idle_queue(t->journal));
}

bool outlet_wait(struct outlet *t, int timeout_ms)
{
	if (!sink_wait(&t->sink, timeout_ms))
		return false;
	outlet_flush(t);
	return true;
}
