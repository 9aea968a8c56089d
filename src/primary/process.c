/*
 * The leader is watched by its report socket and by whoever reaps children, its tree
 * by the notify fd of its filter.
 */
#include "primary/process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/container_of.h"
#include "base/own.h"
#include "os/fault.h"
#include "os/notif.h"
#include "os/tree.h"
#include "primary/output.h"
#include "primary/process_parts.h"
#include "primary/run_log.h"

#define KILL_AGAIN_FIRST_MS 10
#define KILL_AGAIN_MAX_MS   1000

/* --- descriptors and their names --- */

#define RUN_NAME "%s/%s.%u/%" PRIu64 /* of a descriptor of one run */

static int store_one(struct process *p, const char *what, int fd)
{
	return keep_store(p->keep, fd, RUN_NAME, what, p->client.source.app, p->client.source.slot,
			  p->client.run);
}

void process_forget(struct process *p, const char *what)
{
	keep_drop(p->keep, RUN_NAME, what, p->client.source.app, p->client.source.slot,
		  p->client.run);
}

int process_take(struct process *p, const char *what)
{
	return keep_take(p->keep, RUN_NAME, what, p->client.source.app, p->client.source.slot,
			 p->client.run);
}

void process_store(struct process *p)
{
	(void)store_one(p, "worker", p->pidfd);
	if (p->client.notify_fd >= 0)
		(void)store_one(p, "notify", p->client.notify_fd);
	if (p->report_fd >= 0)
		(void)store_one(p, "channel", p->report_fd);
}

static void on_closed(uv_handle_t *handle)
{
	struct process *p = handle->data;

	if (--p->n_handles == 0 && p->is_freed)
		free(p);
}

static void close_poll(uv_poll_t *poll, bool *is_open, int *fd)
{
	if (!*is_open)
		return;
	*is_open = false;
	uv_close((uv_handle_t *)poll, on_closed);
	/* The loop has forgotten the descriptor by now; only its handle lingers. */
	drop_fd(fd);
}

static int open_poll(struct process *p, uv_poll_t *poll, bool *is_open, int fd, uv_poll_cb on_event)
{
	int r = uv_poll_init(p->loop, poll, fd);

	if (r < 0)
		return r;
	poll->data = p;
	p->n_handles++;
	*is_open = true;
	return uv_poll_start(poll, UV_READABLE, on_event);
}

void process_become_gone(struct process *p)
{
	if (p->is_gone || !p->has_exited)
		return;
	p->is_gone = true;
	process_forget(p, "notify");
	(void)uv_timer_stop(&p->again);
	close_poll(&p->notify_poll, &p->is_notifying, &p->client.notify_fd);
}

static void on_notify(uv_poll_t *handle, int status, int events)
{
	struct process *p = container_of(handle, struct process, notify_poll);

	(void)status;
	(void)events;
	if (broker_serve(p->broker, &p->client) != BROKER_DESERTED)
		return;
	(void)uv_poll_stop(handle);
	if (!p->has_exited || p->is_gone)
		return; /* the leader itself will be reported first */
	process_become_gone(p);
	p->events->tree_gone(p);
}

int process_watch_notify(struct process *p)
{
	return open_poll(p, &p->notify_poll, &p->is_notifying, p->client.notify_fd, on_notify);
}

static void begin_serving(struct process *p, int notify_fd)
{
	p->client.notify_fd = notify_fd;
	if (process_watch_notify(p) == 0 && store_one(p, "notify", notify_fd) == 0) {
		spawn_go(p->report_fd);
		return;
	}
	/* Its calls would wait for ever: without our end they fail. */
	close_poll(&p->notify_poll, &p->is_notifying, &p->client.notify_fd);
	drop_fd(&p->client.notify_fd);
	process_signal_leader(p, SIGKILL);
}

/* Takes all reports there are: the notify fd must not be missed because its sender died. */
static void read_reports(struct process *p)
{
	for (;;) {
		int notify_fd = NO_FD;

		switch (spawn_read_report(p->report_fd, &notify_fd, &p->failure)) {
		case SPAWN_REPORT_NOTHING: return;
		case SPAWN_REPORT_NOTIFY: begin_serving(p, notify_fd); break;
		case SPAWN_REPORT_FAILED:
			p->has_failed = true;
			/* It ends by itself, unless the descriptor was lost on its way to us. */
			process_signal_leader(p, SIGKILL);
			/* The keeper's copy stays: what failed is in it, until that has been dealt with. */
			close_poll(&p->report_poll, &p->is_reporting, &p->report_fd);
			return;
		case SPAWN_REPORT_RUNNING:
			process_forget(p, "channel");
			close_poll(&p->report_poll, &p->is_reporting, &p->report_fd);
			if (!p->has_failed)
				p->events->began(p);
			return;
		}
	}
}

static void on_report(uv_poll_t *handle, int status, int events)
{
	(void)status;
	(void)events;
	read_reports(container_of(handle, struct process, report_poll));
}

int process_watch_report(struct process *p)
{
	return open_poll(p, &p->report_poll, &p->is_reporting, p->report_fd, on_report);
}

int process_open_streams(struct process *p, int fds[static 2])
{
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++) {
		struct output_stream_name name = {
			.id = run_log_id(p->client.run, (unsigned)i),
			.is_stderr = i == 1,
		};

		if (fds[i] < 0)
			continue;
		r = output_stream_open(p->broker->output, &p->client.source, &name, fds[i],
				       &p->streams[i]);
		if (r == 0)
			(void)take_fd(&fds[i]);
	}
	return r;
}

void process_finish_streams(struct process *p)
{
	for (int i = 0; i < 2; i++) {
		output_stream_finish(p->streams[i]);
		p->streams[i] = NULL;
	}
}

void process_exited(struct process *p, int status)
{
	if (p->has_exited)
		return;
	if (p->is_reporting)
		read_reports(p);
	if (!p->has_failed)
		process_forget(p, "channel");
	close_poll(&p->report_poll, &p->is_reporting, &p->report_fd);
	close_poll(&p->end_poll, &p->is_watched, &p->end_fd);
	p->has_exited = true;
	process_finish_streams(p);
	if (p->client.notify_fd < 0 || notif_is_deserted(p->client.notify_fd))
		process_become_gone(p);
	if (p->has_failed)
		p->events->failed(p, &p->failure);
	else
		p->events->exited(p, status);
}

static void on_again(uv_timer_t *timer)
{
	struct process *p = container_of(timer, struct process, again);

	process_signal_rest(p, SIGKILL);
	p->again_ms = p->again_ms < KILL_AGAIN_MAX_MS / 2 ? p->again_ms * 2 : KILL_AGAIN_MAX_MS;
	(void)uv_timer_start(timer, on_again, p->again_ms, 0);
}

pid_t process_pid(const struct process *p)
{
	return p->client.source.pid;
}

bool process_is_gone(const struct process *p)
{
	return p->is_gone;
}

void process_signal_leader(const struct process *p, int signal)
{
	if (p->has_exited)
		return;
	(void)syscall(SYS_pidfd_send_signal, p->pidfd, signal, NULL, 0);
	fault_point("process_signal_leader");
}

/* An orphan's end is seen before its new parent has reaped it. */
static bool is_reaped(const struct process *p)
{
	return p->has_exited && syscall(SYS_pidfd_send_signal, p->pidfd, 0, NULL, 0) < 0;
}

static struct tree tree_of(const struct process *p)
{
	return (struct tree){
		.leader = process_pid(p),
		.is_reaped = is_reaped(p),
		.is_adrift = p->origin != keep_pid(p->keep),
		.mark = p->mark,
		.sign = p->sign,
	};
}

struct tree process_tree(const struct process *p)
{
	return tree_of(p);
}

void process_signal_rest(const struct process *p, int signal)
{
	const struct tree tree = tree_of(p);

	if (!p->is_gone)
		(void)tree_signal(&tree, signal);
}

void process_signal_rest_in(const struct process *p, struct tree_census *c, int signal)
{
	const struct tree tree = tree_of(p);

	if (!p->is_gone)
		(void)tree_signal_in(c, &tree, signal);
}

int process_each(const struct process *p, struct tree_census *c, tree_visit *visit, void *arg)
{
	const struct tree tree = tree_of(p);

	return p->is_gone ? 0 : tree_each(c, &tree, visit, arg);
}

bool process_has(const struct process *p, const struct tree_line *line)
{
	const struct tree tree = tree_of(p);

	return !p->is_gone && tree_has(&tree, line);
}

int process_pids(const struct process *p, pid_t *ret_pids, size_t n_max)
{
	const struct tree tree = tree_of(p);

	return p->is_gone ? 0 : tree_pids(&tree, ret_pids, n_max);
}

void process_kill(struct process *p)
{
	if (p->is_gone)
		return;
	process_signal_leader(p, SIGKILL);
	process_signal_rest(p, SIGKILL);
	p->again_ms = KILL_AGAIN_FIRST_MS;
	(void)uv_timer_start(&p->again, on_again, p->again_ms, 0);
}

static void on_end(uv_poll_t *handle, int status, int events)
{
	struct process *p = container_of(handle, struct process, end_poll);

	(void)status;
	(void)events;
	process_exited(p, PROCESS_STATUS_UNKNOWN);
}

static int watch_end(struct process *p)
{
	/* The loop owns one of its own: ours serves for signals until the end. */
	int fd = fcntl(p->pidfd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return -errno;
	p->end_fd = fd;
	return open_poll(p, &p->end_poll, &p->is_watched, fd, on_end);
}

void process_become_orphan(struct process *p)
{
	if (p->has_exited || p->is_orphan)
		return;
	p->is_orphan = true;
	if (watch_end(p) < 0)
		output_say_worker(p->broker->output, &p->client.source, MESSAGE_ERROR,
				  "worker_unwatched", "cannot be watched: its end will be missed");
}

/* --- its memory --- */

struct process *process_alloc(const struct process_start *start)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->loop = start->loop;
	p->keep = start->keep;
	p->broker = start->broker;
	p->events = start->events;
	p->owner = start->owner;
	p->pidfd = p->report_fd = p->end_fd = p->client.notify_fd = NO_FD;
	p->client.source = (struct message_source){
		.app = p->broker->config->name,
		.slot = start->who.slot,
		.generation = start->who.generation,
	};
	p->origin = start->origin;
	p->mark = spawn_mark(start->origin, start->n_run);
	p->client.run = start->n_run;
	(void)snprintf(p->sign, sizeof(p->sign), "BERTH_RUN=%s", start->who.run);
	(void)uv_timer_init(p->loop, &p->again);
	p->again.data = p;
	p->n_handles++;
	return p;
}

struct process *process_free(struct process *p)
{
	if (!p)
		return NULL;
	p->is_freed = true;
	process_forget(p, "worker");
	process_forget(p, "notify");
	if (p->has_failed)
		process_forget(p, "channel");
	drop_fd(&p->pidfd);
	close_poll(&p->end_poll, &p->is_watched, &p->end_fd);
	close_poll(&p->notify_poll, &p->is_notifying, &p->client.notify_fd);
	close_poll(&p->report_poll, &p->is_reporting, &p->report_fd);
	drop_fd(&p->report_fd); /* where it could not be watched */
	uv_close((uv_handle_t *)&p->again, on_closed);
	return NULL;
}
