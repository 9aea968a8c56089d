/*
 * What somebody asks of the primary over the control socket, and who it was: see primary.h.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "primary/describe.h"
#include "primary/orders.h"
#include "primary/primary_parts.h"

void primary_look(struct primary *p, struct described *ret_described)
{
	*ret_described = (struct described){
		.fleet = &p->fleet,
		.reload = &p->reload,
		.upgrade = &p->upgrade,
		.drain = p->drain,
		.drain_order = &p->drain_order,
		.keeper = keep_pid(p->keep),
		.wall_ms = p->wall_ms,
	};
}

struct event_log *primary_events(struct primary *p)
{
	return p->events;
}

void primary_hear(struct primary *p, const struct event_asker *who, const char *what)
{
	event_log_set_asker(p->events, who);
	output_say(p->output, MESSAGE_INFO, "asked", "asked %s, by user %u (pid %d)", what,
		   (unsigned)who->uid, (int)who->pid);
}

void primary_answer(struct primary *p, const char *what, const char *why_not)
{
	if (why_not)
		output_say(p->output, MESSAGE_WARNING, "not_done", "not done: %s: %s", what,
			   why_not);
	event_log_set_asker(p->events, NULL);
}

unsigned primary_n_workers(const struct primary *p)
{
	return p->fleet.n_workers;
}

void primary_stop(struct primary *p, bool is_now)
{
	if (!p->has_ended && !p->fleet.is_stopping)
		orders_obey(p, SIGTERM);
	if (!p->has_ended && is_now)
		orders_obey(p, SIGTERM);
}

static bool are_there(const struct fleet *f, const bool *slots)
{
	for (unsigned slot = 1; slots && slot <= APP_WORKERS_MAX; slot++)
		if (slots[slot - 1] && slot > f->n_wanted)
			return false;
	return true;
}

/* What comes up to replace its member comes from before the restart, too. */
static void restart_slot(struct fleet *f, unsigned slot)
{
	fleet_dismiss_candidate(f, slot);
	fleet_forget_served(f, slot);
	if (f->workers[slot - 1])
		worker_event(f->workers[slot - 1], EV_STOP);
}

/*
 * A member that is gone is replaced, as ever: to end it is all that there is to do. What it
 * has not accepted yet goes to the others, or waits at the anchor for the next one.
 */
int primary_restart(struct primary *p, const bool *slots, uint64_t *ret_run)
{
	struct fleet *f = &p->fleet;
	unsigned n = 0;

	if (f->is_stopping)
		return -EBUSY;
	if (reload_is_open(&p->reload))
		return -EALREADY;
	if (!are_there(f, slots))
		return -EINVAL;
	*ret_run = f->home.n_runs;
	for (unsigned slot = 1; slot <= f->n_wanted; slot++)
		n += (!slots || slots[slot - 1]) && f->workers[slot - 1];
	output_say(p->output, MESSAGE_INFO, "restarting",
		   "%s: stopping %u worker%s, and starting as many in the same slots",
		   p->config->name, n, n == 1 ? "" : "s");
	for (unsigned slot = 1; slot <= f->n_wanted; slot++)
		if (!slots || slots[slot - 1])
			restart_slot(f, slot);
	fleet_start_missing(f);
	return 0;
}

int primary_drain(struct primary *p, unsigned slot, uint64_t *ret_number)
{
	return drain_order_begin(&p->drain_order, slot, ret_number);
}

int primary_kill(struct primary *p, unsigned slot, int signal, pid_t *ret_pid)
{
	const struct worker *w = slot - 1 < APP_WORKERS_MAX ? p->fleet.workers[slot - 1] : NULL;
	const char *name = sigabbrev_np(signal);

	if (!slot || (slot > p->fleet.n_wanted && !w))
		return -EINVAL;
	if (!w || !worker_is_running(w))
		return -ENOENT;
	output_say_worker(p->output, &w->process->client.source, MESSAGE_INFO, "worker_signalled",
			  "is sent signal %d%s%s%s", signal, name ? " (SIG" : "", name ? name : "",
			  name ? ")" : "");
	*ret_pid = process_pid(w->process);
	process_signal_leader(w->process, signal);
	return 0;
}

int primary_reload(struct primary *p, const struct primary_reload_wish *wish, uint64_t *ret_number,
		   const char **ret_answer)
{
	const struct reload_wish full = {
		.canary_percent = wish->canary_percent,
		.watch_ms = wish->has_watch ? wish->watch_ms : p->config->watch_ms,
		.uid = wish->uid,
	};
	enum rollout_answer answer;
	int r = reload_start(&p->reload, &full, ret_number, &answer);

	if (r == 0)
		*ret_answer = rollout_answer_text(answer);
	return r;
}

int primary_undo(struct primary *p, uid_t uid, uint64_t *ret_number, const char **ret_answer)
{
	enum rollout_way_back way;
	int r = reload_undo(&p->reload, uid, ret_number, &way);

	if (r == 0)
		*ret_answer = rollout_way_back_text(way);
	return r;
}

unsigned primary_n_wanted(const struct primary *p)
{
	return p->fleet.n_wanted;
}

int primary_scale(struct primary *p, int n_workers)
{
	if (n_workers < 1 || n_workers > APP_WORKERS_MAX)
		return -EINVAL;
	if (p->fleet.is_stopping)
		return -EBUSY;
	if (reload_is_open(&p->reload))
		return -EALREADY;
	output_say(p->output, MESSAGE_INFO, "scaled", "%s: from %u to %d workers", p->config->name,
		   p->fleet.n_wanted, n_workers);
	fleet_scale(&p->fleet, (unsigned)n_workers);
	return 0;
}

int primary_upgrade(struct primary *p, const char *binary, uint64_t *ret_number)
{
	return p->fleet.is_stopping ? -EBUSY : upgrade_start(&p->upgrade, binary, ret_number);
}
