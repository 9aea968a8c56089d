/*
 * The control API over a primary that is made up: for tests of the API and of its clients.
 *
 *     control_stand NAME
 *
 * Prints one line for each thing that happens: "at PATH", "scale ...", "upgrade ...". A restart
 * of N slots makes 100 N events, of which the last 100 are kept. An
 * upgrade stays "running" until USR1 comes: then nobody listens any more, until USR2 comes:
 * then it is "done", or "rolled-back" if the name of its program says so. TERM ends it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/own.h"
#include "control/control.h"
#include "control/control_socket.h"

#define WORKERS_MAX     8
#define SIGNALS         3
#define EVENTS_KEPT     100
#define EVENTS_PER_TURN 50

struct stand {
	uv_loop_t loop;
	uv_signal_t signals[SIGNALS];
	const char *name;
	char path[CONTROL_PATH_MAX];
	int listen_fd;
	struct control *control;
	unsigned n_workers;
	uint64_t upgrade_id;
	uint64_t reload_id;
	const char *upgrade_state;
	bool is_bad;
	uint64_t n_events;
	unsigned n_to_come; /* events, a few in a turn of the loop */
	uv_timer_t burst;
	char text[600]; /* of each event */
};

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vprintf(format, arguments);
	va_end(arguments);
	(void)putchar('\n');
	(void)fflush(stdout);
}

/* --- the ops ------------------------------------------------------------------------- */

static json_t *upgrade_state(const struct stand *s)
{
	return json_pack("{s:I, s:s, s:s}", "id", (json_int_t)s->upgrade_id, "state",
			 s->upgrade_state, "message", s->is_bad ? "it did not take over" : "");
}

static json_t *describe_app(const struct stand *s)
{
	json_t *slots = json_array();

	for (unsigned slot = 1; slot <= s->n_workers; slot++)
		(void)json_array_append_new(slots,
					    json_pack("{s:i, s:i, s:s, s:s, s:i, s:i, s:i}", "slot",
						      (int)slot, "pid", 1000 + (int)slot, "role",
						      "member", "state", "ready", "generation", 1,
						      "restarts", 0, "uptime_ms", 61000));
	return json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:s, s:o, s:o, s:[{s:s, s:s, s:[{s:i,"
			 "s:s, s:i, s:i}]}]}",
			 "name", s->name, "tier", "shared", "generation", 1, "workers",
			 (int)s->n_workers, "keeper_pid", (int)getppid(), "primary_pid",
			 (int)getpid(), "version", "9.8.7", "started_at", "2026-01-02T03:04:05Z",
			 "upgrade", upgrade_state(s), "slots", slots, "ports", "address",
			 "127.0.0.1:8000", "kind", "tcp", "berths", "slot", 1, "state", "open",
			 "steered", 17, "migrated_in", 3);
}

static int scale(void *data, const struct control_peer *who, const struct control_scale *wanted,
		 unsigned *ret_workers, char ret_text[static CONTROL_TEXT_MAX])
{
	struct stand *s = data;
	int n = wanted->workers + (wanted->is_change ? (int)s->n_workers : 0);

	tell("scale %s%d pid=%d uid=%u", wanted->is_change ? "by " : "to ", wanted->workers,
	     (int)who->pid, (unsigned)who->uid);
	if (n == WORKERS_MAX)
		return -EBUSY; /* with no reason of ours */
	if (n < 1 || n > WORKERS_MAX) {
		(void)snprintf(ret_text, CONTROL_TEXT_MAX, "%d workers are \xff not to be had.", n);
		return -EINVAL;
	}
	s->n_workers = (unsigned)n;
	*ret_workers = s->n_workers;
	return 0;
}

static int upgrade(void *data, const struct control_peer *who, const char *binary, uint64_t *ret_id,
		   char ret_text[static CONTROL_TEXT_MAX])
{
	struct stand *s = data;

	(void)who;
	tell("upgrade %s", binary ? binary : "itself");
	if (binary && strstr(binary, "refused")) {
		(void)snprintf(ret_text, CONTROL_TEXT_MAX, "That is no berth.");
		return -EINVAL;
	}
	s->is_bad = binary && strstr(binary, "bad");
	s->upgrade_state = "running";
	*ret_id = ++s->upgrade_id;
	return 0;
}

static int reload(void *data, const struct control_peer *who, const struct control_reload *wanted,
		  uint64_t *ret_id, const char **ret_answer, char ret_text[static CONTROL_TEXT_MAX])
{
	struct stand *s = data;

	(void)who;
	tell("reload canary=%u watch=%d", wanted->canary_percent,
	     wanted->has_watch ? (int)wanted->watch_ms : -1);
	if (wanted->canary_percent == 99) {
		(void)snprintf(ret_text, CONTROL_TEXT_MAX, "Nobody could have that.");
		return -EOPNOTSUPP;
	}
	*ret_id = ++s->reload_id;
	*ret_answer = "begins";
	return 0;
}

static int undo(void *data, const struct control_peer *who, uint64_t *ret_id,
		const char **ret_answer, char ret_text[static CONTROL_TEXT_MAX])
{
	struct stand *s = data;

	(void)who;
	tell("undo");
	if (s->reload_id == 0) {
		(void)snprintf(ret_text, CONTROL_TEXT_MAX, "There is nothing to undo.");
		return -ENOENT;
	}
	*ret_id = ++s->reload_id;
	*ret_answer = "returns";
	return 0;
}

/* Done at once, with two steps to tell of. */
static json_t *reload_state(const struct stand *s)
{
	const int id = (int)s->reload_id;

	return json_pack(
		"{s:i, s:s, s:i, s:i, s:i, s:i, s:i, s:b, s:s, s:[{s:i, s:i, s:s, s:s, s:s},"
		"{s:i, s:i, s:s, s:s, s:s}]}",
		"id", id, "state", "done", "from", 1, "to", 2, "slots", 2, "new", 2, "leaving", 0,
		"has_next", 0, "message", "as asked", "steps", "reload", id, "number", 2 * id - 1,
		"at", "2026-01-02T03:04:05Z", "event", "reload_begun", "text", "one step", "reload",
		id, "number", 2 * id, "at", "2026-01-02T03:04:06Z", "event", "reloaded", "text",
		"and another");
}

static json_t *operations(const struct stand *s)
{
	return json_pack("{s:[{s:s, s:s, s:s, s:b, s:s}]}", "operations", "id", "upgrade-1", "kind",
			 "upgrade", "state", s->upgrade_state, "is_over", 0, "message", "");
}

static json_t *connections(void)
{
	return json_pack("{s:[{s:i, s:i, s:s, s:s, s:b, s:i, s:i, s:i}], s:i}", "connections",
			 "slot", 2, "pid", 1002, "peer", "127.0.0.1:40000", "port",
			 "127.0.0.1:8000", "idle", 1, "quiet_ms", 1500, "bytes_in", 70, "bytes_out",
			 4096, "total", 1);
}

static json_t *describe(void *data, enum control_document what)
{
	const struct stand *s = data;

	switch (what) {
	case CONTROL_APP: return describe_app(s);
	case CONTROL_APPS: return json_pack("{s:[o]}", "apps", describe_app(s));
	case CONTROL_RELOAD: return reload_state(s);
	case CONTROL_UPGRADE: return upgrade_state(s);
	case CONTROL_DRAIN:
		return json_pack("{s:i, s:i, s:s, s:s}", "id", 5, "slot", 2, "state", "done",
				 "message", "");
	case CONTROL_OPERATIONS: return operations(s);
	case CONTROL_CONNECTIONS: return connections();
	case CONTROL_GENERATIONS: return json_pack("{s:[]}", "generations");
	case CONTROL_BERTHS: return json_pack("{s:[]}", "berths");
	case CONTROL_WORKERS:
	case CONTROL_PORTS:
	case CONTROL_NO_DOCUMENT: break;
	}
	return NULL;
}

/* There are so many as have come; the last few are kept. */
static json_t *event(void *data, uint64_t after, uint64_t *ret_number, uint64_t *ret_lost)
{
	const struct stand *s = data;
	const uint64_t first = s->n_events > EVENTS_KEPT ? s->n_events - EVENTS_KEPT : 0;

	if (after >= s->n_events)
		return NULL;
	*ret_lost = after < first ? first - after : 0;
	*ret_number = after + *ret_lost + 1;
	return json_pack("{s:I, s:s, s:s, s:s, s:s}", "number", (json_int_t)*ret_number, "at",
			 "2026-01-02T03:04:05.678Z", "level", "info", "event", "thing", "text",
			 s->text);
}

static uint64_t reach(void *data, uint64_t number)
{
	const struct stand *s = data;

	return number < s->n_events ? number : s->n_events;
}

static void on_burst(uv_timer_t *timer)
{
	struct stand *s = timer->data;

	for (unsigned i = 0; i < EVENTS_PER_TURN && s->n_to_come; i++, s->n_to_come--) {
		s->n_events++;
		control_note_event(s->control);
	}
	if (s->n_to_come == 0) {
		(void)uv_timer_stop(timer);
		tell("events %llu", (unsigned long long)s->n_events);
	}
}

static int stop(void *data, const struct control_peer *who, bool is_now, unsigned *ret_workers,
		char ret_text[static CONTROL_TEXT_MAX])
{
	struct stand *s = data;

	(void)who;
	(void)ret_text;
	tell("stop%s", is_now ? " now" : "");
	*ret_workers = s->n_workers;
	(void)kill(getpid(), SIGTERM);
	return 0;
}

/* That of more than one slot is a burst of events, too: a hundred for each. */
static int restart(void *data, const struct control_peer *who, const struct control_restart *wanted,
		   uint64_t *ret_run, char ret_text[static CONTROL_TEXT_MAX])
{
	struct stand *s = data;
	unsigned n = 0;

	(void)who;
	(void)ret_text;
	for (unsigned i = 0; i < APP_WORKERS_MAX; i++)
		n += wanted->slots[i];
	tell("restart %s%u", wanted->is_all ? "all" : "", n);
	s->n_to_come = 100 * n;
	(void)uv_timer_start(&s->burst, on_burst, 0, 1);
	*ret_run = 7;
	return 0;
}

static int drain(void *data, const struct control_peer *who, const struct control_drain *wanted,
		 uint64_t *ret_id, char ret_text[static CONTROL_TEXT_MAX])
{
	(void)data;
	(void)who;
	(void)ret_text;
	tell("drain %u", wanted->slot);
	*ret_id = 5;
	return 0;
}

static int send_signal(void *data, const struct control_peer *who,
		       const struct control_kill *wanted, pid_t *ret_pid,
		       char ret_text[static CONTROL_TEXT_MAX])
{
	(void)data;
	(void)who;
	tell("kill %u with %d", wanted->slot, wanted->signal);
	if (wanted->slot > WORKERS_MAX) {
		(void)snprintf(ret_text, CONTROL_TEXT_MAX, "There is no slot %u.", wanted->slot);
		return -EINVAL;
	}
	*ret_pid = 1000 + (pid_t)wanted->slot;
	return 0;
}

static const struct control_ops ops = {
	.describe = describe,
	.event = event,
	.reach = reach,
	.scale = scale,
	.reload = reload,
	.undo = undo,
	.upgrade = upgrade,
	.stop = stop,
	.restart = restart,
	.drain = drain,
	.kill = send_signal,
};

/* --- coming and going ---------------------------------------------------------------- */

static int open_control(struct stand *s)
{
	int err = control_socket_open(s->name, &s->listen_fd, s->path);
	struct control_options o = { .loop = &s->loop, .ops = &ops, .data = s };

	if (err)
		return err;
	o.listen_fd = s->listen_fd;
	err = control_new(&o, &s->control);
	if (!err)
		tell("at %s", s->path);
	return err;
}

static void close_control(struct stand *s)
{
	s->control = control_free(s->control);
	control_socket_remove(s->path, s->listen_fd);
	drop_fd(&s->listen_fd);
}

static void on_signal(uv_signal_t *signal, int number)
{
	struct stand *s = signal->data;

	if (number == SIGUSR2) {
		s->upgrade_state = s->is_bad ? "rolled-back" : "done";
		if (open_control(s) != 0)
			abort();
		return;
	}
	close_control(s);
	if (number == SIGUSR1) {
		tell("gone");
		return;
	}
	for (size_t i = 0; i < SIGNALS; i++)
		uv_close((uv_handle_t *)&s->signals[i], NULL);
	uv_close((uv_handle_t *)&s->burst, NULL);
}

int main(int argc, char **argv)
{
	static const int numbers[SIGNALS] = { SIGTERM, SIGUSR1, SIGUSR2 };
	struct stand s = { .listen_fd = NO_FD, .n_workers = 2, .upgrade_state = "none" };
	int err;

	if (argc != 2 || uv_loop_init(&s.loop) != 0)
		return 2;
	s.name = argv[1];
	memset(s.text, 'x', sizeof(s.text) - 1);
	(void)uv_timer_init(&s.loop, &s.burst);
	s.burst.data = &s;
	err = open_control(&s);
	if (err) {
		tell("%s", strerrorname_np(-err));
		return 1;
	}
	for (size_t i = 0; i < SIGNALS; i++) {
		(void)uv_signal_init(&s.loop, &s.signals[i]);
		s.signals[i].data = &s;
		(void)uv_signal_start(&s.signals[i], on_signal, numbers[i]);
	}
	(void)uv_run(&s.loop, UV_RUN_DEFAULT);
	return uv_loop_close(&s.loop) == 0 ? 0 : 1;
}
