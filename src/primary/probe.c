/*
 * A probe, its deadline and its end. What is done meanwhile depends on its kind.
 */
#include "primary/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "base/own.h"
#include "primary/probe_socket.h"
#include "primary/probe_ways.h"

struct probe_run {
	const struct probe_events *events;
	void *data;
	struct probe probe;
	struct addr target;
	uv_timer_t deadline;
	uint32_t timeout_ms;
	uint64_t due; /* on the loop's clock */
	bool had_more_time;
	bool is_over;
	/* One of these, until it's over. */
	struct probe_http *http;
	struct probe_tcp *tcp;
	struct probe_exec *exec;
};

static void free_way(struct probe_run *run)
{
	run->http = probe_http_free(run->http);
	run->tcp = probe_tcp_free(run->tcp);
	run->exec = probe_exec_free(run->exec);
}

static void on_over(void *owner, enum probe_outcome outcome, const char *text)
{
	struct probe_run *run = owner;
	char copy[PROBE_SENTENCE_MAX];
	struct probe_result result = { .outcome = outcome, .text = copy };

	if (run->is_over)
		return;
	run->is_over = true;
	(void)snprintf(copy, sizeof(copy), "%s", text); /* it goes with what has said it */
	(void)uv_timer_stop(&run->deadline);
	free_way(run);
	run->events->done(run->data, &result);
}

/* --- the deadline --- */

static void limit_text(uint32_t ms, char *ret_text, size_t size)
{
	if (ms % 1000 == 0)
		(void)snprintf(ret_text, size, "%u s", ms / 1000);
	else
		(void)snprintf(ret_text, size, "%u ms", ms);
}

static void on_late(uv_timer_t *timer);

static void start_deadline(struct probe_run *run)
{
	run->due = uv_now(run->deadline.loop) + run->timeout_ms;
	(void)uv_timer_start(&run->deadline, on_late, run->timeout_ms, 0);
}

static void on_late(uv_timer_t *timer)
{
	struct probe_run *run = container_of(timer, struct probe_run, deadline);
	char text[PROBE_SENTENCE_MAX] = "";
	char limit[32];

	/*
	 * If we were stopped, or busy for as long, the worker isn't to blame: its answer may
	 * lie there, unread. It gets its time again, once.
	 */
	if (!run->had_more_time && uv_now(timer->loop) >= run->due + run->timeout_ms) {
		run->had_more_time = true;
		start_deadline(run);
		return;
	}
	limit_text(run->timeout_ms, limit, sizeof(limit));
	if (run->http)
		probe_http_late(run->http, limit, text);
	else if (run->tcp)
		probe_tcp_late(run->tcp, limit, text);
	else
		probe_exec_late(run->exec, limit, text);
	on_over(run, PROBE_FAILED, text);
}

/* --- begin and end --- */

enum probe_outcome probe_connect_failed(int error, const struct addr *target,
					char ret_text[static PROBE_SENTENCE_MAX])
{
	char address[ADDR_TEXT_MAX];

	(void)addr_text(target, address);
	switch (error) {
	case ECONNREFUSED:
		(void)snprintf(ret_text, PROBE_SENTENCE_MAX, "connection refused at %s", address);
		return PROBE_FAILED;
	case EADDRNOTAVAIL: /* this pair of addresses was used a moment ago */
	case ENOBUFS:
	case ENOMEM:
		(void)snprintf(ret_text, PROBE_SENTENCE_MAX,
			       "no connection to %s could be made: %s", address, strerror(error));
		return PROBE_UNMADE;
	default:
		(void)snprintf(ret_text, PROBE_SENTENCE_MAX, "no connection to %s: %s", address,
			       strerror(error));
		return PROBE_FAILED;
	}
}

static int begin_connected(struct probe_run *run, const struct probe_request *request,
			   struct probe_ask *ask)
{
	own_fd fd = NO_FD;
	struct addr source;
	int r = probe_socket_target(&run->probe, &request->port, &run->target);

	if (r == 0)
		r = probe_socket_open(&run->target, &source, &fd);
	if (r == 0 && run->events->will_connect)
		r = run->events->will_connect(run->data, &source, &run->target);
	if (r < 0)
		return r;
	ask->target = &run->target;
	r = run->probe.kind == PROBE_HTTP ? probe_http_new(ask, fd, &run->http)
					  : probe_tcp_new(ask, fd, &run->tcp);
	if (r == 0)
		(void)take_fd(&fd);
	return r;
}

static int begin(struct probe_run *run, const struct probe_request *request)
{
	struct probe_ask ask = {
		.request = request,
		.probe = &run->probe,
		.over = on_over,
		.owner = run,
	};

	switch (run->probe.kind) {
	case PROBE_HTTP:
	case PROBE_TCP: return begin_connected(run, request, &ask);
	case PROBE_EXEC: return probe_exec_new(&ask, &run->exec);
	case PROBE_NONE: break;
	}
	return -EINVAL;
}

int probe_start(const struct probe_request *request, struct probe_run **ret_run)
{
	struct probe_run *run = calloc(1, sizeof(*run));
	int r;

	if (!run)
		return -ENOMEM;
	run->events = request->events;
	run->data = request->data;
	run->probe = *request->probe;
	run->timeout_ms = request->timeout_ms;
	(void)uv_timer_init(request->loop, &run->deadline);
	uv_update_time(request->loop); /* the time until now isn't the worker's */
	start_deadline(run);
	r = begin(run, request);
	if (r < 0) {
		(void)probe_free(run);
		return r;
	}
	*ret_run = run;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(container_of((uv_timer_t *)handle, struct probe_run, deadline));
}

struct probe_run *probe_free(struct probe_run *run)
{
	if (!run)
		return NULL;
	run->is_over = true;
	free_way(run);
	uv_close((uv_handle_t *)&run->deadline, on_closed);
	return NULL;
}
