/*
 * A worker from primary to primary: what is noted of it, and how a successor goes on.
 */
#include <signal.h>
#include <string.h>

#include "core/conn_idle.h"
#include "os/clock.h"
#include "primary/worker.h"
#include "primary/worker_parts.h"

void worker_remains(const struct worker *w, struct state_worker *ret_remains)
{
	const struct process *p = w->process;

	*ret_remains = (struct state_worker){
		.slot = w->slot,
		.state = w->state,
		.started_at_ms = w->started_at_ms,
		.due_ms = w->deadline_ms,
		.exit_status = w->exit_status,
		.give_up_code = w->give_up_code,
		.n_failures = w->backoff.n_failures,
		.n_restarts = w->n_restarts,
		.window_began_ms = w->restarts.began_ms,
		.window_n_ends = w->restarts.n,
		.generation = w->generation,
		.role = w->role,
		.flags = w->was_ready ? STATE_WORKER_WAS_READY : 0,
	};
	memcpy(ret_remains->wanted, w->wanted.bits, sizeof(w->wanted.bits));
	ret_remains->keep_ms = w->keep_ms;
	ret_remains->flags |= w->must_stay ? STATE_WORKER_MUST_STAY : 0;
	ret_remains->flags |= w->has_notified ? STATE_WORKER_NOTIFIED : 0;
	ret_remains->flags |= w->is_frozen ? STATE_WORKER_FROZEN : 0;
	if (!p)
		return;
	ret_remains->run = p->client.run;
	ret_remains->pid = process_pid(p);
	ret_remains->unique_port = p->client.unique_port;
	memcpy(ret_remains->ports, p->ports, sizeof(p->ports));
	if (p->has_exited)
		ret_remains->flags |= STATE_WORKER_EXITED;
	if (p->has_failed)
		ret_remains->flags |= STATE_WORKER_FAILED;
	if (p->is_gone)
		ret_remains->flags |= STATE_WORKER_GONE;
}

static void resume_process(struct worker *w, const struct state_worker *remains)
{
	struct process_remains left = {
		.pid = remains->pid,
		.has_exited = remains->flags & STATE_WORKER_EXITED,
		.has_failed = remains->flags & STATE_WORKER_FAILED,
		.is_gone = remains->flags & STATE_WORKER_GONE,
		.unique_port = (uint16_t)remains->unique_port,
	};
	struct process_start start;
	struct worker_run_text run;

	memcpy(left.ports, remains->ports, sizeof(left.ports));
	worker_describe_run(w, remains->run, &run, &start);
	if (process_resume(&start, &left, &w->process) < 0)
		w->process = NULL;
	else
		w->process->client.is_held = worker_is_on_trial(w);
	/* Longer ago than it matters, whenever it was. */
	if (w->process && remains->flags & STATE_WORKER_WAS_READY)
		w->process->client.ready_at_ms = 1;
}

/* Once there is a deadline, all of the pause is decided. */
static void resume_back_off(struct worker *w)
{
	if (w->process && !w->deadline_ms) {
		worker_back_off(w);
		return;
	}
	if (w->process)
		worker_release_process(w);
	worker_arm(w);
}

/*
 * Its last clients are sent away just before the deadline. Nobody may have done that, and so
 * there's some time more: but where primaries die again and again, not again and again.
 * Our predecessor may have died over the last look at it, for which it stands still.
 */
static void resume_draining(struct worker *w)
{
	w->is_frozen = true;
	worker_go_ahead(w);
	worker_drain(w);
	worker_put_off(w, clock_ms() + CONN_HOLD_MS);
}

/* It may have got its place, or have been woken for it, and not its clients. */
static void resume_ready(struct worker *w)
{
	worker_go_ahead(w);
	if (w->role == WORKER_MEMBER)
		worker_become_member(w);
}

/* Whether it had been told to leave, and was not on its way yet. */
static bool should_go(const struct worker *w)
{
	return w->role == WORKER_LEAVING &&
	       (w->state == WORKER_STARTING || w->state == WORKER_READY ||
		w->state == WORKER_CLEARING || w->state == WORKER_BACKOFF);
}

/* What the state wants done, and may not have been: each of these may be done twice. */
static void resume_act(struct worker *w)
{
	switch (w->state) {
	case WORKER_STARTING:
		if (!w->process)
			worker_spawn(w); /* the child ended by itself when nobody told it to go */
		else if (w->deadline_ms)
			worker_arm(w);
		break;
	case WORKER_BACKOFF: resume_back_off(w); break;
	case WORKER_STOPPING:
		if (!w->deadline_ms)
			worker_send_stop(w);
		else if (!worker_let_rest_go(w))
			worker_arm(w);
		break;
	case WORKER_DRAINING: resume_draining(w); break;
	case WORKER_FROZEN: worker_freeze(w); break;
	case WORKER_CLEARING: process_kill(w->process); break;
	case WORKER_KILLING:
		process_kill(w->process);
		w->is_stuck = !w->deadline_ms; /* that was said, then */
		if (!w->is_stuck)
			worker_arm(w);
		break;
	case WORKER_ENDED:
		if (w->role == WORKER_LEAVING)
			worker_event(w, EV_STOP);
		else if (w->process)
			worker_stay_empty(w);
		break;
	case WORKER_IDLE: worker_event(w, EV_STOP); break;
	case WORKER_READY: resume_ready(w); break;
	case WORKER_GONE: break;
	}
}

void worker_resume(struct worker *w, const struct state_worker *remains)
{
	w->state = (enum worker_state)remains->state;
	w->started_at_ms = remains->started_at_ms;
	w->deadline_ms = remains->due_ms;
	w->exit_status = remains->exit_status;
	w->give_up_code = remains->give_up_code;
	w->backoff.n_failures = remains->n_failures;
	w->n_restarts = remains->n_restarts;
	w->restarts = (struct restarts){ remains->window_began_ms, remains->window_n_ends };
	w->was_ready = remains->flags & STATE_WORKER_WAS_READY;
	w->keep_ms = remains->keep_ms;
	w->must_stay = remains->flags & STATE_WORKER_MUST_STAY;
	w->has_notified = remains->flags & STATE_WORKER_NOTIFIED;
	w->is_frozen = remains->flags & STATE_WORKER_FROZEN;
	memcpy(w->wanted.bits, remains->wanted, sizeof(w->wanted.bits));
	if (remains->pid)
		resume_process(w, remains);
	/* A state that needs a process, and has none: what was left of it is gone. */
	if (!w->process && w->role == WORKER_LEAVING)
		w->state = WORKER_IDLE;
	else if (!w->process && w->state != WORKER_STARTING && w->state != WORKER_BACKOFF &&
		 w->state != WORKER_ENDED)
		w->state = w->state == WORKER_READY || w->state == WORKER_CLEARING ? WORKER_STARTING
										   : WORKER_IDLE;
}

void worker_go_on(struct worker *w)
{
	if (w->process && worker_is_running(w) && w->state != WORKER_FROZEN)
		worker_look_after(w);
	if (should_go(w))
		worker_leave(w, w->must_stay);
	resume_act(w);
	/* And what it has done may have made it one that had been told. */
	if (should_go(w))
		worker_leave(w, w->must_stay);
	if (w->process && process_is_gone(w->process))
		worker_tell_end(w, worker_fsm_step(w->state, EV_TREE_GONE).act == ACT_REFUSED
					   ? EV_EXITED
					   : EV_TREE_GONE);
}
