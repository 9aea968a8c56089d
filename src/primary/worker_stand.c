/*
 * A worker's processes stand still: for the last look before it goes, and frozen for an
 * undo. What stands still serves nobody: so for one that has clients it is short, and
 * who could keep a client of others waiting is never frozen.
 */
#include <signal.h>

#include "os/clock.h"
#include "os/sock.h"
#include "primary/worker.h"
#include "primary/worker_parts.h"

#define AGAIN_FIRST_MS 20 /* after clients were found by the last look, until the next one */
#define AGAIN_MAX_MS   250
#define AGAIN_SHARE    32  /* of the drain: where it is short, there is less time to be lucky in */
#define REST_MS        100 /* from the stop signal, for a leader to tell it the rest of its tree */

/* One listening socket for all: a Unix one, or any in the shared tier. */
static const struct port *next_shared(const struct worker *w, unsigned *at)
{
	const struct ports *p = w->home->broker->ports;

	for (; w->process && *at < PORT_TABLE_MAX; ++*at)
		if (p->at[*at] && p->at[*at]->kind == PORT_SHARED &&
		    w->process->ports[*at / 64] >> *at % 64 & 1)
			return p->at[(*at)++];
	return NULL;
}

bool worker_shares_listener(const struct worker *w)
{
	unsigned at = 0;

	return next_shared(w, &at);
}

/* Who stands still with a shared socket would be woken for clients that others should get. */
static bool can_be_frozen(const struct worker *w)
{
	return w->home->broker->ports->steer && !worker_shares_listener(w);
}

bool worker_is_to_freeze(const struct worker *w)
{
	return (w->must_stay || w->keep_ms) && can_be_frozen(w);
}

bool worker_may_go(const struct worker *w)
{
	return !w->must_stay || can_be_frozen(w);
}

/*
 * Who was woken for a connection, and is gone before it could take it, was perhaps the
 * only one.
 */
void worker_wake_others(const struct worker *w)
{
	const struct port *port;
	unsigned at = 0;

	while ((port = next_shared(w, &at)))
		if (sock_has_queue(port->fd))
			sock_wake(port->fd);
}

/* --- the last look --- */

void worker_stand(struct worker *w, struct tree_census *c, int64_t now_ms)
{
	if (!w->stand.is_asked) {
		w->stand.is_asked = true;
		w->stand.since_ms = now_ms;
	}
	w->is_frozen = true;
	process_signal_leader(w->process, SIGSTOP);
	process_signal_rest_in(w->process, c, SIGSTOP);
}

struct stillness {
	unsigned n;
	bool is_still;
};

static int look_at_process(pid_t pid, void *arg)
{
	struct stillness *s = arg;

	s->n++;
	s->is_still &= tree_stands_still(pid);
	return 0;
}

/* Who runs while they are counted may fork: it's twice that all have to stand. */
void worker_note_still(struct worker *w, struct tree_census *c)
{
	const bool was_still = w->stand.is_still;
	struct stillness s = { .is_still = true };

	(void)process_each(w->process, c, look_at_process, &s);
	w->stand.is_still = s.is_still;
	w->stand.is_ripe = was_still && s.is_still;
	w->stand.is_alone = w->stand.is_ripe && s.n == 1;
}

void worker_serve_on(struct worker *w, int64_t now_ms)
{
	const uint32_t pause_ms = w->stand.pause_ms;
	const uint32_t share_ms = w->home->config->drain_ms / AGAIN_SHARE;
	const uint32_t most_ms = share_ms < AGAIN_MAX_MS ? share_ms : AGAIN_MAX_MS;
	uint32_t next_ms = 2 * pause_ms < most_ms ? 2 * pause_ms : most_ms;

	if (next_ms < AGAIN_FIRST_MS)
		next_ms = AGAIN_FIRST_MS;
	worker_go_ahead(w);
	w->stand = (struct worker_stand){ .pause_ms = next_ms, .again_ms = now_ms + next_ms };
}

/* --- and after it --- */

void worker_stand_still(struct worker *w)
{
	w->is_frozen = true;
	if (w->stand.is_ripe)
		return; /* all of it does already */
	keep_save(w->home->keep);
	process_signal_leader(w->process, SIGSTOP);
	process_signal_rest(w->process, SIGSTOP);
}

void worker_go_ahead(struct worker *w)
{
	if (!w->is_frozen)
		return;
	if (!w->stand.is_alone)
		process_signal_rest(w->process, SIGCONT);
	process_signal_leader(w->process, SIGCONT);
	w->is_frozen = false;
	w->stand = (struct worker_stand){ 0 };
}

/*
 * One that stands still hears of the signal before it does anything else. The rest of its
 * tree does, too, if its leader has time to tell them while they stand: else they'd take
 * clients meanwhile that they can't serve to the end.
 */
void worker_arm_stop(struct worker *w)
{
	const int64_t rest_ms = clock_ms() + REST_MS;

	if (!w->is_frozen || w->stand.is_alone) {
		worker_go_ahead(w);
		worker_arm(w);
		return;
	}
	process_signal_leader(w->process, SIGCONT);
	worker_arm_at(w, rest_ms < w->deadline_ms ? rest_ms : w->deadline_ms);
}

bool worker_let_rest_go(struct worker *w)
{
	if (w->state != WORKER_STOPPING || !w->is_frozen)
		return false;
	worker_go_ahead(w);
	worker_arm(w);
	return true;
}
