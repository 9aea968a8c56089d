/*
 * All that berth shows: what the workers write, line by line with their names before
 * it, and berth's own messages.
 *
 * A worker's stdout goes to our stdout, its stderr to our stderr, berth's messages to
 * stderr. When a reader of ours is slow, the workers wait in write() as at any pipe,
 * and nothing is lost. When it is gone, or the disk is full, their output is dropped
 * and counted, and the workers go on.
 *
 * We may be killed at any instruction. What was read and not written is in a journal,
 * which a successor takes: it needs the journal's fd and the read ends of the pipes,
 * which somebody else must have kept. Then no byte is lost. The bytes of one write() to
 * stdout or stderr, 64 KiB at most, are written twice if the kill fell into it, or came
 * before it was noted; no other kill can be noticed by a reader.
 *
 * All calls: from the loop's thread only. SIGPIPE and SIGXFSZ must be ignored.
 */
#ifndef BERTH_PRIMARY_OUTPUT_H
#define BERTH_PRIMARY_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/message.h"

struct output;
struct output_stream;

/* A worker's stream, for the journal. */
struct output_stream_name {
	uint64_t id; /* the same for a successor, no other stream's, and not 0 */
	bool is_stderr;
};

struct output_options {
	int stdout_fd; /* STDOUT_FILENO, but for tests */
	int stderr_fd;
	int journal_fd; /* of another process that has died, or NO_FD */
	bool is_json;   /* each line an object; else text */
	bool is_quiet;  /* MESSAGE_INFO is not shown */
};

/*
 * output_new - begin to show
 *
 * @options:     copied; its fds stay yours, must be open until output_free() and are
 *               not changed (not made non-blocking, either)
 * @ret_output:  free with output_free()
 *
 * What is in the journal is shown first. A journal that is none, or in another form, or
 * damaged, is left alone with a warning, and a new one made: what it held is lost.
 *
 * Colours are used on a terminal, unless NO_COLOR is set or TERM is "dumb". Returns 0;
 * -EINVAL if an fd is 0 (or less, but for journal_fd), -EBADF if it is not open, -ENOMEM, -EMFILE and such.
 * Never blocks.
 */
int output_new(uv_loop_t *loop, const struct output_options *options, struct output **ret_output);

/*
 * output_free - show what is there still, and end
 *
 * Reads all pipes as far as they are filled now, and writes that. Waits for a slow
 * reader, but for no more than a second in which it takes nothing, or five seconds in
 * all, for stdout and for stderr each. Streams that were not finished end, too. The
 * memory is freed by the loop, which must run once more. Takes NULL; returns NULL.
 */
struct output *output_free(struct output *o);

/* Lines up the text behind the labels of this app's slots, and of others named before. */
void output_fit(struct output *o, const char *app, unsigned n_workers);

/*
 * The journal's fd, for somebody to keep for a successor, who gives it as journal_fd.
 * It stays ours, and the same until output_free(). NO_FD if the journal could not have
 * a file, for RLIMIT_FSIZE.
 */
int output_journal_fd(const struct output *o);

/*
 * output_stream_open - show what a worker writes
 *
 * @source:      copied
 * @name:        copied; where the journal has a beginning of a line, or more, of this
 *               stream, it is continued
 * @fd:          the read end of a pipe that nobody else reads; it is made non-blocking.
 *               On success the stream owns it
 * @ret_stream:  valid until output_stream_finish() or output_free()
 *
 * Returns 0; -ENOMEM, -ENAMETOOLONG for an app's name, -ENOSPC if 4,096 streams are open,
 * -EPERM or -EEXIST if @fd cannot be watched. Never blocks.
 */
int output_stream_open(struct output *o, const struct message_source *source,
		       const struct output_stream_name *name, int fd,
		       struct output_stream **ret_stream);

/*
 * output_tell_ends - be told of each stream that has ended
 *
 * Its pipe has been read to the end, and nothing of it need be kept: @tell is called with
 * @data, the worker and the stream's id.
 */
void output_tell_ends(struct output *o,
		      void (*tell)(void *data, const struct message_source *source, uint64_t id),
		      void *data);

/*
 * output_tell_notes - be told of each message of berth's own, shown or not
 *
 * @tell is called with @data, before the message is shown; it must not say anything itself.
 */
void output_tell_notes(struct output *o, void (*tell)(void *data, const struct message_note *note),
		       void *data);

/* Calls @visit for each stream whose pipe is open; @fd stays the stream's. Never blocks. */
void output_each_stream(struct output *o,
			void (*visit)(void *data, const struct message_source *source, uint64_t id,
				      int fd),
			void *data);

/*
 * output_adopted - all streams that go on were opened again
 *
 * For a successor, once: what the journal has of others is shown and forgotten. Never
 * blocks.
 */
void output_adopted(struct output *o);

/*
 * output_stream_finish - the worker has died
 *
 * The pipe is read to its end, which comes when nobody holds its other end any more;
 * then the stream frees itself. Takes NULL. Never blocks.
 */
void output_stream_finish(struct output_stream *s);

/* What that process has written last: see tail_text(). */
const char *output_last_lines(const struct output *o, pid_t pid, char *ret_text, size_t size);

/*
 * output_say - a message of berth's own
 *
 * @event:   its name for programs, such as "worker_started", a literal
 * @format:  a sentence as printf() takes it, without a newline; cut at MESSAGE_TEXT_MAX
 *
 * Never blocks. If stderr is blocked the message waits there; if half a megabyte
 * waits already, it is dropped and counted.
 */
void output_say(struct output *o, enum message_level level, const char *event, const char *format,
		...) __attribute__((format(printf, 4, 5)));

/* The same, about the worker @source. */
void output_say_worker(struct output *o, const struct message_source *source,
		       enum message_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

#endif
