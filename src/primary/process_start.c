/*
 * A run is with the keeper, whole, before its program begins.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "primary/output.h"
#include "primary/process_parts.h"
#include "primary/run_log.h"

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

/* From here on there is a process: what goes wrong with it is told by its end. */
static void watch_leader(struct process *p, struct pipes *pipes)
{
	int r = process_open_streams(p, pipes->ours);

	if (r == 0)
		r = process_watch_report(p);
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

int process_new(const struct process_start *start, struct process **ret_process)
{
	struct process *p = process_alloc(start);
	struct pipes pipes = { { NO_FD, NO_FD }, { NO_FD, NO_FD } };
	int r;

	if (!p)
		return -ENOMEM;
	/* What the keeper could not hold would be lost with us: then it had better not begin. */
	r = keep_has_room(p->keep) ? open_pipes(&pipes) : -EMFILE;
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
