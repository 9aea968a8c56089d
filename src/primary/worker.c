/*
 * Does what the state machine of a slot says, and tells in words how each run ended.
 */
#include "primary/worker.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "base/container_of.h"
#include "base/own.h"
#include "os/clock.h"
#include "primary/berths.h"
#include "primary/output.h"

#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND      127

static void say(const struct worker *w, enum message_level level, const char *event,
		const char *text)
{
	struct message_source source = {
		.app = w->home->config->name,
		.slot = w->slot,
		.pid = w->process ? process_pid(w->process) : 0,
		.generation = 1,
	};

	output_say_worker(w->home->broker->output, &source, level, event, "%s", text);
}

static void set_state(struct worker *w, enum worker_state next)
{
	if (w->state == next)
		return;
	(void)uv_timer_stop(&w->timer); /* a timer belongs to the state that armed it */
	w->deadline_ms = 0;
	/* For programs; people are told of what matters to them in sentences. */
	if (w->home->config->json) {
		char text[64];

		(void)snprintf(text, sizeof(text), "%s -> %s", worker_state_text(w->state),
			       worker_state_text(next));
		say(w, MESSAGE_INFO, "worker_state", text);
	}
	w->state = next;
}

static void on_timer(uv_timer_t *timer)
{
	worker_event(container_of(timer, struct worker, timer), EV_TIMER);
}

static uint32_t any_number(void)
{
	uint32_t n = 0;

	(void)!getrandom(&n, sizeof(n), GRND_NONBLOCK);
	return n;
}

/* --- how the last run ended, in words --- */

static const char *pause_text(uint64_t pause_ms, char *text, size_t size)
{
	if (pause_ms == 0)
		return "starting again at once";
	if (pause_ms < 1000)
		(void)snprintf(text, size, "starting again in %" PRIu64 " ms", pause_ms);
	else
		(void)snprintf(text, size, "starting again in %" PRIu64 ".%" PRIu64 " s",
			       pause_ms / 1000, pause_ms % 1000 / 100);
	return text;
}

static const char *end_text(int status, char *text, size_t size)
{
	if (status == PROCESS_STATUS_UNKNOWN)
		(void)snprintf(text, size, "ended");
	else if (WIFSIGNALED(status))
		(void)snprintf(text, size, "was ended by signal %d (%s)", WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
	else
		(void)snprintf(text, size, "ended with exit code %d", WEXITSTATUS(status));
	return text;
}

static void say_back_off(const struct worker *w)
{
	char pause[64];
	char end[128];
	char text[256];

	(void)snprintf(text, sizeof(text), "%s, %s", end_text(w->exit_status, end, sizeof(end)),
		       pause_text(w->pause_ms, pause, sizeof(pause)));
	say(w, MESSAGE_WARNING, "worker_exited", text);
}

/* --- what a run tells --- */

/* The ends of a tree that is gone already come one after the other. */
static void tell_end(struct worker *w, enum worker_event event)
{
	worker_event(w, event);
	if (w->process && process_is_gone(w->process) && w->state != WORKER_GONE)
		worker_event(w, EV_TREE_GONE);
}

static void on_exited(struct process *p, int status)
{
	struct worker *w = p->owner;

	w->exit_status = status;
	tell_end(w, EV_EXITED);
}

static void on_tree_gone(struct process *p)
{
	worker_event(p->owner, EV_TREE_GONE);
}

static const char *stage_text(enum spawn_stage stage)
{
	switch (stage) {
	case SPAWN_STAGE_FILTER: return "could not be put under berth's system call filter";
	case SPAWN_STAGE_EXEC: return "could not execute its command";
	case SPAWN_STAGE_SETUP:
	case SPAWN_STAGES: break;
	}
	return "could not be set up";
}

/* Whether trying again could help; if not, with which code berth exits. */
static int hopeless(const struct worker *w, const struct spawn_failure *failure)
{
	if (failure->stage == SPAWN_STAGE_FILTER && failure->error == EBUSY)
		return EXIT_FAILURE; /* another supervisor's filter is in force: there can be one */
	if (failure->stage != SPAWN_STAGE_EXEC || w->home->n_runs > w->home->n_workers)
		return 0;
	return failure->error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

static void on_failed(struct process *p, const struct spawn_failure *failure)
{
	struct worker *w = p->owner;
	char text[256];

	if (failure->error == ECANCELED) {
		/* One that had begun, and lost a descriptor on its way through the keeper, just ended. */
		w->exit_status = SIGKILL;
		tell_end(w, worker_fsm_step(w->state, EV_SPAWN_FAILED).act == ACT_REFUSED
				    ? EV_EXITED
				    : EV_SPAWN_FAILED);
		return;
	}
	(void)snprintf(text, sizeof(text), "%s: %s%s", stage_text(failure->stage),
		       strerror(failure->error),
		       failure->error == EBUSY ? " (it runs under another supervisor that traps "
						 "system calls, and the kernel allows only one)"
					       : "");
	say(w, MESSAGE_ERROR, "worker_failed", text);
	w->give_up_code = hopeless(w, failure);
	worker_event(w, w->give_up_code ? EV_EXEC_FAILED : EV_SPAWN_FAILED);
}

static const struct process_events process_events = {
	.exited = on_exited,
	.failed = on_failed,
	.tree_gone = on_tree_gone,
};

/* --- acts --- */

struct run_text {
	char text[48];
};

static void describe_run(const struct worker *w, uint64_t n_run, struct run_text *ret_run,
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
		.who = { w->slot, home->n_workers, 1, ret_run->text },
		.n_run = n_run,
		.events = &process_events,
		.owner = (struct worker *)w,
	};
}

static void spawn_worker(struct worker *w)
{
	struct worker_home *home = w->home;
	struct process_start start;
	struct run_text run;
	int r;

	describe_run(w, ++home->n_runs, &run, &start);
	w->was_ready = false;
	w->started_at_ms = clock_ms();
	keep_save(home->keep); /* the number of the run is taken, whatever becomes of it */
	r = process_new(&start, &w->process);
	if (r == 0) {
		keep_save(home->keep);
		say(w, MESSAGE_INFO, "worker_started", "started");
		return;
	}
	w->process = NULL;
	output_say(home->broker->output, MESSAGE_ERROR, "worker_failed",
		   "%s.%u could not be started: %s", home->config->name, w->slot, strerror(-r));
	worker_event(w, EV_SPAWN_FAILED);
}

static void release_process(struct worker *w)
{
	if (w->process)
		berths_close_worker(w->home->broker->ports, w->process->client.run);
	berths_sweep_all(w->home->broker->ports);
	ports_restore_names(w->home->broker->ports);
	w->process = process_free(w->process);
	keep_save(w->home->keep);
}

static void back_off(struct worker *w)
{
	const struct backoff_death death = {
		.up_ms = (uint64_t)(clock_ms() - w->started_at_ms),
		.was_killed = w->was_ready && WIFSIGNALED(w->exit_status) &&
			      WTERMSIG(w->exit_status) == SIGKILL,
	};

	/* That it never began was our end, not its own. */
	if (w->process && w->process->has_failed && w->process->failure.error == ECANCELED)
		w->pause_ms = 0;
	else
		w->pause_ms = backoff_after(&w->backoff, &death, any_number());
	if (w->process && !w->process->has_failed)
		say_back_off(w);
	w->n_restarts++;
	w->deadline_ms = clock_ms() + (int64_t)w->pause_ms;
	release_process(w);
	(void)uv_timer_start(&w->timer, on_timer, w->pause_ms, 0);
}

static uint64_t left_ms(const struct worker *w)
{
	int64_t now_ms = clock_ms();

	return w->deadline_ms > now_ms ? (uint64_t)(w->deadline_ms - now_ms) : 0;
}

static void send_stop(struct worker *w)
{
	assert(w->process); /* the states in which a stop is a signal have one */
	berths_close_worker(w->home->broker->ports, w->process->client.run);
	process_signal_leader(w->process, w->home->config->stop_signal);
	w->deadline_ms = clock_ms() + w->home->config->stop_timeout_ms;
	keep_save(w->home->keep); /* with the deadline: the signal was sent, and isn't again */
	(void)uv_timer_start(&w->timer, on_timer, left_ms(w), 0);
}

static void kill_tree(struct worker *w)
{
	if (w->state == WORKER_KILLING && w->is_overdue)
		say(w, MESSAGE_WARNING, "worker_killed",
		    "did not end within its stop timeout, killing it");
	process_kill(w->process);
}

static void release(struct worker *w)
{
	if (w->process && !w->give_up_code)
		say(w, MESSAGE_INFO, "worker_stopped", "stopped");
	release_process(w);
	w->home->on_gone(w);
}

static void note_ready(struct worker *w)
{
	w->was_ready = true;
	w->home->on_ready(w);
}

static void act(struct worker *w, enum worker_act what)
{
	switch (what) {
	case ACT_REFUSED:
	case ACT_NOTHING: break;
	case ACT_SPAWN: spawn_worker(w); break;
	case ACT_NOTE_READY: note_ready(w); break;
	case ACT_BACK_OFF: back_off(w); break;
	case ACT_SIGNAL: send_stop(w); break;
	case ACT_SIGNAL_REST: process_signal_rest(w->process, w->home->config->stop_signal); break;
	case ACT_KILL_TREE: kill_tree(w); break;
	case ACT_RELEASE:
	case ACT_GIVE_UP: release(w); break;
	}
}

void worker_event(struct worker *w, enum worker_event event)
{
	struct worker_step step = worker_fsm_step(w->state, event);

	assert(step.act != ACT_REFUSED);
	w->is_overdue = event == EV_TIMER;
	if (step.next != w->state) {
		set_state(w, step.next);
		keep_save(w->home->keep);
	}
	act(w, step.act);
}

/* --- from primary to primary --- */

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
		.flags = w->was_ready ? STATE_WORKER_WAS_READY : 0,
	};
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
	struct run_text run;

	memcpy(left.ports, remains->ports, sizeof(left.ports));
	describe_run(w, remains->run, &run, &start);
	if (process_resume(&start, &left, &w->process) < 0)
		w->process = NULL;
}

static void resume_timer(struct worker *w)
{
	(void)uv_timer_start(&w->timer, on_timer, left_ms(w), 0);
}

/* Once there is a deadline, all of the pause is decided. */
static void resume_back_off(struct worker *w)
{
	if (w->process && !w->deadline_ms) {
		back_off(w);
		return;
	}
	if (w->process)
		release_process(w);
	resume_timer(w);
}

/* What the state wants done, and may not have been: each of these may be done twice. */
static void resume_act(struct worker *w)
{
	switch (w->state) {
	case WORKER_STARTING:
		if (!w->process)
			spawn_worker(w); /* the child ended by itself when nobody told it to go */
		break;
	case WORKER_BACKOFF: resume_back_off(w); break;
	case WORKER_STOPPING:
		if (w->deadline_ms)
			resume_timer(w);
		else
			send_stop(w);
		break;
	case WORKER_CLEARING:
	case WORKER_KILLING: process_kill(w->process); break;
	case WORKER_IDLE: worker_event(w, EV_STOP); break;
	case WORKER_READY:
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
	w->was_ready = remains->flags & STATE_WORKER_WAS_READY;
	if (remains->pid)
		resume_process(w, remains);
	/* A state that needs a process, and has none: what was left of it is gone. */
	if (!w->process && w->state != WORKER_STARTING && w->state != WORKER_BACKOFF)
		w->state = w->state == WORKER_READY || w->state == WORKER_CLEARING ? WORKER_STARTING
										   : WORKER_IDLE;
}

void worker_go_on(struct worker *w)
{
	resume_act(w);
	if (w->process && process_is_gone(w->process))
		tell_end(w, w->state == WORKER_READY || w->state == WORKER_STARTING ? EV_EXITED
										    : EV_TREE_GONE);
}

struct worker *worker_new(struct worker_home *home, unsigned slot)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->home = home;
	w->slot = slot;
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
