/*
 * One of our two ways out (stdout, stderr): a bounded queue of whole lines before a
 * sink that may be slow, closed or full.
 *
 * - Slow: the outlet is blocked; the queue waits until there is room again. Whoever
 *   fills it must stop, so that nothing is lost.
 * - Closed or full: the queue is dropped and counted, so that nobody has to wait. The
 *   next line is tried again: a disk may get space, a FIFO a reader.
 *
 * However it ends, a reader never sees a part of a line that the rest does not follow.
 *
 * The queue lies in the journal (core/journal.h), where a successor finds it if we are
 * killed. What was written is taken off it right after the write. A kill that falls into
 * the write, or between these two, is the one that a reader can notice: the successor
 * cannot know how much was taken, and writes those bytes again rather than lose any.
 */
#ifndef BERTH_PRIMARY_OUTLET_H
#define BERTH_PRIMARY_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/buf.h"
#include "core/journal.h"
#include "os/sink.h"

struct outlet;

struct outlet_events {
	/* No longer blocked: lines may be appended again, but not before this returns. */
	void (*resumed)(struct outlet *t);

	/*
	 * Lines are being dropped, because of @error (an errno), or no longer (0), after
	 * @n_dropped of them. Called once for each change; may append to the queue.
	 */
	void (*changed)(struct outlet *t, int error, size_t n_dropped);
};

struct outlet {
	struct sink sink;
	struct journal *journal; /* has the queue: of its first line, what is left to write */
	const struct outlet_events *events;
	uv_poll_t room; /* watches the sink while blocked, if it can be watched */
	bool is_blocked;
	bool is_flushing;
};

/*
 * outlet_init - begin to write to @fd
 *
 * @fd:       stays yours, must stay open until outlet_done()
 * @events:   must stay valid as long
 * @journal:  begun or opened; stays yours and valid as long. What it has queued is
 *            written with the next outlet_flush()
 *
 * Returns 0 or -errno, as sink_init() does. The loop's thread only, as for all calls
 * here; only outlet_wait() blocks.
 */
int outlet_init(struct outlet *t, uv_loop_t *loop, int fd, const struct outlet_events *events,
		struct journal *journal);

/*
 * Stops watching. Calls @on_closed for each of the handles closed, in the loop, with
 * @data in the handle; returns how many there will be.
 */
unsigned outlet_close(struct outlet *t, uv_close_cb on_closed, void *data);

/* Frees the rest, after the last on_closed. What is still queued stays in the journal. */
void outlet_done(struct outlet *t);

/* How many bytes the queue holds. */
size_t outlet_size(const struct outlet *t);

/* How many lines were dropped since that began; 0 if none are being dropped. */
size_t outlet_dropped(const struct outlet *t);

/* Whether the queue is long enough to be flushed before more is appended. */
bool outlet_is_full(const struct outlet *t);

/* Writes what the sink takes. Afterwards the outlet is blocked, or the queue is short. */
void outlet_flush(struct outlet *t);

/* Waits for room and flushes. Returns false if there was none for @timeout_ms. */
bool outlet_wait(struct outlet *t, int timeout_ms);

/* Says that @n_lines were lost because of @error before they could be queued. */
void outlet_lose(struct outlet *t, int error, size_t n_lines);

/* How many lines the queue holds; one that was begun counts. */
size_t outlet_count_lines(const struct outlet *t);

#endif
