/*
 * Starts, stops and counts the workers of the app.
 */
#include "primary/fleet.h"

#include <string.h>

#include "base/container_of.h"
#include "os/clock.h"

#define UNSERVED_AFTER_MS 2000

struct worker *fleet_next(const struct fleet *f, const struct worker *w)
{
	unsigned i = !w || w->role != WORKER_MEMBER ? 0 : w->slot;

	if (w && w->role != WORKER_MEMBER)
		return w->next;
	for (; i < APP_WORKERS_MAX; i++)
		if (f->workers[i])
			return f->workers[i];
	return f->others;
}

static struct worker *find_by_pid(const struct fleet *f, pid_t pid)
{
	for (struct worker *w = fleet_next(f, NULL); w; w = fleet_next(f, w))
		if (worker_is_running(w) && process_pid(w->process) == pid)
			return w;
	return NULL;
}

struct worker *fleet_find_process(struct fleet *f, pid_t pid)
{
	struct worker *leader = find_by_pid(f, pid);

	if (leader)
		return leader;
	for (struct worker *w = fleet_next(f, NULL); w; w = fleet_next(f, w))
		if (worker_is_running(w) && process_has(w->process, pid))
			return w;
	return NULL;
}

struct worker *fleet_find_run(struct fleet *f, uint64_t run)
{
	for (struct worker *w = fleet_next(f, NULL); w; w = fleet_next(f, w))
		if (w->process && w->process->client.run == run)
			return w;
	return NULL;
}

static void add_other(struct fleet *f, struct worker *w)
{
	w->next = f->others;
	f->others = w;
}

static void remove_other(struct fleet *f, const struct worker *w)
{
	struct worker **at = &f->others;

	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
}

static struct worker *add_worker(struct fleet *f, unsigned slot, enum worker_role role,
				 unsigned generation)
{
	struct worker *w = worker_new(&f->home, slot, role, generation);

	if (!w) {
		output_say(f->output, MESSAGE_ERROR, "worker_failed", "no memory for %s.%u",
			   f->config->name, slot);
		return NULL;
	}
	if (role == WORKER_MEMBER)
		f->workers[slot - 1] = w;
	else
		add_other(f, w);
	f->n_workers++;
	return w;
}

void fleet_start_missing(struct fleet *f)
{
	f->home.n_workers = f->n_wanted;
	for (unsigned slot = 1; slot <= f->n_wanted && !f->is_stopping; slot++) {
		struct worker *w;

		/* What a candidate is to have, nobody else gets. */
		if (f->workers[slot - 1] || fleet_find_candidate(f, slot))
			continue;
		w = add_worker(f, slot, WORKER_MEMBER, f->generation);
		if (w)
			worker_event(w, EV_START);
	}
}

void fleet_stop(struct fleet *f, bool is_now)
{
	struct worker *next;

	f->is_stopping = true;
	keep_save(f->keep);
	ports_stop_catching(f->ports);
	for (struct worker *w = fleet_next(f, NULL); w; w = next) {
		next = fleet_next(f, w);
		worker_event(w, is_now ? EV_NOW : EV_STOP);
	}
	if (f->n_workers == 0)
		f->on_empty(f);
}

/* The member of a slot gives it up; it drains first, where it has clients. */
static void send_away(struct fleet *f, struct worker *w, bool must_stay)
{
	f->workers[w->slot - 1] = NULL;
	add_other(f, w);
	worker_leave(w, must_stay);
}

/* As many slots as are wanted have a worker, or had one that has ended; and no others. */
static void fit(struct fleet *f)
{
	keep_save(f->keep);
	f->home.n_workers = f->n_wanted;
	for (unsigned slot = APP_WORKERS_MAX; slot > f->n_wanted; slot--)
		if (f->workers[slot - 1])
			send_away(f, f->workers[slot - 1], false);
	fleet_start_missing(f);
}

/* Whoever asks for workers asks for those that were not started again, too. */
static void revive(struct fleet *f)
{
	for (unsigned slot = 1; slot <= f->n_wanted; slot++)
		if (f->workers[slot - 1] && f->workers[slot - 1]->state == WORKER_ENDED)
			worker_event(f->workers[slot - 1], EV_START);
}

void fleet_scale(struct fleet *f, unsigned n)
{
	if (f->is_stopping)
		return;
	fleet_dismiss_candidates(f); /* one for a slot that goes would have no place */
	f->n_wanted = n;
	fit(f);
	revive(f);
}

/* --- one generation in the place of another --- */

void fleet_send_away(struct fleet *f, unsigned slot, bool must_stay)
{
	send_away(f, f->workers[slot - 1], must_stay);
}

/* What --listen names: a member must listen at all of it. */
static struct readiness_ports named_ports(const struct fleet *f)
{
	struct readiness_ports set = { { 0 } };

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (f->ports->at[i] && f->ports->at[i]->is_named)
			readiness_add(&set, i);
	return set;
}

/* Whoever has, or had, the slot. */
static const struct worker *predecessor(const struct fleet *f, unsigned slot)
{
	if (f->workers[slot - 1])
		return f->workers[slot - 1];
	for (const struct worker *w = f->others; w; w = w->next)
		if (w->slot == slot && w->role == WORKER_LEAVING)
			return w;
	return NULL;
}

struct worker *fleet_try(struct fleet *f, unsigned slot, unsigned generation)
{
	const struct worker *before = predecessor(f, slot);
	struct worker *w = add_worker(f, slot, WORKER_CANDIDATE, generation);

	if (!w)
		return NULL;
	if (before)
		w->wanted = worker_readiness(before).listens;
	/* One that has died, or comes up itself, is no example. */
	if (readiness_is_empty(&w->wanted))
		w->wanted = named_ports(f);
	worker_event(w, EV_START);
	return w;
}

void fleet_promote(struct fleet *f, struct worker *w, bool must_stay)
{
	struct worker *member = f->workers[w->slot - 1];

	/* At no moment that a successor could find is one of the two nowhere. */
	if (member) {
		member->role = WORKER_LEAVING;
		member->must_stay = must_stay;
		add_other(f, member);
	}
	remove_other(f, w);
	f->workers[w->slot - 1] = w;
	w->role = WORKER_MEMBER;
	/* First the new one gets clients, and only then the old one no more. */
	if (w->state == WORKER_DRAINING || w->state == WORKER_FROZEN)
		worker_event(w, EV_RESUME);
	else
		worker_become_member(w);
	if (member)
		worker_leave(member, must_stay);
}

static bool can_come_back(const struct worker *w)
{
	return w->role == WORKER_LEAVING &&
	       (w->state == WORKER_DRAINING || w->state == WORKER_FROZEN);
}

struct worker *fleet_find_leaving(struct fleet *f, unsigned slot, unsigned generation)
{
	for (struct worker *w = f->others; w; w = w->next)
		if (w->slot == slot && w->generation == generation && can_come_back(w))
			return w;
	return NULL;
}

struct worker *fleet_find_candidate(struct fleet *f, unsigned slot)
{
	for (struct worker *w = f->others; w; w = w->next)
		if (w->slot == slot && w->role == WORKER_CANDIDATE)
			return w;
	return NULL;
}

void fleet_dismiss_candidates(struct fleet *f)
{
	struct worker *next;

	for (struct worker *w = f->others; w; w = next) {
		next = w->next;
		if (w->role == WORKER_CANDIDATE)
			worker_leave(w, false);
	}
}

void fleet_let_go(struct fleet *f, unsigned kept, uint32_t keep_ms)
{
	struct worker *next;

	for (struct worker *w = f->others; w; w = next) {
		next = w->next;
		if (w->role == WORKER_LEAVING)
			worker_let_go(w, w->generation == kept ? keep_ms : 0);
	}
}

unsigned fleet_n_leaving(const struct fleet *f)
{
	unsigned n = 0;

	for (const struct worker *w = f->others; w; w = w->next)
		n += w->state != WORKER_FROZEN;
	return n;
}

/* --- what workers tell --- */

/* The commonest mistake: the program listens somewhere else than --listen says. */
static void warn_of_unserved(uv_timer_t *timer)
{
	const struct fleet *f = container_of(timer, struct fleet, unserved_check);
	char text[ADDR_TEXT_MAX];

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		const struct port *port = f->ports->at[i];

		if (!port || !port->is_named || port->kind == PORT_SHARED || port->berths)
			continue;
		output_say(f->output, MESSAGE_WARNING, "port_unserved",
			   "no worker listens on %s, which --listen claims: does the program "
			   "listen on another address?",
			   addr_name(port_addr(port), text));
	}
}

static void on_ready(struct worker *w)
{
	struct fleet *f = container_of(w->home, struct fleet, home);

	f->n_ready++;
	f->on_ready(f, w);
	if (f->has_said_ready || f->n_ready < f->n_wanted)
		return;
	f->has_said_ready = true;
	keep_save(f->keep);
	output_say(f->output, MESSAGE_INFO, "app_ready", "%s: %u worker%s ready after %lld ms",
		   f->config->name, f->n_wanted, f->n_wanted == 1 ? "" : "s",
		   (long long)(clock_ms() - f->started_at_ms));
}

static void on_failed(struct worker *w, const char *why)
{
	struct fleet *f = container_of(w->home, struct fleet, home);

	f->on_failed(f, w, why);
}

/* Loudest when it was the last one. */
static void on_ended(struct worker *w)
{
	const struct fleet *f = container_of(w->home, struct fleet, home);

	for (unsigned slot = 1; slot <= APP_WORKERS_MAX; slot++)
		if (f->workers[slot - 1] && f->workers[slot - 1]->state != WORKER_ENDED)
			return;
	output_say(f->output, MESSAGE_ERROR, "nobody_left",
		   "%s: no worker is left, and none is started: clients wait until berth scale or "
		   "berth reload",
		   f->config->name);
}

static void on_drain(struct worker *w)
{
	struct fleet *f = container_of(w->home, struct fleet, home);

	f->on_drain(f, w);
}

/* Once for each port and run: a worker may listen again as often as it likes. */
static bool is_first_time(struct process *process, const struct port *port)
{
	uint64_t *word = &process->ports[port->id / 64];
	uint64_t bit = 1ULL << port->id % 64;
	bool is_first = !(*word & bit);

	*word |= bit;
	return is_first;
}

void fleet_note_listening(struct fleet *f, uint64_t run, const struct port *port)
{
	struct worker *w = fleet_find_run(f, run);
	char text[ADDR_TEXT_MAX];

	if (!w)
		return;
	if (is_first_time(w->process, port))
		output_say_worker(f->output, &w->process->client.source, MESSAGE_INFO,
				  "worker_listening", "listens on %s",
				  addr_name(port_addr(port), text));
	/* A program with several ports listens at one after the other. */
	if (!f->has_said_ready)
		(void)uv_timer_start(&f->unserved_check, warn_of_unserved, UNSERVED_AFTER_MS, 0);
	if (w->role == WORKER_MEMBER)
		w->wanted = named_ports(f);
	worker_look_ready(w);
	keep_save(f->keep);
}

static void on_gone(struct worker *w)
{
	struct fleet *f = container_of(w->home, struct fleet, home);
	int code = w->give_up_code;

	if (f->workers[w->slot - 1] == w)
		f->workers[w->slot - 1] = NULL;
	else
		remove_other(f, w);
	f->n_workers--;
	(void)worker_free(w);
	if (code && !f->exit_code) {
		f->exit_code = code;
		output_say(f->output, MESSAGE_ERROR, "gave_up", "giving up: %s cannot run",
			   f->config->name);
		fleet_stop(f, false);
		return;
	}
	keep_save(f->keep);
	f->on_left(f);
	if (!f->is_stopping)
		fleet_start_missing(f);
	else if (f->n_workers == 0 && !f->is_resuming)
		f->on_empty(f);
}

void fleet_note_exit(struct fleet *f, pid_t pid, int status)
{
	struct worker *w = find_by_pid(f, pid);

	if (w)
		process_exited(w->process, status);
}

/* --- from primary to primary --- */

/* The slot is empty already, and what that means has yet to be done. */
static void remain_given_up(struct state *s, int code)
{
	s->app.exit_code = code;
	s->app.flags |= STATE_APP_STOPPING;
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
			worker_remains(w, &s->workers[s->n_workers++]);
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
		struct worker *w = add_worker(f, remains->slot, (enum worker_role)remains->role,
					      remains->generation ? remains->generation : 1);

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
		fit(f);
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

int fleet_init(struct fleet *f, uv_loop_t *loop)
{
	f->n_wanted = f->config->n_workers;
	f->started_at_ms = clock_ms();
	f->home.on_ready = on_ready;
	f->home.on_gone = on_gone;
	f->home.on_failed = on_failed;
	f->home.on_drain = on_drain;
	f->home.on_ended = on_ended;
	f->generation = 1;
	f->home.n_workers = f->n_wanted;
	return uv_timer_init(loop, &f->unserved_check);
}

void fleet_done(struct fleet *f)
{
	uv_close((uv_handle_t *)&f->unserved_check, NULL);
}
