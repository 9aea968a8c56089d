/*
 * The fleet from primary to primary, and from keeper to keeper.
 */
#include <string.h>

#include "primary/fleet_parts.h"

/* The slot is empty already, and what that means has yet to be done. */
static void remain_given_up(struct state *s, int code)
{
	s->app.exit_code = code;
	s->app.flags |= STATE_APP_STOPPING;
}

static void remain(const struct fleet *f, const struct worker *w, struct state_worker *ret_remains)
{
	const struct readiness_ports *served = &f->served[w->slot - 1];

	worker_remains(w, ret_remains);
	memcpy(ret_remains->served, served->bits, sizeof(served->bits));
}

void fleet_remains(const struct fleet *f, struct state *s)
{
	s->app.n_runs = f->home.n_runs;
	s->app.started_at_ms = f->started_at_ms;
	s->app.n_wanted = f->n_wanted;
	s->app.n_ready = f->n_ready;
	s->app.exit_code = f->exit_code;
	s->app.flags |= f->is_stopping ? STATE_APP_STOPPING : 0;
	s->app.flags |= f->has_said_ready ? STATE_APP_SAID_READY : 0;
	s->app.flags |= f->home.has_begun ? STATE_APP_BEGUN : 0;
	s->app.generation = f->generation;
	for (const struct worker *w = fleet_next(f, NULL); w; w = fleet_next(f, w)) {
		if (w->state != WORKER_GONE)
			remain(f, w, &s->workers[s->n_workers++]);
		else if (w->give_up_code && !s->app.exit_code)
			remain_given_up(s, w->give_up_code);
	}
}

void fleet_resume(struct fleet *f, const struct state *s)
{
	f->home.n_runs = s->app.n_runs;
	f->started_at_ms = s->app.started_at_ms;
	f->n_wanted = f->home.n_workers = s->app.n_wanted;
	f->n_ready = s->app.n_ready;
	f->exit_code = s->app.exit_code;
	f->is_stopping = s->app.flags & STATE_APP_STOPPING;
	f->has_said_ready = s->app.flags & STATE_APP_SAID_READY;
	if (s->app.generation)
		f->generation = s->app.generation;
	f->home.has_begun = s->app.flags & STATE_APP_BEGUN;
	for (size_t i = 0; i < s->n_workers; i++) {
		const struct state_worker *remains = &s->workers[i];
		struct worker *w =
			fleet_add_worker(f, remains->slot, (enum worker_role)remains->role,
					 remains->generation ? remains->generation : 1);

		memcpy(f->served[remains->slot - 1].bits, remains->served, sizeof(remains->served));
		if (w)
			worker_resume(w, remains);
	}
}

void fleet_go_on(struct fleet *f)
{
	struct worker *next;

	f->is_resuming = true;
	for (struct worker *w = fleet_next(f, NULL); w; w = next) {
		next = fleet_next(f, w);
		worker_go_on(w);
	}
	f->is_resuming = false;
	/* Orders that a predecessor had begun to carry out. */
	if (f->is_stopping)
		fleet_stop(f, false);
	else
		fleet_fit(f);
}

void fleet_store(struct fleet *f)
{
	for (struct worker *w = fleet_next(f, NULL); w; w = fleet_next(f, w)) {
		if (!w->process)
			continue;
		process_store(w->process);
		process_become_orphan(w->process);
	}
}
