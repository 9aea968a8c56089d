/*
 * Does what the state machine of a worker says.
 */
#include "primary/worker.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/container_of.h"
#include "base/own.h"
#include "os/clock.h"
#include "primary/berths.h"
#include "primary/health.h"
#include "primary/output.h"
#include "primary/worker_parts.h"
#include "primary/worker_words.h"

#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND      127
#define KILL_PATIENCE_MS    5000 /* what is killed is gone by then, unless the kernel holds it */

void worker_say(const struct worker *w, enum message_level level, const char *event,
		const char *text)
{
	struct message_source source = {
		.app = w->home->config->name,
		.slot = w->slot,
		.pid = w->process ? process_pid(w->process) : 0,
		.generation = w->generation,
	};

	output_say_worker(w->home->broker->output, &source, level, event, "%s", text);
}

static void set_state(struct worker *w, enum worker_state next)
{
	if (w->state == next)
		return;
	(void)uv_timer_stop(&w->timer); /* a timer belongs to the state that armed it */
	w->deadline_ms = 0;
	w->late_ms = 0;
	w->is_looked_at = false;
	w->is_unseen = false;
	/* For programs; people are told of what matters to them in sentences. */
	if (w->home->config->json) {
		char text[64];

		(void)snprintf(text, sizeof(text), "%s -> %s", worker_state_text(w->state),
			       worker_state_text(next));
		worker_say(w, MESSAGE_INFO, "worker_state", text);
	}
	w->state = next;
}

/*
 * Those that won't leave in time don't end what is to be kept. It hears of their ends later: a
 * program that closes a connection while we have a copy of it may be told of it once more.
 */
static bool cut_off(struct worker *w)
{
	if (w->state != WORKER_DRAINING || !w->keep_ms || !worker_is_to_freeze(w))
		return false;
	worker_stand_still(w);
	return w->home->on_cut(w);
}

static void on_timer(uv_timer_t *timer)
{
	struct worker *w = container_of(timer, struct worker, timer);

	if (!worker_let_rest_go(w))
		worker_event(w, cut_off(w) ? EV_FREEZE : EV_TIMER);
}

void worker_arm_at(struct worker *w, int64_t due_ms)
{
	int64_t now_ms = clock_ms();
	uint64_t left_ms = due_ms > now_ms ? (uint64_t)(due_ms - now_ms) : 0;

	/* Nothing ends it, until worker_let_go(). */
	if (w->must_stay && (w->state == WORKER_DRAINING || w->state == WORKER_FROZEN))
		return;
	(void)uv_timer_start(&w->timer, on_timer, left_ms, 0);
}

void worker_arm(struct worker *w)
{
	worker_arm_at(w, w->deadline_ms);
}

/* --- what a run tells --- */

/* The ends of a tree that is gone already come one after the other. */
void worker_tell_end(struct worker *w, enum worker_event event)
{
	worker_event(w, event);
	if (w->process && process_is_gone(w->process) && w->state != WORKER_GONE)
		worker_event(w, EV_TREE_GONE);
}

/* Whether it has ended by itself. */
static bool was_wanted(const struct worker *w)
{
	return w->state == WORKER_STARTING || w->state == WORKER_READY;
}

static void on_began(struct process *p)
{
	struct worker *w = p->owner;

	if (w->home->has_begun)
		return;
	w->home->has_begun = true;
	keep_save(w->home->keep);
}

static void on_exited(struct process *p, int status)
{
	struct worker *w = p->owner;
	char text[WORKER_WORDS_MAX];

	w->exit_status = status;
	if (was_wanted(w))
		w->home->on_failed(w, worker_end_text(status, text));
	worker_tell_end(w, EV_EXITED);
}

static void on_tree_gone(struct process *p)
{
	worker_event(p->owner, EV_TREE_GONE);
}

/* Whether trying again could help; if not, with which code berth exits. */
static int hopeless(const struct worker *w, const struct spawn_failure *failure)
{
	if (w->role == WORKER_CANDIDATE || w->home->has_begun)
		return 0; /* it could run, and others may still serve */
	if (failure->stage == SPAWN_STAGE_FILTER && failure->error == EBUSY)
		return EXIT_FAILURE; /* another supervisor's filter is in force: there can be one */
	if (failure->stage != SPAWN_STAGE_EXEC)
		return 0;
	return failure->error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

static void on_failed(struct process *p, const struct spawn_failure *failure)
{
	struct worker *w = p->owner;
	char text[WORKER_WORDS_MAX];

	if (failure->error == ECANCELED) {
		/* One that had begun, and lost a descriptor on its way through the keeper, just ended. */
		w->exit_status = SIGKILL;
		worker_tell_end(w, worker_fsm_step(w->state, EV_SPAWN_FAILED).act == ACT_REFUSED
					   ? EV_EXITED
					   : EV_SPAWN_FAILED);
		return;
	}
	worker_say(w, MESSAGE_ERROR, "worker_failed",
		   worker_failure_text(failure, w->home->path, text));
	w->home->on_failed(w, text);
	w->give_up_code = hopeless(w, failure);
	worker_event(w, w->give_up_code ? EV_EXEC_FAILED : EV_SPAWN_FAILED);
}

static const struct process_events process_events = {
	.began = on_began,
	.exited = on_exited,
	.failed = on_failed,
	.tree_gone = on_tree_gone,
};

/* --- acts --- */

void worker_describe_run(const struct worker *w, uint64_t n_run, struct worker_run_text *ret_run,
			 struct process_start *ret_start)
{
	struct worker_home *home = w->home;

	(void)snprintf(ret_run->text, sizeof(ret_run->text), "%d.%" PRIu64, (int)home->origin,
		       n_run);
	*ret_start = (struct process_start){
		.loop = home->loop,
		.keep = home->keep,
		.origin = home->origin,
		.broker = home->broker,
		.filter = home->filter,
		.path = home->path,
		.inherited = &home->inherited,
		.who = { w->slot, home->n_workers, w->generation, home->notify_name,
			 ret_run->text },
		.n_run = n_run,
		.events = &process_events,
		.owner = (struct worker *)w,
	};
}

void worker_spawn(struct worker *w)
{
	struct worker_home *home = w->home;
	struct process_start start;
	struct worker_run_text run;
	int r;

	worker_describe_run(w, ++home->n_runs, &run, &start);
	w->was_ready = w->has_passed = w->has_notified = false;
	w->probe_text[0] = '\0';
	w->started_at_ms = clock_ms();
	if (home->config->ready_timeout_ms)
		w->deadline_ms = w->started_at_ms + home->config->ready_timeout_ms;
	keep_save(home->keep); /* the number of the run is taken, whatever becomes of it */
	r = process_new(&start, &w->process);
	if (r == 0) {
		w->process->client.is_held = worker_is_on_trial(w);
		worker_look_after(w);
		keep_save(home->keep);
		worker_say(w, MESSAGE_INFO, "worker_started", "started");
		if (w->deadline_ms)
			worker_arm(w);
		return;
	}
	w->process = NULL;
	output_say(home->broker->output, MESSAGE_ERROR, "worker_failed",
		   "%s.%u could not be started: %s", home->config->name, w->slot, strerror(-r));
	w->home->on_failed(w, strerror(-r));
	worker_event(w, EV_SPAWN_FAILED);
}

void worker_release_process(struct worker *w)
{
	w->health = health_free(w->health);
	worker_wake_others(w);
	if (w->process)
		berths_close_worker(w->home->broker->ports, w->process->client.run);
	berths_sweep_all(w->home->broker->ports);
	ports_restore_names(w->home->broker->ports);
	w->process = process_free(w->process);
	keep_save(w->home->keep);
}

void worker_send_stop(struct worker *w)
{
	assert(w->process); /* the states in which a stop is a signal have one */
	berths_close_worker(w->home->broker->ports, w->process->client.run);
	process_signal_leader(w->process, w->home->config->stop_signal);
	w->deadline_ms = clock_ms() + w->home->config->stop_timeout_ms;
	keep_save(w->home->keep); /* with the deadline: the signal was sent, and isn't again */
	worker_arm_stop(w);
}

static void kill_tree(struct worker *w)
{
	if (w->state == WORKER_KILLING && w->is_overdue)
		worker_say(w, MESSAGE_WARNING, "worker_killed",
			   "did not end within its stop timeout, killing it");
	process_kill(w->process);
}

static void release(struct worker *w)
{
	if (w->process && !w->give_up_code)
		worker_say(w, MESSAGE_INFO, "worker_stopped", "stopped");
	worker_release_process(w);
	w->home->on_gone(w);
}

static void note_ready(struct worker *w)
{
	w->was_ready = true;
	if (w->process)
		w->process->client.ready_at_ms = clock_ms();
	if (w->role == WORKER_MEMBER)
		worker_become_member(
			w); /* it was on trial, where there's more to be than to listen */
	w->home->on_ready(w);
}

static void note_late(struct worker *w)
{
	char text[WORKER_WORDS_MAX];

	worker_say(w, MESSAGE_WARNING, "worker_late", worker_late_text(w, text));
	w->deadline_ms = 0;
	w->home->on_failed(w, text);
}

void worker_drain(struct worker *w)
{
	w->stand = (struct worker_stand){ 0 };
	w->process->client.is_held = true;
	berths_hold(w->home->broker->ports, w->process->client.run);
	if (!w->deadline_ms)
		w->deadline_ms = clock_ms() + w->home->config->drain_ms;
	keep_save(w->home->keep);
	worker_arm(w);
	w->home->on_drain(w);
}

void worker_freeze(struct worker *w)
{
	const bool is_news = !w->deadline_ms;

	w->health = health_free(w->health);
	worker_stand_still(w);
	if (is_news)
		w->deadline_ms = clock_ms() + w->keep_ms;
	keep_save(w->home->keep);
	worker_arm(w);
	w->home->on_drain(w);
	if (is_news)
		worker_say(w, MESSAGE_INFO, "worker_frozen",
			   "has no clients left and stands still, for an undo");
}

static void resume(struct worker *w)
{
	worker_go_ahead(w);
	w->home->on_drain(w);
	worker_become_member(w);
	worker_look_after(w);
}

static void note_stuck(struct worker *w)
{
	char text[WORKER_WORDS_MAX];

	(void)snprintf(text, sizeof(text),
		       "was killed %.1f s ago and is not gone, as where the kernel waits for a "
		       "device: it is not waited for any more",
		       (double)KILL_PATIENCE_MS / 1000);
	w->is_stuck = true;
	w->deadline_ms = 0;
	keep_save(w->home->keep);
	worker_say(w, MESSAGE_ERROR, "worker_stuck", text);
	w->home->on_drain(w);
}

static void act(struct worker *w, enum worker_act what)
{
	switch (what) {
	case ACT_REFUSED:
	case ACT_NOTHING: break;
	case ACT_SPAWN: worker_spawn(w); break;
	case ACT_NOTE_READY: note_ready(w); break;
	case ACT_BACK_OFF: worker_back_off(w); break;
	case ACT_SIGNAL: worker_send_stop(w); break;
	case ACT_SIGNAL_REST:
		process_signal_rest(w->process, w->home->config->stop_signal);
		(void)worker_let_rest_go(w);
		break;
	case ACT_KILL_TREE: kill_tree(w); break;
	case ACT_RELEASE:
	case ACT_GIVE_UP: release(w); break;
	case ACT_NOTE_LATE: note_late(w); break;
	case ACT_DRAIN: worker_drain(w); break;
	case ACT_FREEZE: worker_freeze(w); break;
	case ACT_RESUME: resume(w); break;
	case ACT_STAY_EMPTY: worker_stay_empty(w); break;
	case ACT_NOTE_STUCK: note_stuck(w); break;
	}
}

void worker_event(struct worker *w, enum worker_event event)
{
	struct worker_step step = worker_fsm_step(w->state, event);

	assert(step.act != ACT_REFUSED);
	w->is_overdue = event == EV_TIMER;
	if (step.next != w->state) {
		bool was_draining = w->state == WORKER_DRAINING;

		set_state(w, step.next);
		if (w->state == WORKER_KILLING) {
			w->deadline_ms = clock_ms() + KILL_PATIENCE_MS;
			worker_arm(w);
		}
		keep_save(w->home->keep);
		if (was_draining)
			w->home->on_drain(w);
	}
	act(w, step.act);
}

struct worker *worker_new(struct worker_home *home, unsigned slot, enum worker_role role,
			  unsigned generation)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->home = home;
	w->slot = slot;
	w->role = role;
	w->generation = generation;
	(void)uv_timer_init(home->loop, &w->timer);
	return w;
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(container_of((uv_timer_t *)handle, struct worker, timer));
}

struct worker *worker_free(struct worker *w)
{
	if (w)
		uv_close((uv_handle_t *)&w->timer, on_timer_closed);
	return NULL;
}
