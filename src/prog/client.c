/*
 * Asks a primary, with libcurl. See client.h.
 */
#include "prog/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/own.h"
#include "control/control_socket.h"
#include "prog/client_find.h"

#define ANSWER_MAX_MS        10000L
#define ANSWER_MAX           ((size_t)16 * 1024 * 1024) /* bytes; 1000 workers at 64 ports are fewer */
#define STATUS_ERROR         400
#define STATUS_FORBIDDEN     403
#define STATUS_UNPROCESSABLE 422 /* what was asked for can never be had */
#define MESSAGE_MAX          2048
#define SILENCE_MAX_S        20L
#define ORIGIN               "http://localhost"
#define TARGET_URL_MAX       256

struct client {
	CURL *curl;
	char *path;
	struct curl_slist *headers;
	struct buf answer;
	bool (*on_line)(void *data, const char *line, size_t size); /* while one follows */
	void *on_line_data;
	bool is_enough;
};

/* --- one call ------------------------------------------------------------------------ */

/* False: enough. */
static bool hear_lines(struct client *c)
{
	long status = 0;

	(void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	while (status < STATUS_ERROR) {
		struct span all = buf_span(&c->answer);
		const char *end = all.size ? memchr(all.at, '\n', all.size) : NULL;

		if (!end)
			break;
		if (!c->on_line(c->on_line_data, all.at, (size_t)(end - all.at))) {
			c->is_enough = true;
			return false;
		}
		buf_consume(&c->answer, (size_t)(end - all.at) + 1);
	}
	return true;
}

static size_t on_bytes(char *bytes, size_t one, size_t size, void *arg)
{
	struct client *c = arg;

	(void)one; /* it is 1 always */
	if (!buf_append(&c->answer, bytes, size))
		return 0;
	return !c->on_line || hear_lines(c) ? size : 0;
}

int client_new(const char *path, struct client **ret_client)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	buf_init(&c->answer, ANSWER_MAX);
	c->curl = curl_easy_init();
	c->headers = curl_slist_append(NULL, "Content-Type: application/json");
	c->path = strdup(path);
	if (!c->curl || !c->headers || !c->path ||
	    curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, path) != CURLE_OK) {
		client_free(c);
		return -ENOMEM;
	}
	(void)curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c->curl, CURLOPT_PROXY, ""); /* whatever the environment says */
	(void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, ANSWER_MAX_MS);
	(void)curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
	(void)curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_bytes);
	(void)curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
	*ret_client = c;
	return 0;
}

struct client *client_free(struct client *c)
{
	if (!c)
		return NULL;
	curl_easy_cleanup(c->curl);
	curl_slist_free_all(c->headers);
	free(c->path);
	buf_done(&c->answer);
	free(c);
	return NULL;
}

/* Who is not its user is cut off, with nothing said: see control.h. */
static int reset_error(const struct client *c)
{
	struct stat st;

	if (geteuid() != 0 && stat(c->path, &st) == 0 && st.st_uid != geteuid())
		return -EACCES;
	return -ECONNRESET;
}

static int connect_error(const struct client *c)
{
	long os_error = 0;

	(void)curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &os_error);
	/* none: it was connected, and cut off before curl had seen that */
	return os_error ? -(int)os_error : reset_error(c);
}

static int call_error(const struct client *c, CURLcode code)
{
	switch (code) {
	case CURLE_OK: return 0;
	case CURLE_COULDNT_CONNECT: return connect_error(c);
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR: return reset_error(c);
	case CURLE_OPERATION_TIMEDOUT: return -ETIMEDOUT;
	case CURLE_OUT_OF_MEMORY: return -ENOMEM;
	default: return -EPROTO;
	}
}

static int perform(struct client *c, const struct client_request *request)
{
	own_free char *text = request->body ? json_dumps(request->body, JSON_COMPACT) : NULL;
	char url[TARGET_URL_MAX];

	if (request->body && !text)
		return -ENOMEM;
	(void)snprintf(url, sizeof(url), "%s%s", ORIGIN, request->target);
	buf_consume(&c->answer, buf_span(&c->answer).size);
	if (strcmp(request->method, "POST") == 0)
		(void)curl_easy_setopt(c->curl, CURLOPT_COPYPOSTFIELDS, text ? text : "");
	else
		(void)curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
	if (curl_easy_setopt(c->curl, CURLOPT_URL, url) != CURLE_OK)
		return -ENOMEM;
	return call_error(c, curl_easy_perform(c->curl));
}

/* The answer that has come. 0 or -EPROTO. */
static int read_reply(struct client *c, struct client_reply *ret_reply)
{
	struct client_reply reply = { 0 };
	struct span answer;

	(void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &reply.status);
	answer = buf_span(&c->answer);
	reply.body = answer.size ? json_loadb(answer.at, answer.size, 0, NULL) : NULL;
	if (!json_is_object(reply.body)) {
		json_decref(reply.body);
		return -EPROTO;
	}
	*ret_reply = reply;
	return 0;
}

int client_call(struct client *c, const struct client_request *request,
		struct client_reply *ret_reply)
{
	int err = perform(c, request);

	return err ? err : read_reply(c, ret_reply);
}

int client_follow(struct client *c, const char *target,
		  bool (*on_line)(void *data, const char *line, size_t size), void *data,
		  struct client_reply *ret_reply)
{
	const struct client_request request = { "GET", target, NULL };
	long status = 0;
	int err;

	c->on_line = on_line;
	c->on_line_data = data;
	c->is_enough = false;
	(void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, 0L);
	(void)curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_TIME, SILENCE_MAX_S);
	err = perform(c, &request);
	(void)curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_TIME, 0L);
	(void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, ANSWER_MAX_MS);
	c->on_line = NULL;
	if (c->is_enough)
		return 0;
	(void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	if (!err && status >= STATUS_ERROR)
		return read_reply(c, ret_reply);
	return err ? err : -ECONNRESET; /* it has ended as it should, and so has the primary */
}

/* --- what is said about it ----------------------------------------------------------- */

bool client_has_failed(int err, const struct client_reply *reply)
{
	return err || reply->status >= STATUS_ERROR;
}

bool client_is_absent(int err)
{
	return err == -ENOENT || err == -ECONNREFUSED || err == -ECONNRESET || err == -EAGAIN;
}

static enum client_exit complain_error(const char *who, int err)
{
	if (client_is_absent(err)) {
		(void)fprintf(stderr, "%s: the primary does not answer (%s)\n", who,
			      strerror(-err));
		return CLIENT_NO_PRIMARY;
	}
	if (err == -EACCES) {
		(void)fprintf(stderr, "%s: this berth is another user's\n", who);
		return CLIENT_NOT_PERMITTED;
	}
	if (err == -ETIMEDOUT) {
		(void)fprintf(stderr, "%s: the primary has not answered within %ld s\n", who,
			      ANSWER_MAX_MS / 1000);
		return CLIENT_DEADLINE;
	}
	if (err == -EPROTO)
		(void)fprintf(stderr, "%s: what answers there is no primary\n", who);
	else
		(void)fprintf(stderr, "%s: cannot ask the primary: %s\n", who, strerror(-err));
	return CLIENT_FAILED;
}

enum client_exit client_complain(const char *who, int err, const struct client_reply *reply)
{
	const char *message = NULL;
	char shown[MESSAGE_MAX];

	if (err)
		return complain_error(who, err);
	(void)json_unpack(reply->body, "{s:{s:s}}", "error", "message", &message);
	if (!message)
		return complain_error(who, -EPROTO);
	(void)fprintf(stderr, "%s: %s\n", who,
		      escape_text(message, strlen(message), shown, sizeof(shown)));
	switch (reply->status) {
	case STATUS_FORBIDDEN: return CLIENT_NOT_PERMITTED;
	case STATUS_UNPROCESSABLE: return CLIENT_USAGE;
	default: return CLIENT_FAILED;
	}
}

enum client_exit client_ask(const char *who, const char *name, const struct client_request *request,
			    json_t **ret_body)
{
	char path[CONTROL_PATH_MAX];
	struct client_reply reply = { 0 };
	struct client *c = NULL;
	enum client_exit code = client_find(who, name, path);
	int err;

	if (code != CLIENT_DONE)
		return code;
	err = client_new(path, &c);
	if (!err)
		err = client_call(c, request, &reply);
	client_free(c);
	if (client_has_failed(err, &reply)) {
		code = client_complain(who, err, &reply);
		json_decref(reply.body);
		return code;
	}
	*ret_body = reply.body;
	return CLIENT_DONE;
}
