/*
 * A run that a predecessor of ours has started: it goes on as if nothing had been.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/own.h"
#include "os/procfs.h"
#include "primary/output.h"
#include "primary/process_parts.h"
#include "primary/run_log.h"

static void take_descriptors(struct process *p, int outputs[static 2])
{
	p->pidfd = process_take(p, "worker");
	p->report_fd = process_take(p, "channel");
	p->client.notify_fd = process_take(p, "notify");
	for (unsigned i = 0; i < 2; i++)
		outputs[i] = run_log_take(p->keep, &p->client.source, run_log_id(p->client.run, i));
}

static void resume_leader(struct process *p)
{
	if (p->has_exited) {
		process_forget(p, "channel");
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
		(void)process_watch_report(p);
}

int process_resume(const struct process_start *start, const struct process_remains *remains,
		   struct process **ret_process)
{
	struct process *p = process_alloc(start);
	int outputs[2] = { NO_FD, NO_FD };
	int r;

	if (!p)
		return -ENOMEM;
	p->client.source.pid = remains->pid;
	p->client.unique_port = remains->unique_port;
	p->has_exited = remains->has_exited;
	p->has_failed = remains->has_failed;
	memcpy(p->ports, remains->ports, sizeof(p->ports));
	take_descriptors(p, outputs);
	r = process_open_streams(p, outputs);
	drop_fd(&outputs[0]);
	drop_fd(&outputs[1]);
	if (r < 0)
		output_say_worker(p->broker->output, &p->client.source, MESSAGE_ERROR,
				  "worker_unwatched", "its output cannot be read: %s",
				  strerror(-r));
	if (p->client.notify_fd >= 0 && !remains->is_gone)
		(void)process_watch_notify(p);
	resume_leader(p);
	if (p->has_exited)
		process_finish_streams(p);
	if (p->has_exited && p->client.notify_fd < 0)
		process_become_gone(p);
	*ret_process = p;
	return 0;
}
