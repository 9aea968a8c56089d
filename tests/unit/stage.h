/*
 * A stage for berth's output: pipes in place of our stdout and stderr, and of the
 * workers', all in one process and on one loop.
 */
#ifndef BERTH_TESTS_STAGE_H
#define BERTH_TESTS_STAGE_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/container_of.h"
#include "base/own.h"
#include "primary/output.h"

#define STAGE_SHOWN_MAX ((size_t)64 * 1024 * 1024)

struct stage {
	uv_loop_t loop;
	struct output *output;
	struct output_options options;
	int out; /* where our stdout is read, non-blocking */
	int err;
	uv_poll_t out_readable;
	uint64_t last_id; /* of a stream */
	struct buf shown; /* what a reader has read of our stdout */
};

static inline void stage_pipe(int *ret_reader, int *ret_writer)
{
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	*ret_reader = ends[0];
	*ret_writer = ends[1];
}

/* Pipes in place of our stdout and stderr. The options may be changed before stage_begin(). */
static inline void stage_init(struct stage *st)
{
	(void)signal(SIGPIPE, SIG_IGN);
	memset(st, 0, sizeof(*st));
	buf_init(&st->shown, STAGE_SHOWN_MAX);
	ck_assert_int_eq(uv_loop_init(&st->loop), 0);
	st->options.journal_fd = NO_FD;
	stage_pipe(&st->out, &st->options.stdout_fd);
	stage_pipe(&st->err, &st->options.stderr_fd);
	ck_assert_int_eq(fcntl(st->out, F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(fcntl(st->err, F_SETFL, O_NONBLOCK), 0);
}

static inline void stage_begin(struct stage *st)
{
	ck_assert_int_eq(output_new(&st->loop, &st->options, &st->output), 0);
}

static inline void stage_end(struct stage *st)
{
	st->output = output_free(st->output);
	(void)uv_run(&st->loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&st->loop), 0);
	(void)close(st->options.stdout_fd);
	if (st->options.stderr_fd != st->options.stdout_fd)
		(void)close(st->options.stderr_fd);
	(void)close(st->out);
	(void)close(st->err);
	buf_done(&st->shown);
}

/* A worker of the app "web"; returns the write end of its pipe. */
static inline int stage_worker(struct stage *st, unsigned slot, int which,
			       struct output_stream **ret_stream)
{
	struct message_source source = {
		.app = "web",
		.slot = slot,
		.pid = 1000 + (int)slot,
		.generation = 1,
	};
	struct output_stream_name name = {
		.id = ++st->last_id,
		.is_stderr = which == STDERR_FILENO,
	};
	int reader, writer;

	stage_pipe(&reader, &writer);
	ck_assert_int_eq(output_stream_open(st->output, &source, &name, reader, ret_stream), 0);
	return writer;
}

/*
 * Until all is written and every worker's pipe has come to its end: nothing of the
 * output's keeps the loop running then.
 */
static inline void stage_run_until_idle(struct stage *st)
{
	ck_assert_int_eq(uv_run(&st->loop, UV_RUN_DEFAULT), 0);
}

static inline size_t stage_unread(int fd)
{
	int size = 0;

	ck_assert_int_eq(ioctl(fd, FIONREAD, &size), 0);
	return (size_t)size;
}

/* Until at least @size bytes can be read at @fd. */
static inline void stage_run_until_shown(struct stage *st, int fd, size_t size)
{
	while (stage_unread(fd) < size)
		(void)uv_run(&st->loop, UV_RUN_ONCE);
}

/* A worker of slot 1 that writes these bytes, dies, and is read to its end. */
static inline void stage_play(struct stage *st, int which, const char *bytes, size_t size)
{
	struct output_stream *stream;
	int fd = stage_worker(st, 1, which, &stream);

	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
	(void)close(fd);
	output_stream_finish(stream);
	stage_run_until_idle(st);
}

/* Takes all that can be read at @fd. */
static inline void stage_take(int fd, struct buf *b)
{
	char bytes[65536];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		ck_assert(buf_append(b, bytes, (size_t)n));
	ck_assert(n == 0 || errno == EAGAIN);
}

static inline void stage_assert_shown(int fd, const char *text)
{
	struct buf b;

	buf_init(&b, STAGE_SHOWN_MAX);
	stage_take(fd, &b);
	ck_assert_msg(b.size == strlen(text) && memcmp(buf_span(&b).at, text, b.size) == 0,
		      "'%.*s' instead of '%s'", (int)b.size, buf_span(&b).at, text);
	buf_done(&b);
}

static inline void stage_on_out(uv_poll_t *readable, int status, int events)
{
	struct stage *st = container_of(readable, struct stage, out_readable);

	(void)status;
	(void)events;
	stage_take(st->out, &st->shown);
}

/* From now on, our stdout has a reader; what it reads is in `shown`. */
static inline void stage_read_out(struct stage *st)
{
	ck_assert_int_eq(uv_poll_init(&st->loop, &st->out_readable, st->out), 0);
	ck_assert_int_eq(uv_poll_start(&st->out_readable, UV_READABLE, stage_on_out), 0);
	uv_unref((uv_handle_t *)&st->out_readable); /* a reader is nothing to wait for */
}

static inline void stage_stop_reading_out(struct stage *st)
{
	stage_take(st->out, &st->shown);
	uv_close((uv_handle_t *)&st->out_readable, NULL);
}

/* The next line of what was read, or false. */
static inline bool stage_next_line(struct span *rest, struct span *ret_line)
{
	const char *end = rest->size ? memchr(rest->at, '\n', rest->size) : NULL;

	if (!end)
		return false;
	ret_line->at = rest->at;
	ret_line->size = (size_t)(end - rest->at);
	rest->at += ret_line->size + 1;
	rest->size -= ret_line->size + 1;
	return true;
}

#endif
