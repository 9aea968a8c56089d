/*
 * One request over one connection, by libcurl on the loop. The socket is ours: made
 * and bound before, handed over when curl wants to connect, and closed when it says so.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "base/escape.h"
#include "base/own.h"
#include "primary/late_curl.h"
#include "primary/probe_ways.h"

/* An answer's first lines, and what is read of the rest: beyond that the status has to do. */
#define HEADER_MAX ((size_t)32 * 1024)
#define BODY_MAX   ((size_t)64 * 1024)

#define SUBJECT_MAX (PROBE_SHOWN_MAX + ADDR_TEXT_MAX + 16)

struct probe_http {
	void (*over)(void *owner, enum probe_outcome outcome, const char *text);
	void *owner;
	const struct probe *probe;
	const struct addr *target;
	struct late_curl curl;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	uv_timer_t timer; /* curl's own */
	uv_poll_t poll;
	int fd; /* until curl wants it */
	bool is_polling;
	unsigned n_handles;
	size_t header_size;
	size_t body_size;
	char subject[SUBJECT_MAX]; /* "GET /healthz on 127.0.0.1:8000" */
};

/* --- what comes of it --- */

static long status_of(const struct probe_http *h)
{
	long status = 0;

	(void)h->curl.easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static enum probe_outcome judge_status(const struct probe_http *h, const char *end,
				       char ret_text[static PROBE_SENTENCE_MAX])
{
	long status = status_of(h);

	(void)snprintf(ret_text, PROBE_SENTENCE_MAX, "answered %ld to %s%s", status, h->subject,
		       end);
	return !end[0] && status >= h->probe->status_min && status <= h->probe->status_max
		       ? PROBE_PASSED
		       : PROBE_FAILED;
}

/* What curl has given up for; no errno here is more exact than its own word. */
static enum probe_outcome judge_error(const struct probe_http *h, CURLcode code,
				      char ret_text[static PROBE_SENTENCE_MAX])
{
	enum probe_outcome outcome = PROBE_FAILED;
	const char *what = h->curl.easy_strerror(code);
	long error = 0;

	switch (code) {
	case CURLE_COULDNT_CONNECT:
		(void)h->curl.easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &error);
		return probe_connect_failed((int)error, h->target, ret_text);
	case CURLE_GOT_NOTHING: what = "connection closed without an answer"; break;
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR: what = "connection broken off"; break;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY: what = "the answer is no HTTP"; break;
	case CURLE_WRITE_ERROR: what = "the answer's header is too long"; break;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT: outcome = PROBE_UNMADE; break;
	default: break;
	}
	(void)snprintf(ret_text, PROBE_SENTENCE_MAX, "%s: %s", what, h->subject);
	return outcome;
}

static void finish(struct probe_http *h, CURLcode code)
{
	char text[PROBE_SENTENCE_MAX];
	enum probe_outcome outcome;

	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && h->body_size > BODY_MAX))
		outcome = judge_status(h, "", text);
	else if (status_of(h) >= PROBE_STATUS_MIN && h->header_size <= HEADER_MAX)
		outcome = judge_status(h, ", and broke off", text);
	else
		outcome = judge_error(h, code, text);
	h->over(h->owner, outcome, text);
}

void probe_http_late(const struct probe_http *h, const char *limit,
		     char ret_text[static PROBE_SENTENCE_MAX])
{
	char end[64];

	if (status_of(h) >= PROBE_STATUS_MIN) {
		(void)snprintf(end, sizeof(end), ", and did not end within %s", limit);
		(void)judge_status(h, end, ret_text);
	} else {
		(void)snprintf(ret_text, PROBE_SENTENCE_MAX, "nothing within %s: %s", limit,
			       h->subject);
	}
}

/* --- curl and the loop --- */

/* Lets curl go on. Afterwards @h may be over and freed: its memory is there until we return. */
static void go_on(struct probe_http *h, curl_socket_t fd, int events)
{
	int n_running, n_left;
	CURLMsg *message;

	(void)h->curl.multi_socket_action(h->multi, fd, events, &n_running);
	message = h->curl.multi_info_read(h->multi, &n_left);
	if (message && message->msg == CURLMSG_DONE)
		finish(h, message->data.result);
}

static void on_timer(uv_timer_t *timer)
{
	go_on(container_of(timer, struct probe_http, timer), CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct probe_http *h = container_of(poll, struct probe_http, poll);
	int fd;

	(void)uv_fileno((uv_handle_t *)poll, &fd);
	go_on(h, fd,
	      (status < 0 ? CURL_CSELECT_ERR : 0) | (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
		      (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0));
}

static int set_timer(CURLM *multi, long ms, void *data)
{
	struct probe_http *h = data;

	(void)multi;
	if (ms < 0)
		(void)uv_timer_stop(&h->timer);
	else
		(void)uv_timer_start(&h->timer, on_timer, (uint64_t)ms, 0);
	return 0;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *unused)
{
	struct probe_http *h = data;

	(void)easy;
	(void)fd;
	(void)unused;
	if (!h->is_polling)
		return 0;
	if (what == CURL_POLL_REMOVE)
		(void)uv_poll_stop(&h->poll);
	else
		(void)uv_poll_start(&h->poll,
				    (what & CURL_POLL_IN ? UV_READABLE : 0) |
					    (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
				    on_socket);
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct probe_http *h = handle->data;

	if (--h->n_handles == 0)
		free(h);
}

/* Only once: there is one address, and a probe is made over one connection. */
static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct probe_http *h = data;

	(void)purpose;
	(void)address; /* it is the one in the URL */
	if (h->fd < 0 || uv_poll_init(h->timer.loop, &h->poll, h->fd) < 0)
		return CURL_SOCKET_BAD;
	h->poll.data = h;
	h->n_handles++;
	h->is_polling = true;
	return take_fd(&h->fd);
}

static int close_socket(void *data, curl_socket_t fd)
{
	struct probe_http *h = data;

	/* First the loop forgets it. */
	if (h->is_polling)
		uv_close((uv_handle_t *)&h->poll, on_closed);
	h->is_polling = false;
	(void)close(fd);
	return 0;
}

static size_t on_header(char *bytes, size_t one, size_t size, void *data)
{
	struct probe_http *h = data;

	(void)bytes;
	(void)one;
	h->header_size += size;
	return h->header_size <= HEADER_MAX ? size : 0;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *data)
{
	struct probe_http *h = data;

	(void)bytes;
	(void)one;
	h->body_size += size;
	return h->body_size <= BODY_MAX ? size : 0;
}

/* --- the request --- */

static void set_url(struct probe_http *h)
{
	char url[PROBE_WHAT_MAX + ADDR_TEXT_MAX + 16];
	char shown[PROBE_SHOWN_MAX];
	char text[ADDR_TEXT_MAX];
	struct addr plain = *h->target;

	/* The interface of a link-local address is no part of a URL. */
	plain.device = 0;
	(void)snprintf(url, sizeof(url), "http://%s%s", addr_text(&plain, text), h->probe->what);
	(void)h->curl.easy_setopt(h->easy, CURLOPT_URL, url);
	(void)h->curl.easy_setopt(h->easy, CURLOPT_ADDRESS_SCOPE, (long)h->target->device);
	(void)snprintf(h->subject, sizeof(h->subject), "GET %s on %s",
		       escape_text(h->probe->what, strlen(h->probe->what), shown, sizeof(shown)),
		       addr_text(h->target, text));
}

static void set_options(struct probe_http *h)
{
	CURL *e = h->easy;

	set_url(h);
	(void)h->curl.easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http");
	(void)h->curl.easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	(void)h->curl.easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	(void)h->curl.easy_setopt(e, CURLOPT_USERAGENT, "berth/" BERTH_VERSION " (probe)");
	(void)h->curl.easy_setopt(e, CURLOPT_HTTPHEADER, h->headers);
	(void)h->curl.easy_setopt(e, CURLOPT_PROXY, ""); /* also what the environment says */
	(void)h->curl.easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	(void)h->curl.easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
	(void)h->curl.easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	(void)h->curl.easy_setopt(e, CURLOPT_OPENSOCKETDATA, h);
	(void)h->curl.easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	(void)h->curl.easy_setopt(e, CURLOPT_CLOSESOCKETDATA, h);
	(void)h->curl.easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	(void)h->curl.easy_setopt(e, CURLOPT_HEADERDATA, h);
	(void)h->curl.easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	(void)h->curl.easy_setopt(e, CURLOPT_WRITEDATA, h);
	(void)h->curl.multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	(void)h->curl.multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	(void)h->curl.multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	(void)h->curl.multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
}

int probe_http_new(const struct probe_ask *ask, int fd, struct probe_http **ret_http)
{
	struct probe_http *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	if (late_curl_load(&h->curl) < 0) {
		free(h);
		return -ELIBACC;
	}
	h->fd = NO_FD;
	h->over = ask->over;
	h->owner = ask->owner;
	h->probe = ask->probe;
	h->target = ask->target;
	(void)uv_timer_init(ask->request->loop, &h->timer);
	h->timer.data = h;
	h->n_handles = 1;
	/* No TLS is needed, and to begin with it costs memory and time. Once is enough. */
	(void)h->curl.global_init(CURL_GLOBAL_NOTHING);
	h->multi = h->curl.multi_init();
	h->easy = h->curl.easy_init();
	h->headers = h->curl.slist_append(NULL, "Connection: close");
	if (h->multi && h->easy && h->headers) {
		set_options(h);
		/* Begins with a timer: nothing is sent before the loop goes on. */
		if (h->curl.multi_add_handle(h->multi, h->easy) == CURLM_OK) {
			h->fd = fd;
			*ret_http = h;
			return 0;
		}
	}
	(void)probe_http_free(h);
	return -ENOMEM;
}

struct probe_http *probe_http_free(struct probe_http *h)
{
	if (!h)
		return NULL;
	if (h->multi && h->easy)
		(void)h->curl.multi_remove_handle(h->multi, h->easy);
	h->curl.easy_cleanup(h->easy);
	if (h->multi)
		(void)h->curl.multi_cleanup(h->multi); /* closes what it has open */
	h->curl.slist_free_all(h->headers);
	drop_fd(&h->fd);
	uv_close((uv_handle_t *)&h->timer, on_closed);
	return NULL;
}
