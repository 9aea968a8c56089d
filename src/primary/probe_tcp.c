/*
 * A connection, and no word: it's closed as soon as it's there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "base/own.h"
#include "primary/probe_ways.h"

struct probe_tcp {
	void (*over)(void *owner, enum probe_outcome outcome, const char *text);
	void *owner;
	const struct addr *target;
	uv_poll_t poll;
	int fd;
	int error; /* what connect() itself returned */
};

static int connect_error(const struct probe_tcp *t)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (t->error)
		return t->error;
	return getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno : error;
}

static void on_connected(uv_poll_t *poll, int status, int events)
{
	struct probe_tcp *t = container_of(poll, struct probe_tcp, poll);
	enum probe_outcome outcome = PROBE_PASSED;
	char text[PROBE_SENTENCE_MAX];
	char address[ADDR_TEXT_MAX];
	int error = connect_error(t);

	(void)status;
	(void)events;
	if (error)
		outcome = probe_connect_failed(error, t->target, text);
	else
		(void)snprintf(text, sizeof(text), "connected to %s",
			       addr_text(t->target, address));
	t->over(t->owner, outcome, text);
}

void probe_tcp_late(const struct probe_tcp *t, const char *limit,
		    char ret_text[static PROBE_SENTENCE_MAX])
{
	char address[ADDR_TEXT_MAX];

	(void)snprintf(ret_text, PROBE_SENTENCE_MAX, "no connection to %s within %s",
		       addr_text(t->target, address), limit);
}

int probe_tcp_new(const struct probe_ask *ask, int fd, struct probe_tcp **ret_tcp)
{
	struct probe_tcp *t = calloc(1, sizeof(*t));
	struct sockaddr_storage bytes;
	socklen_t size = addr_to_sockaddr(ask->target, &bytes);
	int r;

	if (!t)
		return -ENOMEM;
	t->over = ask->over;
	t->owner = ask->owner;
	t->target = ask->target;
	r = uv_poll_init(ask->request->loop, &t->poll, fd);
	if (r < 0) {
		free(t);
		return r;
	}
	t->fd = fd;
	/* A refusal may come at once: the socket is readable and all, then. */
	if (connect(fd, (const struct sockaddr *)&bytes, size) < 0 && errno != EINPROGRESS)
		t->error = errno;
	(void)uv_poll_start(&t->poll, UV_WRITABLE, on_connected);
	*ret_tcp = t;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(container_of((uv_poll_t *)handle, struct probe_tcp, poll));
}

struct probe_tcp *probe_tcp_free(struct probe_tcp *t)
{
	if (!t)
		return NULL;
	uv_close((uv_handle_t *)&t->poll, on_closed);
	drop_fd(&t->fd);
	return NULL;
}
