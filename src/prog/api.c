/*
 * What the API asks becomes a call of the primary's, and its result a sentence.
 */
#include "prog/api.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "base/own.h"
#include "control/control.h"
#include "control/control_socket.h"
#include "primary/describe.h"
#include "primary/event_log.h"

static json_t *on_describe(void *data, enum control_document what)
{
	struct api *a = data;
	struct described d;

	primary_look(a->primary, &d);
	switch (what) {
	case CONTROL_NO_DOCUMENT: break;
	case CONTROL_APP: return describe_app(&d);
	case CONTROL_APPS: return describe_apps(&d);
	case CONTROL_WORKERS: return describe_workers(&d);
	case CONTROL_PORTS: return describe_ports(&d);
	case CONTROL_BERTHS: return describe_berths(&d);
	case CONTROL_GENERATIONS: return describe_generations(&d);
	case CONTROL_OPERATIONS: return describe_operations(&d);
	case CONTROL_CONNECTIONS: return describe_connections(&d);
	case CONTROL_RELOAD: return describe_reload(&d);
	case CONTROL_UPGRADE: return describe_upgrade(&d);
	case CONTROL_DRAIN: return describe_drain(&d);
	}
	return NULL;
}

static json_t *on_event(void *data, uint64_t after, uint64_t *ret_number, uint64_t *ret_lost)
{
	struct api *a = data;
	struct event event;
	json_t *object;

	if (!events_next(event_log_events(primary_events(a->primary)), after, &event, ret_lost))
		return NULL;
	*ret_number = event.number;
	object = describe_event(&event);
	(void)json_object_set_new(object, "app", json_string(a->app));
	return object;
}

static uint64_t on_reach(void *data, uint64_t number)
{
	struct api *a = data;

	return events_reach(event_log_events(primary_events(a->primary)), number);
}

/* --- who asks for what --------------------------------------------------------------- */

#define WHAT_MAX 192

/* One request, from its beginning to its end. */
struct asked {
	struct primary *primary;
	char what[WHAT_MAX];
	char *text; /* the reason, if it is not done */
};

/* @ret_text: room for CONTROL_TEXT_MAX */
__attribute__((format(printf, 4, 5))) static struct asked
hear(struct api *a, const struct control_peer *who, char *ret_text, const char *format, ...)
{
	const struct event_asker asker = { true, who->uid, who->pid };
	struct asked asked = { .primary = a->primary, .text = ret_text };
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(asked.what, sizeof(asked.what), format, arguments);
	va_end(arguments);
	primary_hear(a->primary, &asker, asked.what);
	return asked;
}

/* Says why not, where nothing better is known. */
__attribute__((format(printf, 2, 3))) static void because(const struct asked *asked,
							  const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(asked->text, CONTROL_TEXT_MAX, format, arguments);
	va_end(arguments);
}

/* Returns what the API is to be told for @r of the primary's. */
static int answer(const struct asked *asked, int r)
{
	if (r == -EBUSY && !asked->text[0])
		because(asked, "berth is stopping");
	else if (r < 0 && !asked->text[0])
		because(asked, "%s", strerror(-r));
	primary_answer(asked->primary, asked->what, r < 0 ? asked->text : NULL);
	return r == -EALREADY ? -EBUSY : r;
}

/* --- what changes something ---------------------------------------------------------- */

static int on_scale(void *data, const struct control_peer *who, const struct control_scale *scale,
		    unsigned *ret_workers, char ret_text[static CONTROL_TEXT_MAX])
{
	struct api *a = data;
	int n = scale->workers + (scale->is_change ? (int)primary_n_wanted(a->primary) : 0);
	struct asked asked = hear(a, who, ret_text, "to scale to %d", n);
	int r = primary_scale(a->primary, n);

	if (r == -EINVAL)
		because(&asked, "an app has 1 to %d workers, not %d", APP_WORKERS_MAX, n);
	else if (r == -EALREADY)
		because(&asked, "a reload is under way: slots stay as they are until it is final");
	*ret_workers = primary_n_wanted(a->primary);
	return answer(&asked, r);
}

static int on_reload(void *data, const struct control_peer *who,
		     const struct control_reload *reload, uint64_t *ret_id, const char **ret_answer,
		     char ret_text[static CONTROL_TEXT_MAX])
{
	struct api *a = data;
	const struct primary_reload_wish wish = {
		.canary_percent = reload->canary_percent,
		.has_watch = reload->has_watch,
		.watch_ms = reload->watch_ms,
		.uid = who->uid,
	};
	struct asked asked = hear(a, who, ret_text, "to reload%s",
				  reload->canary_percent ? ", a canary first" : "");
	int r = primary_reload(a->primary, &wish, ret_id, ret_answer);

	if (r == -EOPNOTSUPP)
		because(&asked,
			"a canary needs the steered tier: berth doctor says what that needs");
	else if (r == -EINVAL)
		because(&asked, "A canary must be watched for some time.");
	return answer(&asked, r);
}

static int on_undo(void *data, const struct control_peer *who, uint64_t *ret_id,
		   const char **ret_answer, char ret_text[static CONTROL_TEXT_MAX])
{
	struct api *a = data;
	struct asked asked = hear(a, who, ret_text, "to undo the last reload");
	int r = primary_undo(a->primary, who->uid, ret_id, ret_answer);

	if (r == -ENOENT)
		because(&asked, "there is no reload to be undone");
	return answer(&asked, r);
}

static int on_upgrade(void *data, const struct control_peer *who, const char *binary,
		      uint64_t *ret_id, char ret_text[static CONTROL_TEXT_MAX])
{
	struct api *a = data;
	const char *to = binary ? binary : "the program on the disk";
	struct asked asked = hear(a, who, ret_text, "to upgrade to %s", to);
	int r = primary_upgrade(a->primary, binary, ret_id);

	if (r == -EALREADY)
		because(&asked, "another upgrade is under way");
	else if (r < 0 && r != -EBUSY)
		because(&asked, "cannot upgrade to %s: %s", to, strerror(-r));
	r = answer(&asked, r);
	return r == -ENOENT ? -EINVAL : r;
}

/* The answer has to be on its way before all of this may end. */
static void on_stop_soon(uv_timer_t *timer)
{
	struct api *a = container_of(timer, struct api, stop_soon);

	primary_stop(a->primary, a->is_stop_now);
}

static int on_stop(void *data, const struct control_peer *who, bool is_now, unsigned *ret_workers,
		   char ret_text[static CONTROL_TEXT_MAX])
{
	struct api *a = data;
	struct asked asked = hear(a, who, ret_text, "to stop%s", is_now ? " at once" : "");

	*ret_workers = primary_n_workers(a->primary);
	a->is_stop_now |= is_now;
	(void)uv_timer_start(&a->stop_soon, on_stop_soon, 0, 0);
	return answer(&asked, 0);
}

static int on_restart(void *data, const struct control_peer *who,
		      const struct control_restart *restart, uint64_t *ret_run,
		      char ret_text[static CONTROL_TEXT_MAX])
{
	struct api *a = data;
	struct asked asked = hear(a, who, ret_text, "to restart %s",
				  restart->is_all ? "every worker" : "some workers");
	int r = primary_restart(a->primary, restart->is_all ? NULL : restart->slots, ret_run);

	if (r == -EINVAL)
		because(&asked, "there are slots 1 to %u only", primary_n_wanted(a->primary));
	else if (r == -EALREADY)
		because(&asked, "a reload is under way");
	return answer(&asked, r);
}

static int on_drain(void *data, const struct control_peer *who, const struct control_drain *drain,
		    uint64_t *ret_id, char ret_text[static CONTROL_TEXT_MAX])
{
	struct api *a = data;
	struct asked asked = hear(a, who, ret_text, "to drain slot %u", drain->slot);
	int r = primary_drain(a->primary, drain->slot, ret_id);

	if (r == -EINVAL)
		because(&asked, "there are slots 1 to %u only", primary_n_wanted(a->primary));
	else if (r == -ENOENT)
		because(&asked, "no worker serves in slot %u now", drain->slot);
	else if (r == -EALREADY)
		because(&asked, "a reload is under way, or another worker is replaced or drains");
	return answer(&asked, r);
}

static int on_kill(void *data, const struct control_peer *who, const struct control_kill *kill,
		   pid_t *ret_pid, char ret_text[static CONTROL_TEXT_MAX])
{
	struct api *a = data;
	struct asked asked =
		hear(a, who, ret_text, "to send slot %u signal %d", kill->slot, kill->signal);
	int r = primary_kill(a->primary, kill->slot, kill->signal, ret_pid);

	if (r == -EINVAL)
		because(&asked, "there are slots 1 to %u only", primary_n_wanted(a->primary));
	else if (r == -ENOENT)
		because(&asked, "no worker runs in slot %u now", kill->slot);
	return answer(&asked, r);
}

static const struct control_ops ops = {
	.describe = on_describe,
	.event = on_event,
	.reach = on_reach,
	.scale = on_scale,
	.reload = on_reload,
	.undo = on_undo,
	.upgrade = on_upgrade,
	.stop = on_stop,
	.restart = on_restart,
	.drain = on_drain,
	.kill = on_kill,
};

/* --- beginning and end --------------------------------------------------------------- */

static void on_news(void *data)
{
	const struct api *a = data;

	control_note_event(a->control);
}

static const char *reason(int err)
{
	switch (-err) {
	case EADDRINUSE: return "another berth has this name, --name gives it its own";
	case ENOENT: return "neither BERTH_RUNTIME_DIR nor XDG_RUNTIME_DIR names a directory";
	default: return strerror(-err);
	}
}

/* Its path is in none of our hands where it is too long. */
static void say_too_long(const char *app, char ret_text[static PRIMARY_API_TEXT])
{
	const char *chosen = getenv("BERTH_RUNTIME_DIR");
	const bool is_chosen = chosen && chosen[0];
	const char *directory = is_chosen ? chosen : getenv("XDG_RUNTIME_DIR");

	(void)snprintf(ret_text, PRIMARY_API_TEXT,
		       "%s%s/%s" CONTROL_SOCKET_SUFFIX " is longer than the path of a socket may "
		       "be, %d bytes with its end: set BERTH_RUNTIME_DIR to a shorter one",
		       directory ? directory : "", is_chosen ? "" : "/berth", app,
		       CONTROL_PATH_MAX);
}

/* The socket of our predecessors, if clients still find it. Closes it otherwise. */
static int keep_or_open(const char *app, int *fd, char ret_text[static PRIMARY_API_TEXT])
{
	char path[CONTROL_PATH_MAX];
	own_fd made = NO_FD;
	const bool had_one = *fd >= 0;
	int r = control_socket_own_path(app, path);

	if (had_one && (r < 0 || control_socket_is_at(path, *fd)))
		return 0;
	if (r == 0)
		r = control_socket_open(app, &made, path);
	if (r == -ENAMETOOLONG) {
		say_too_long(app, ret_text);
		return r;
	}
	if (r < 0) {
		(void)snprintf(ret_text, PRIMARY_API_TEXT, "%s%s",
			       had_one ? "it has gone from its place, and there cannot be another: "
				       : "",
			       reason(r));
		return r;
	}
	if (had_one)
		(void)snprintf(ret_text, PRIMARY_API_TEXT,
			       "the control socket had gone from its place: there is another, at "
			       "%s",
			       path);
	drop_fd(fd);
	*fd = take_fd(&made);
	return 0;
}

static int begin(void *data, struct primary *p, const struct primary_api_place *place, int *fd,
		 char ret_text[static PRIMARY_API_TEXT])
{
	struct api *a = data;
	struct control_options options = { .loop = place->loop, .ops = &ops, .data = a };
	int r = keep_or_open(place->app, fd, ret_text);

	if (r < 0)
		return r;
	options.listen_fd = *fd;
	a->primary = p;
	a->app = place->app;
	r = control_new(&options, &a->control);
	if (r < 0) {
		(void)snprintf(ret_text, PRIMARY_API_TEXT, "%s", strerror(-r));
		return r;
	}
	(void)uv_timer_init(place->loop, &a->stop_soon);
	event_log_tell(primary_events(p), on_news, a);
	return 0;
}

static void end(void *data, const char *app, int fd)
{
	struct api *a = data;
	char directories[CONTROL_DIRECTORIES_MAX][CONTROL_PATH_MAX];
	size_t n = control_socket_directories(directories);

	event_log_tell(primary_events(a->primary), NULL, NULL);
	if (a->control)
		uv_close((uv_handle_t *)&a->stop_soon, NULL);
	a->control = control_free(a->control);
	for (size_t i = 0; i < n; i++) {
		char path[CONTROL_PATH_MAX];

		if (control_socket_path(directories[i], app, path) == 0)
			control_socket_remove(path, fd);
	}
}

struct primary_api api_for_primary(struct api *a)
{
	return (struct primary_api){ .begin = begin, .end = end, .data = a };
}
