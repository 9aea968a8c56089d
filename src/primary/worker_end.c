/*
 * A worker has ended: a pause and another start, or neither.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "os/clock.h"
#include "primary/datagram_hold.h"
#include "primary/worker.h"
#include "primary/worker_parts.h"
#include "primary/worker_words.h"

static uint32_t any_number(void)
{
	uint32_t n = 0;

	(void)!getrandom(&n, sizeof(n), GRND_NONBLOCK);
	return n;
}

/* That it never began was our end, not its own. */
static bool was_cut_off(const struct worker *w)
{
	return w->process && w->process->has_failed && w->process->failure.error == ECANCELED;
}

static bool has_begun(const struct worker *w)
{
	return w->process && !w->process->has_failed;
}

static enum restarts_verdict judge(struct worker *w)
{
	const bool has_code = has_begun(w) && w->exit_status != PROCESS_STATUS_UNKNOWN &&
			      WIFEXITED(w->exit_status);

	/* One on trial that ends has failed: whoever tries it out decides. */
	if (was_cut_off(w) || w->role != WORKER_MEMBER)
		return RESTARTS_AGAIN;
	return restarts_judge(&w->restarts, &w->home->config->restarts, has_code,
			      has_code ? (unsigned)WEXITSTATUS(w->exit_status) : 0, clock_ms());
}

static void say_back_off(const struct worker *w)
{
	char pause[WORKER_WORDS_MAX];
	char end[WORKER_WORDS_MAX];
	char text[2 * WORKER_WORDS_MAX];

	(void)snprintf(text, sizeof(text), "%s, %s", worker_end_text(w->exit_status, end),
		       worker_pause_text(w->pause_ms, pause));
	worker_say(w, MESSAGE_WARNING, "worker_exited", text);
}

static void say_ended(const struct worker *w, enum restarts_verdict verdict)
{
	const struct restarts_rules *rules = &w->home->config->restarts;
	char end[WORKER_WORDS_MAX] = "could not be started";
	char text[2 * WORKER_WORDS_MAX];

	if (has_begun(w))
		(void)worker_end_text(w->exit_status, end);
	if (verdict == RESTARTS_STOP_CODE) {
		(void)snprintf(
			text, sizeof(text),
			"%s, which --stop-exit-codes names: its slot stays empty until berth "
			"scale or berth reload",
			end);
		worker_say(w, MESSAGE_WARNING, "worker_ended", text);
		return;
	}
	(void)snprintf(text, sizeof(text),
		       "%s, and was started again %u time%s within %.1f s already, which is what "
		       "--max-restarts allows: its slot stays empty until berth scale or berth "
		       "reload",
		       end, rules->n_max, rules->n_max == 1 ? "" : "s",
		       (double)rules->window_ms / 1000);
	worker_say(w, MESSAGE_ERROR, "worker_ended", text);
}

void worker_back_off(struct worker *w)
{
	const struct backoff_death death = {
		.up_ms = (uint64_t)(clock_ms() - w->started_at_ms),
		.was_killed = w->was_ready && WIFSIGNALED(w->exit_status) &&
			      WTERMSIG(w->exit_status) == SIGKILL,
	};
	const enum restarts_verdict verdict = judge(w);

	if (verdict != RESTARTS_AGAIN) {
		say_ended(w, verdict);
		worker_event(w, EV_ENOUGH);
		return;
	}
	w->pause_ms = was_cut_off(w) ? 0 : backoff_after(&w->backoff, &death, any_number());
	if (has_begun(w))
		say_back_off(w);
	w->n_restarts += !was_cut_off(w); /* that was our end, not its own */
	w->deadline_ms = clock_ms() + (int64_t)w->pause_ms;
	if (w->process)
		datagram_hold_vacate(w->home->broker->ports, w->process->client.run);
	worker_release_process(w);
	worker_arm(w);
}

/* Whoever asks for it again asks for all that it may have. */
void worker_stay_empty(struct worker *w)
{
	w->restarts = (struct restarts){ 0 };
	w->backoff = (struct backoff){ 0 };
	worker_release_process(w);
	w->home->on_ended(w);
}
