/*
 * The workers' pipes that lead to one outlet. They are read in turn, through one
 * shared piece of memory, and made into lines.
 *
 * - What was read, and what it becomes, lies in a journal (core/journal.h). A lane that
 *   begins with a journal that another process has left knows its streams by their ids;
 *   they wait for their pipes to be opened again, and go on where they were.
 *
 * - A pipe is read only while the outlet takes lines. While it does not, the pipes
 *   fill and the workers wait in write(), as at any other pipe.
 * - A pipe that has to wait stands in a queue. Each turn takes a bounded piece of
 *   work from its head, one turn in each round of the loop: no worker is passed over,
 *   and the rest of the primary goes on between the turns.
 */
#ifndef BERTH_PRIMARY_OUTPUT_LANE_H
#define BERTH_PRIMARY_OUTPUT_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/buf.h"
#include "core/journal.h"
#include "core/message.h"
#include "core/tail.h"
#include "os/clock.h"
#include "primary/outlet.h"
#include "primary/output.h"

struct output_stream;

TAILQ_HEAD(output_streams, output_stream);

/* Whoever wants to know that a stream has ended: output.h says what. */
struct output_end {
	void (*tell)(void *data, const struct message_source *source, uint64_t id);
	void *data;
};

struct output_lane {
	uv_loop_t *loop;
	struct outlet outlet;
	struct journal *journal;
	struct tail *tail; /* the last lines; may be NULL */
	const struct message_style *style;
	const struct output_end *end;  /* its `tell` may be NULL */
	uv_idle_t turn;                /* active while something waits and the outlet takes it */
	struct output_streams streams; /* all that are not freed */
	struct output_streams waiting; /* to be read when their turn comes */
	struct output_stream *reading; /* whose bytes are in `unread`, or NULL */
	struct span unread;            /* the part of the input that is not in lines yet */
	struct buf text;               /* of one line, on its way to the queue */
	size_t budget;                 /* work that may be done before the next turn */
	bool is_settling;              /* pipes are read to their end now, or never */
	unsigned n_unclaimed;          /* streams of the journal that wait for their pipes */
	char when[CLOCK_TEXT_MAX];     /* when the input was read */
};

/*
 * output_lane_init - begin to write to @fd
 *
 * @style:    must stay valid; may change
 * @events:   of the outlet; `resumed` must call output_lane_resume()
 * @journal:  begun or opened; stays yours and must stay valid
 *
 * Returns 0 or -errno, as outlet_init() does, or -ENOMEM. The loop's thread only, as
 * for all calls here; only output_lane_settle() blocks.
 */
int output_lane_init(struct output_lane *lane, uv_loop_t *loop, int fd,
		     const struct message_style *style, const struct outlet_events *events,
		     struct journal *journal);

/*
 * Closes the pipes and stops. Calls @on_closed for each of the handles closed, with
 * @data in the handle; returns how many there will be. Streams free themselves.
 */
unsigned output_lane_close(struct output_lane *lane, uv_close_cb on_closed, void *data);

/* Frees the rest, after the last on_closed. */
void output_lane_done(struct output_lane *lane);

/*
 * output_lane_open - read one more pipe
 *
 * @source:      copied
 * @name:        where the journal knows a stream with this id, that one goes on
 * @fd:          the read end of a pipe; on success the stream owns it
 * @ret_stream:  to be given to output_lane_finish()
 *
 * Returns 0; -ENAMETOOLONG, -ENOMEM, -ENOSPC if the journal has no room for one more
 * stream, or what uv_poll_init() says of @fd.
 */
int output_lane_open(struct output_lane *lane, const struct message_source *source,
		     const struct output_stream_name *name, int fd,
		     struct output_stream **ret_stream);

/*
 * Goes on with what the journal tells of: the input, the queue, and streams that wait
 * for their pipes. After output_lane_init(). Returns 0 or -ENOMEM; then close the lane.
 */
int output_lane_take_over(struct output_lane *lane);

/* Ends those of the journal's streams whose pipes were not opened again. */
void output_lane_adopted(struct output_lane *lane);

/* The stream frees itself once its pipe has ended. */
void output_lane_finish(struct output_stream *s);

/* The outlet takes lines again. */
void output_lane_resume(struct output_lane *lane);

/*
 * output_lane_settle - read what is in the pipes now, and write it
 *
 * Gives up when nobody takes anything for @stall_ms, and in any case after @total_ms.
 * Returns how many lines that were read could not be written. Blocks.
 */
size_t output_lane_settle(struct output_lane *lane, int stall_ms, int64_t total_ms);

#endif
