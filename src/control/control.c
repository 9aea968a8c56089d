/*
 * Joins libmicrohttpd to a libuv loop: its epoll descriptor is watched like any other, and
 * a timer stands for its time limits. See control.h.
 *
 * libmicrohttpd ends connections that are silent. A client that says a byte now and then, or
 * reads one, is not silent: so every request has a deadline as well. And when all places are
 * taken, the connection that has been without an answer for longest makes room: a client
 * that holds many keeps nobody else out.
 */
#include "control/control.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/container_of.h"
#include "base/number.h"
#include "control/door.h"
#include "control/follow.h"
#include "control/routes.h"
#include "control/send.h"
#include "os/clock.h"

#define SILENCE_MAX_S   10U
#define REQUEST_MAX_MS  20000
#define MEMORY_MAX      ((size_t)32 * 1024) /* of one connection: headers, mostly */
#define MEMORY_STEP     ((size_t)2 * 1024)
#define SWEEP_MS        1000
#define BEAT_MS         5000 /* of followers, in half the time that ends who is silent */
#define HANDLES         2    /* and those of the door */
#define STATUS_TOO_MUCH 413
#define OVER_MAX        (16 * (size_t)CONTROL_BODY_MAX) /* who sends more is cut off */

struct connection {
	struct MHD_Connection *http; /* NULL: the place is free */
	int fd;
	bool is_cut;
	bool is_following; /* its answer has no end, and is bounded in another way */
	struct control_peer peer;
	unsigned rights;  /* ROUTES_ bits; 0: it is not answered */
	int64_t since_ms; /* when it was made, or got its last answer */
	uint64_t order;   /* the same, as a rising number: many have one millisecond */
	struct buf body;  /* of the request that is being read */
	size_t n_over;    /* bytes of a body that is too long; 0: it is not */
};

struct control {
	struct control_options o;
	struct MHD_Daemon *http;
	struct door door;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned n_handles; /* that are not closed yet */
	unsigned n_connections;
	unsigned n_max;  /* how many there may be: CONTROL_CONNECTIONS_MAX, or fewer */
	unsigned n_shut; /* how many there were when the door was shut */
	uint64_t order;  /* of the last connection that was made or got an answer */
	bool is_ending;  /* what has been answered is sent, and nothing else is done */
	int64_t beat_ms; /* when the last one was */
	struct follow follow;
	struct connection connections[CONTROL_CONNECTIONS_MAX];
};

/* --- connections --------------------------------------------------------------------- */

static unsigned rights_of(const struct control_peer *peer)
{
	return peer->uid == geteuid() || peer->uid == 0 ? ROUTES_READ | ROUTES_CHANGE : 0;
}

static void begin_wait(struct control *control, struct connection *c)
{
	c->since_ms = clock_ms();
	c->order = ++control->order;
}

/* Whatever is written from now on is lost, and the next read is the end. */
static void cut(struct connection *c)
{
	c->is_cut = true;
	c->rights = 0;
	(void)shutdown(c->fd, SHUT_RDWR);
}

/* But not who has come or got an answer last: with nobody else there, nobody makes room. */
static bool cut_eldest(struct control *control)
{
	struct connection *eldest = NULL;

	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		struct connection *c = &control->connections[i];

		if (c->http && !c->is_cut && !c->is_following && c->order != control->order &&
		    (!eldest || c->order < eldest->order))
			eldest = c;
	}
	if (eldest)
		cut(eldest);
	return eldest;
}

static void cut_overdue(struct control *control)
{
	int64_t now_ms = clock_ms();

	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		struct connection *c = &control->connections[i];

		if (c->http && !c->is_cut && !c->is_following &&
		    now_ms - c->since_ms > REQUEST_MAX_MS)
			cut(c);
	}
}

static void read_peer(struct connection *c)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return;
	c->peer = (struct control_peer){ .pid = credentials.pid, .uid = credentials.uid };
	c->rights = rights_of(&c->peer);
}

/* libmicrohttpd makes no more connections than there are places. */
static struct connection *free_place(struct control *control)
{
	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		if (!control->connections[i].http)
			return &control->connections[i];
	return NULL;
}

static struct connection *connection_opened(struct control *control, struct MHD_Connection *http)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(http, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *c = free_place(control);

	if (!info || !c)
		return NULL; /* it is not answered */
	*c = (struct connection){ .http = http, .fd = info->connect_fd };
	begin_wait(control, c);
	buf_init(&c->body, CONTROL_BODY_MAX);
	read_peer(c);
	if (!c->rights)
		cut(c);
	control->n_connections++;
	return c;
}

static void on_connection(void *cls, struct MHD_Connection *http, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct control *control = cls;
	struct connection *c = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = connection_opened(control, http);
	} else if (c) {
		buf_done(&c->body);
		c->http = NULL;
		control->n_connections--;
	}
}

static struct connection *connection_of(struct MHD_Connection *http)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(http, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* --- requests ------------------------------------------------------------------------ */

static enum MHD_Result send_stream(struct control *control, struct connection *c, uint64_t after)
{
	struct MHD_Response *response = NULL;
	enum MHD_Result result = MHD_NO;
	int err = follow_begin(&control->follow, c->http, after, &response);

	if (err == -EBUSY)
		return send_error(c->http, MHD_HTTP_SERVICE_UNAVAILABLE, "busy",
				  "As many follow the events as may.");
	if (err)
		return MHD_NO;
	if (MHD_add_response_header(response, "Content-Type", "application/x-ndjson") == MHD_YES &&
	    MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_YES)
		result = MHD_queue_response(c->http, MHD_HTTP_OK, response);
	c->is_following = result == MHD_YES;
	MHD_destroy_response(response);
	return result;
}

/* The form is libmicrohttpd's. */
static enum MHD_Result on_argument(void *cls, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	struct requests_query *query = cls;

	(void)kind;
	query->is_too_long = query->n == REQUESTS_QUERY_MAX;
	if (query->is_too_long)
		return MHD_NO;
	query->at[query->n].name = name;
	query->at[query->n++].value = value ? value : "";
	return MHD_YES;
}

static enum MHD_Result answer_request(struct control *control, struct connection *c,
				      const char *method, const char *path)
{
	struct requests_query query = { 0 };
	struct answers_call call = {
		.ops = control->o.ops,
		.data = control->o.data,
		.who = &c->peer,
		.body = buf_span(&c->body),
		.query = &query,
	};
	const struct route *route = NULL;
	struct answer answer;

	switch (routes_find(method, path, c->rights, &route)) {
	case ROUTES_NO_PATH:
		return send_error(c->http, MHD_HTTP_NOT_FOUND, "not_found",
				  "There is no such path: see /v1/openapi.json.");
	case ROUTES_NO_METHOD: return send_no_method(c->http, path);
	case ROUTES_FORBIDDEN:
		return send_error(c->http, MHD_HTTP_FORBIDDEN, "not_permitted",
				  "This user may not do this.");
	case ROUTES_FOUND: break;
	}
	(void)MHD_get_connection_values(c->http, MHD_GET_ARGUMENT_KIND, on_argument, &query);
	call.document = route->document;
	call.id = routes_id(route, path);
	answer = route->give(&call);
	if (answer.is_stream)
		return send_stream(control, c, answer.after);
	return send_json(c->http, &answer, NULL);
}

/* Whether more is announced than is taken. What isn't announced is counted as it comes. */
static bool announces_too_much(struct MHD_Connection *http)
{
	const char *size = MHD_lookup_connection_value(http, MHD_HEADER_KIND, "Content-Length");
	uint64_t n;

	return size && !number_parse(size, strlen(size), CONTROL_BODY_MAX, &n);
}

static enum MHD_Result send_too_much(struct MHD_Connection *http)
{
	return send_error(http, STATUS_TOO_MUCH, "too_large",
			  "The body has more bytes than are taken.");
}

static enum MHD_Result begin_request(struct MHD_Connection *http, struct connection *c)
{
	if (!c || !c->rights)
		return MHD_NO; /* ends the connection, with nothing said */
	buf_done(&c->body);
	c->n_over = 0;
	if (announces_too_much(http))
		return send_too_much(http);
	return MHD_YES;
}

/*
 * Called with each request when its header is there, for each part of its body, and at its
 * end. The form is libmicrohttpd's.
 */
/* NOLINTNEXTLINE(readability-function-size) */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *http, const char *url,
				  const char *method, const char *version, const char *part,
				  size_t *part_size, void **request)
{
	struct control *control = cls;
	struct connection *c = *request;

	(void)version;
	if (control->is_ending)
		return MHD_NO;
	if (!c) {
		c = connection_of(http);
		*request = c;
		return begin_request(http, c);
	}
	if (*part_size == 0 && c->n_over)
		return send_too_much(http);
	if (*part_size == 0)
		return answer_request(control, c, method, url);
	if (!c->n_over && !buf_append(&c->body, part, *part_size))
		c->n_over = buf_span(&c->body).size;
	if (c->n_over)
		c->n_over +=
			*part_size; /* an answer can be sent at the end only: it is read, and lost */
	*part_size = 0;
	return c->n_over < OVER_MAX ? MHD_YES : MHD_NO;
}

static void on_completed(void *cls, struct MHD_Connection *http, void **request,
			 enum MHD_RequestTerminationCode code)
{
	struct connection *c = *request;

	(void)http;
	(void)code;
	if (!c)
		return;
	buf_done(&c->body);
	c->is_following = false;
	begin_wait(cls, c);
}

/* --- the loop ------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer);

/* One round of libmicrohttpd's work: bounded, as is what each client may have it do. */
static void run(struct control *control)
{
	MHD_UNSIGNED_LONG_LONG wait_ms = SWEEP_MS;

	cut_overdue(control);
	if (clock_ms() - control->beat_ms >= BEAT_MS) {
		control->beat_ms = clock_ms();
		follow_beat(&control->follow);
	}
	(void)MHD_run(control->http);
	if (control->n_connections < control->n_shut)
		door_open(&control->door);
	if (control->n_connections <= control->n_max / 2)
		control->n_max = CONTROL_CONNECTIONS_MAX;
	if (control->n_connections == 0) {
		(void)uv_timer_stop(&control->timer);
		return;
	}
	if (MHD_get_timeout(control->http, &wait_ms) != MHD_YES || wait_ms > SWEEP_MS)
		wait_ms = SWEEP_MS;
	(void)uv_timer_start(&control->timer, on_timer, wait_ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
	run(container_of(timer, struct control, timer));
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	run(container_of(poll, struct control, poll));
}

/* Descriptors are scarce: as many connections as there are now, until half of them are gone. */
static void take_no_more(struct control *control)
{
	if (control->n_connections < control->n_max)
		control->n_max = control->n_connections;
}

static void on_client(struct door *door, int fd)
{
	struct control *control = container_of(door, struct control, door);
	bool is_narrow = fd < 0 || door_is_narrow(fd);

	/* it takes the descriptor, also when it cannot use it; an address it wants as well */
	if (fd >= 0)
		(void)MHD_add_connection(control->http, fd,
					 &(struct sockaddr){ .sa_family = AF_UNIX },
					 sizeof(struct sockaddr));
	if (is_narrow)
		take_no_more(control);
	if (control->n_connections >= control->n_max &&
	    (cut_eldest(control) || control->n_connections == CONTROL_CONNECTIONS_MAX)) {
		door_shut(door); /* until there is room */
		control->n_shut = control->n_connections;
	}
	run(control);
}

static void on_closed(uv_handle_t *handle)
{
	struct control *control = handle->data;

	if (--control->n_handles == 0)
		free(control);
}

static int start_http(struct control *control)
{
	const union MHD_DaemonInfo *info;

	control->http = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
		on_request, control, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONTROL_CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_MAX_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		MEMORY_MAX, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, MEMORY_STEP,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, control, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, control, MHD_OPTION_END);
	if (!control->http)
		return -EIO;
	info = MHD_get_daemon_info(control->http, MHD_DAEMON_INFO_EPOLL_FD);
	return info ? uv_poll_init(control->o.loop, &control->poll, info->epoll_fd) : -EIO;
}

static void stop_http(struct control *control)
{
	if (!control->http)
		return;
	control->is_ending = true;
	follow_end(&control->follow);
	(void)MHD_run(control->http);
	MHD_stop_daemon(control->http);
	control->http = NULL;
}

/* The loop frees it. */
static void end(struct control *control)
{
	/* before libmicrohttpd closes what is watched */
	uv_close((uv_handle_t *)&control->poll, on_closed);
	uv_close((uv_handle_t *)&control->timer, on_closed);
	stop_http(control);
}

int control_new(const struct control_options *o, struct control **ret_control)
{
	struct control *control = calloc(1, sizeof(*control));
	int err;

	if (!control)
		return -ENOMEM;
	control->o = *o;
	control->n_max = CONTROL_CONNECTIONS_MAX;
	follow_init(&control->follow, o->ops, o->data);
	err = start_http(control);
	if (err) {
		stop_http(control);
		free(control);
		return err;
	}
	control->n_handles = HANDLES;
	control->poll.data = control;
	(void)uv_timer_init(o->loop, &control->timer);
	control->timer.data = control;
	err = door_init(&control->door, o->loop, o->listen_fd, on_client);
	if (err) {
		end(control);
		return err;
	}
	control->n_handles += DOOR_HANDLES;
	(void)uv_poll_start(&control->poll, UV_READABLE, on_event);
	*ret_control = control;
	return 0;
}

void control_note_event(struct control *control)
{
	/* whoever notes it may be in the middle of an answer: it is sent from the loop */
	if (control && follow_wake(&control->follow))
		(void)uv_timer_start(&control->timer, on_timer, 0, 0);
}

struct control *control_free(struct control *c)
{
	if (!c)
		return NULL;
	door_done(&c->door, on_closed, c);
	end(c);
	return NULL;
}
