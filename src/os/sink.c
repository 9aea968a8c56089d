/*
 * Finds out what is behind an fd, and writes to it the way that suits it. See sink.h.
 */
#include "os/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/own.h"

#define PATH_SIZE     (sizeof("/proc/self/fd/") + 3 * sizeof(int))
#define PRIVATE_FLAGS (O_WRONLY | O_NONBLOCK | O_APPEND | O_NOCTTY | O_CLOEXEC)

static bool is_same_object(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool sink_is_same(int fd_a, int fd_b)
{
	struct stat a, b;

	return fstat(fd_a, &a) == 0 && fstat(fd_b, &b) == 0 && is_same_object(&a, &b);
}

/* Returns a new description of the object behind @fd, or NO_FD where that is refused. */
static int open_again(int fd)
{
	char path[PATH_SIZE];
	own_fd again = NO_FD;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, PRIVATE_FLAGS);
	if (again < 0 || !sink_is_same(fd, again))
		return NO_FD;
	return take_fd(&again);
}

/* The terminal that controls us may be opened by anyone whom it controls, whoever owns it. */
static int open_controlling_terminal(int fd)
{
	own_fd again = open("/dev/tty", PRIVATE_FLAGS);
	unsigned device, device_again;

	if (again < 0 || ioctl(fd, TIOCGDEV, &device) < 0 ||
	    ioctl(again, TIOCGDEV, &device_again) < 0 || device != device_again)
		return NO_FD;
	return take_fd(&again);
}

/*
 * An epoll instance in place of the fd itself: an event loop that watches an fd
 * makes it non-blocking, and must not do so to one that is shared.
 */
static int watch_for_room(int fd, int *ret_wait_fd)
{
	struct epoll_event event = { .events = EPOLLOUT };
	own_fd wait_fd = epoll_create1(EPOLL_CLOEXEC);

	if (wait_fd < 0)
		return -errno;
	if (epoll_ctl(wait_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;

	*ret_wait_fd = take_fd(&wait_fd);
	return 0;
}

static void choose_way(struct sink *s, mode_t mode)
{
	if (S_ISSOCK(mode)) {
		s->way = SINK_SOCKET;
	} else if (S_ISFIFO(mode) || s->is_terminal) {
		s->private_fd = open_again(s->fd);
		if (s->private_fd < 0 && s->is_terminal)
			s->private_fd = open_controlling_terminal(s->fd);
		s->way = s->private_fd < 0 ? SINK_SHARED : SINK_PRIVATE;
		if (s->private_fd >= 0)
			s->fd = s->private_fd;
	}
}

int sink_init(struct sink *s, int fd)
{
	struct stat about;
	int err;

	if (fstat(fd, &about) < 0)
		return -errno;

	*s = (struct sink){ .way = SINK_PLAIN, .fd = fd, .private_fd = NO_FD, .wait_fd = NO_FD };
	s->is_terminal = S_ISCHR(about.st_mode) && isatty(fd);
	choose_way(s, about.st_mode);
	if (s->way == SINK_PLAIN)
		return 0;

	err = watch_for_room(s->fd, &s->wait_fd);
	if (err)
		sink_done(s);
	return err;
}

void sink_done(struct sink *s)
{
	drop_fd(&s->wait_fd);
	drop_fd(&s->private_fd);
}

static ssize_t write_shared(const struct sink *s, const void *bytes, size_t size)
{
	struct pollfd room = { .fd = s->fd, .events = POLLOUT };
	size_t promised = s->is_terminal ? 1 : PIPE_BUF; /* by poll(), see sink.h */
	struct iovec part = { .iov_base = (void *)bytes };
	ssize_t n;

	if (poll(&room, 1, 0) <= 0) {
		errno = EAGAIN;
		return -1;
	}

	part.iov_len = size < promised ? size : promised;
	n = pwritev2(s->fd, &part, 1, -1, RWF_NOWAIT);
	if (n < 0 && errno == EOPNOTSUPP)
		n = write(s->fd, bytes, part.iov_len);
	return n;
}

static ssize_t write_once(struct sink *s, const void *bytes, size_t size)
{
	switch (s->way) {
	case SINK_SOCKET: return send(s->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	case SINK_SHARED: return write_shared(s, bytes, size);
	default: return write(s->fd, bytes, size);
	}
}

/*
 * A write to a terminal that wants us in the foreground sends SIGTTOU, and is
 * made again when the signal was handled: for ever, if we handle it. While the
 * signal is blocked the write is simply made.
 */
static ssize_t write_to_terminal(struct sink *s, const void *bytes, size_t size)
{
	sigset_t ttou;
	sigset_t before;
	ssize_t n;

	(void)sigemptyset(&ttou);
	(void)sigaddset(&ttou, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &ttou, &before);
	n = write_once(s, bytes, size);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return n;
}

ssize_t sink_write(struct sink *s, const void *bytes, size_t size)
{
	ssize_t n;

	do
		n = s->is_terminal ? write_to_terminal(s, bytes, size) : write_once(s, bytes, size);
	while (n < 0 && errno == EINTR);

	if (n == 0)
		return -EAGAIN; /* a terminal without room for a single byte */
	return n < 0 ? -errno : n;
}

bool sink_wait(const struct sink *s, int timeout_ms)
{
	struct pollfd room = { .fd = s->fd, .events = POLLOUT };

	return poll(&room, 1, timeout_ms) > 0;
}
