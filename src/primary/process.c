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
#include "os/procfs.h"
#include "os/tree.h"
#include "primary/output.h"
#include "primary/run_log.h"

#define KILL_AGAIN_FIRST_MS 10
#define KILL_AGAIN_MAX_MS   1000

/* --- descriptors and their names --- */

#define RUN_NAME "%s/%s.%u/%" PRIu64 /* of a descriptor of one run */

static int store(struct process *p, const char *what, int fd)
{
	return keep_store(p->keep, fd, RUN_NAME, what, p->client.source.app, p->client.source.slot,
			  p->client.run);
}

static void forget(struct process *p, const char *what)
{
	keep_drop(p->keep, RUN_NAME, what, p->client.source.app, p->client.source.slot,
		  p->client.run);
}

static int take(struct process *p, const char *what)
{
	return keep_take(p->keep, RUN_NAME, what, p->client.source.app, p->client.source.slot,
			 p->client.run);
}

void process_store(struct process *p)
{
	(void)store(p, "worker", p->pidfd);
	if (p->client.notify_fd >= 0)
		(void)store(p, "notify", p->client.notify_fd);
	if (p->report_fd >= 0)
		(void)store(p, "channel", p->report_fd);
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

static void become_gone(struct process *p)
{
	if (p->is_gone || !p->has_exited)
		return;
	p->is_gone = true;
	forget(p, "notify");
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
	become_gone(p);
	p->events->tree_gone(p);
}

static void begin_serving(struct process *p, int notify_fd)
{
	p->client.notify_fd = notify_fd;
	if (open_poll(p, &p->notify_poll, &p->is_notifying, notify_fd, on_notify) == 0 &&
	    store(p, "notify", notify_fd) == 0) {
		spawn_go(p->report_fd);
		return;
	}
	/* Its calls would wait for ever: without our end they fail. */
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
			break;
		case SPAWN_REPORT_RUNNING:
			forget(p, "channel");
			close_poll(&p->report_poll, &p->is_reporting, &p->report_fd);
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

static void finish_streams(struct process *p)
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
	forget(p, "channel");
	close_poll(&p->report_poll, &p->is_reporting, &p->report_fd);
	close_poll(&p->end_poll, &p->is_watched, &p->end_fd);
	p->has_exited = true;
	finish_streams(p);
	if (p->client.notify_fd < 0 || notif_is_deserted(p->client.notify_fd))
		become_gone(p);
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

void process_signal_rest(const struct process *p, int signal)
{
	const struct tree tree = {
		.leader = process_pid(p),
		.is_reaped = is_reaped(p),
		.is_adrift = p->origin != keep_pid(p->keep),
		.mark = p->mark,
		.sign = p->sign,
	};

	if (!p->is_gone)
		(void)tree_signal(&tree, signal);
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

/* --- start --- */

struct pipes {
	int ours[2]; /* what the worker writes to its stdout and stderr */
	int theirs[2];
};

static void close_pipes(struct pipes *pipes)
{
	for (int i = 0; i < 2; i++) {
		drop_fd(&pipes->ours[i]);
		drop_fd(&pipes->theirs[i]);
	}
}

static int open_pipes(struct pipes *ret_pipes)
{
	int ends[2];

	for (int i = 0; i < 2; i++) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return -errno;
		ret_pipes->ours[i] = ends[0];
		ret_pipes->theirs[i] = ends[1];
	}
	return 0;
}

static int start_leader(struct process *p, const struct process_start *start,
			const struct pipes *pipes)
{
	struct spawn_request request = {
		.path = start->path,
		.filter = start->filter,
		.stdout_fd = pipes->theirs[0],
		.stderr_fd = pipes->theirs[1],
		.inherited = start->inherited,
		.mark = p->mark,
	};
	struct spawned leader;
	struct worker_args args;
	int r = worker_args_init(&args, p->broker->config, environ, &start->who);

	if (r == 0) {
		request.argv = args.argv;
		request.envp = args.envp;
		r = spawn(&request, &leader);
	}
	worker_args_done(&args);
	if (r != 0)
		return r;
	p->client.source.pid = leader.pid;
	p->pidfd = leader.pidfd;
	p->report_fd = leader.report_fd;
	return 0;
}

static int open_streams(struct process *p, struct pipes *pipes)
{
	int r = 0;

	for (int i = 0; r == 0 && i < 2; i++) {
		struct output_stream_name name = {
			.id = run_log_id(p->client.run, (unsigned)i),
			.is_stderr = i == 1,
		};

		if (pipes->ours[i] < 0)
			continue;
		r = output_stream_open(p->broker->output, &p->client.source, &name, pipes->ours[i],
				       &p->streams[i]);
		if (r == 0)
			(void)take_fd(&pipes->ours[i]);
	}
	return r;
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

/* From here on there is a process: what goes wrong with it is told by its end. */
static void watch_leader(struct process *p, struct pipes *pipes)
{
	int r = open_streams(p, pipes);

	if (r == 0)
		r = open_poll(p, &p->report_poll, &p->is_reporting, p->report_fd, on_report);
	if (r == 0)
		return;
	output_say_worker(p->broker->output, &p->client.source, MESSAGE_ERROR, "worker_unwatched",
			  "cannot be watched (%s): ending it", strerror(-r));
	process_signal_leader(p, SIGKILL);
}

/* Our successor must find all of it, before the child is more than a copy of us. */
static void store_all(struct process *p, const struct pipes *pipes)
{
	process_store(p);
	for (unsigned i = 0; i < 2; i++)
		(void)run_log_store(p->keep, &p->client.source, run_log_id(p->client.run, i),
				    pipes->ours[i]);
	if (keep_pid(p->keep) == getppid())
		keep_watch(p->keep, process_pid(p));
	else
		process_become_orphan(p);
}

static struct process *process_alloc(const struct process_start *start)
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

int process_new(const struct process_start *start, struct process **ret_process)
{
	struct process *p = process_alloc(start);
	struct pipes pipes = { { NO_FD, NO_FD }, { NO_FD, NO_FD } };
	int r;

	if (!p)
		return -ENOMEM;
	r = open_pipes(&pipes);
	if (r == 0)
		r = start_leader(p, start, &pipes);
	if (r < 0) {
		close_pipes(&pipes);
		(void)process_free(p);
		return r;
	}
	store_all(p, &pipes);
	watch_leader(p, &pipes);
	close_pipes(&pipes);
	*ret_process = p;
	return 0;
}

/* --- going on with a predecessor's --- */

static void take_descriptors(struct process *p, struct pipes *pipes)
{
	p->pidfd = take(p, "worker");
	p->report_fd = take(p, "channel");
	p->client.notify_fd = take(p, "notify");
	for (unsigned i = 0; i < 2; i++)
		pipes->ours[i] =
			run_log_take(p->keep, &p->client.source, run_log_id(p->client.run, i));
}

static void resume_leader(struct process *p)
{
	if (p->has_exited) {
		forget(p, "channel");
		drop_fd(&p->report_fd);
		return;
	}
	/* Whose end no keeper tells: it was started when there was another, or has none. */
	if (procfs_parent(process_pid(p)) != keep_pid(p->keep))
		process_become_orphan(p);
	if (p->client.notify_fd < 0) {
		/* Its filter may have gone with our predecessor: it must not run without. */
		p->has_failed = true;
		p->failure = (struct spawn_failure){ SPAWN_STAGE_SETUP, ECANCELED };
		process_signal_leader(p, SIGKILL);
	} else if (p->report_fd >= 0) {
		spawn_go(p->report_fd);
	}
	if (p->report_fd >= 0)
		(void)open_poll(p, &p->report_poll, &p->is_reporting, p->report_fd, on_report);
}

int process_resume(const struct process_start *start, const struct process_remains *remains,
		   struct process **ret_process)
{
	struct process *p = process_alloc(start);
	struct pipes pipes = { { NO_FD, NO_FD }, { NO_FD, NO_FD } };
	int r;

	if (!p)
		return -ENOMEM;
	p->client.source.pid = remains->pid;
	p->client.unique_port = remains->unique_port;
	p->has_exited = remains->has_exited;
	p->has_failed = remains->has_failed;
	memcpy(p->ports, remains->ports, sizeof(p->ports));
	take_descriptors(p, &pipes);
	r = open_streams(p, &pipes);
	close_pipes(&pipes);
	if (r < 0)
		output_say_worker(p->broker->output, &p->client.source, MESSAGE_ERROR,
				  "worker_unwatched", "its output cannot be read: %s",
				  strerror(-r));
	if (p->client.notify_fd >= 0 && !remains->is_gone)
		(void)open_poll(p, &p->notify_poll, &p->is_notifying, p->client.notify_fd,
				on_notify);
	resume_leader(p);
	if (p->has_exited)
		finish_streams(p);
	if (p->has_exited && p->client.notify_fd < 0)
		become_gone(p);
	*ret_process = p;
	return 0;
}

struct process *process_free(struct process *p)
{
	if (!p)
		return NULL;
	p->is_freed = true;
	forget(p, "worker");
	forget(p, "notify");
	drop_fd(&p->pidfd);
	close_poll(&p->end_poll, &p->is_watched, &p->end_fd);
	close_poll(&p->notify_poll, &p->is_notifying, &p->client.notify_fd);
	close_poll(&p->report_poll, &p->is_reporting, &p->report_fd);
	drop_fd(&p->report_fd); /* where it could not be watched */
	uv_close((uv_handle_t *)&p->again, on_closed);
	return NULL;
}
