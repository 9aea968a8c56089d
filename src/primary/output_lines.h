/*
 * What a worker writes to one of its streams, from its pipe to lines in the queue: each
 * function here is one step of the journal, or a few (core/journal.h).
 *
 * The loop's thread only. Nothing here blocks.
 */
#ifndef BERTH_PRIMARY_OUTPUT_LINES_H
#define BERTH_PRIMARY_OUTPUT_LINES_H

#include <sys/types.h>

#include "core/app_config.h"
#include "core/lines.h"
#include "primary/output_lane.h"

struct output_stream {
	struct output_lane *lane; /* NULL once that is closed */
	uint64_t id;
	TAILQ_ENTRY(output_stream) in_all;
	TAILQ_ENTRY(output_stream) in_waiting;
	uv_poll_t readable;
	int fd; /* NO_FD after the pipe's end, and before it has one again */
	bool is_waiting;
	bool is_unclaimed; /* of the journal, and its pipe was not opened again */
	bool is_ended;     /* the journal does not know it any more */
	bool is_finished;  /* nobody else knows it any more */
	bool is_closed;    /* the loop does not know it, any more or yet */
	uint32_t number;   /* in the journal */
	struct lines lines;
	size_t held_peak; /* how much of the lines' memory was touched */
	struct message_source source;
	const char *name;
	char app[APP_NAME_MAX + 1];
};

/* Makes @s, all zeroes, stream @number of the journal: it has no pipe yet. */
void output_lines_init(struct output_stream *s, struct output_lane *lane, uint32_t number);

/*
 * output_lines_read - read what is in the pipe now
 *
 * The lane's input must be used up. No more is read than is noted before. Where nothing
 * is there, one byte is asked for. Returns as read() does, but -errno.
 */
ssize_t output_lines_read(struct output_stream *s);

/* Queues @line, which lines_next() has given, and flushes a queue that is full. */
void output_lines_put(struct output_stream *s, struct span line);

/* Notes what lines_next() has taken when it has given no line. */
void output_lines_note(struct output_stream *s);

/*
 * Queues what is left, and takes the stream out of the journal: a successor sees both or
 * neither.
 */
void output_lines_end(struct output_stream *s);

#endif
