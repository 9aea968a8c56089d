/*
 * Writing to the stdout and stderr that somebody gave us, without ever waiting for
 * whoever reads them.
 *
 * O_NONBLOCK belongs to the open file description, which is shared with the shell
 * and with everyone else in the pipeline: setting it would break them. So a sink
 * never sets it there. What it does instead depends on what is behind the fd:
 *
 * - pipe, terminal: the same object is opened once more, through /proc, and that
 *   description is our own. After su or sudo this is refused, as the object belongs to
 *   another user; but the terminal that controls us can still be had as /dev/tty;
 * - pipe, terminal, where even that is refused: a write is tried only when poll() says
 *   that there is room, and is so small that it fits: PIPE_BUF bytes for a pipe, a
 *   single byte for a terminal, whose poll() promises no more (two newlines may wait,
 *   for as long as nobody reads). What is left is that somebody else takes that room
 *   in between; not so at pipes, where the kernel knows RWF_NOWAIT for them;
 * - socket: each send says MSG_DONTWAIT;
 * - file or device: a plain write. It waits for the disk, as any program's does.
 *
 * SIGPIPE and SIGXFSZ must be ignored in the process.
 */
#ifndef BERTH_OS_SINK_H
#define BERTH_OS_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum sink_way {
	SINK_PLAIN,   /* a write never asks us to come back */
	SINK_PRIVATE, /* a non-blocking description of our own */
	SINK_SOCKET,  /* MSG_DONTWAIT */
	SINK_SHARED,  /* others' description: ask first, write little */
};

struct sink {
	enum sink_way way;
	int fd;         /* where to write: the fd given, or private_fd */
	int private_fd; /* ours to close, or NO_FD */
	int wait_fd;    /* readable while there is room, or NO_FD with SINK_PLAIN */
	bool is_terminal;
};

/*
 * sink_init - begin to write to @fd
 *
 * @fd:  stays yours, must stay open until sink_done(), and is not changed
 *
 * Returns 0; -EBADF if @fd is not open, or -EMFILE and such if we can have no fd
 * more. Any thread. Never blocks.
 */
int sink_init(struct sink *s, int fd);

/* Closes what sink_init() opened. */
void sink_done(struct sink *s);

/*
 * sink_write - write as much as there is room for
 *
 * @size:  in bytes, not 0
 *
 * Returns how many bytes were taken, at least 1; -EAGAIN if there is no room now
 * (wait_fd tells when), -EPIPE if nobody reads any more, -ENOSPC, -EIO and such as
 * write() does. Never blocks, but for what stands at the top of this file.
 */
ssize_t sink_write(struct sink *s, const void *bytes, size_t size);

/*
 * sink_wait - wait for room
 *
 * Returns whether sink_write() is worth trying: there is room, or an error to be
 * told. False after @timeout_ms, or if a signal came first. Blocks.
 */
bool sink_wait(const struct sink *s, int timeout_ms);

/* Whether two fds lead to the same file, pipe, terminal or socket. */
bool sink_is_same(int fd_a, int fd_b);

#endif
