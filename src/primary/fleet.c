/*
 * Starts, stops and counts the workers of the app.
 */
#include "primary/fleet.h"

#include "base/container_of.h"
#include "os/clock.h"
#include "primary/fleet_parts.h"
#include "primary/wanted.h"

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
	struct tree_line line;

	tree_climb(pid, &line); /* once: whoever asks for it may be anybody */
	for (struct worker *w = fleet_next(f, NULL); w && line.n; w = fleet_next(f, w))
		if (worker_is_running(w) && process_has(w->process, &line))
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

void fleet_add_other(struct fleet *f, struct worker *w)
{
	w->next = f->others;
	f->others = w;
}

void fleet_remove_other(struct fleet *f, const struct worker *w)
{
	struct worker **at = &f->others;

	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
}

struct worker *fleet_add_worker(struct fleet *f, unsigned slot, enum worker_role role,
				unsigned generation)
{
	/* A successor reads of no more: those that leave may be many. */
	const bool is_full = f->n_workers >= STATE_WORKERS_MAX;
	struct worker *w = is_full ? NULL : worker_new(&f->home, slot, role, generation);

	if (!w) {
		output_say(f->output, MESSAGE_ERROR, "worker_failed", "no %s for %s.%u",
			   is_full ? "room beside all that leave" : "memory", f->config->name,
			   slot);
		return NULL;
	}
	if (role == WORKER_MEMBER)
		f->workers[slot - 1] = w;
	else
		fleet_add_other(f, w);
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
		w = fleet_add_worker(f, slot, WORKER_MEMBER, f->generation);
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
void fleet_send_member_away(struct fleet *f, struct worker *w, bool must_stay)
{
	f->workers[w->slot - 1] = NULL;
	fleet_add_other(f, w);
	worker_leave(w, must_stay);
}

/* As many slots as are wanted have a worker, or had one that has ended; and no others. */
void fleet_fit(struct fleet *f)
{
	keep_save(f->keep);
	f->home.n_workers = f->n_wanted;
	for (unsigned slot = APP_WORKERS_MAX; slot > f->n_wanted; slot--)
		if (f->workers[slot - 1])
			fleet_send_member_away(f, f->workers[slot - 1], false);
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
	fleet_fit(f);
	revive(f);
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

void fleet_note_served(struct fleet *f, const struct worker *w)
{
	const struct readiness_ports listens = worker_readiness(w).listens;

	if (w->role != WORKER_MEMBER || w->state != WORKER_READY)
		return;
	/* One that has come back by itself, and elsewhere, is no example. */
	if (readiness_has_all(&listens, &f->served[w->slot - 1]))
		f->served[w->slot - 1] = listens;
}

void fleet_forget_served(struct fleet *f, unsigned slot)
{
	f->served[slot - 1] = (struct readiness_ports){ { 0 } };
}

/* Its place in the table may soon mean another one. */
static void on_port_removed(void *data, unsigned port)
{
	struct fleet *f = data;

	for (unsigned slot = 1; slot <= APP_WORKERS_MAX; slot++)
		readiness_remove(&f->served[slot - 1], port);
}

static void on_ready(struct worker *w)
{
	struct fleet *f = container_of(w->home, struct fleet, home);

	fleet_note_served(f, w);
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

static bool may_end(const struct worker *w)
{
	const struct fleet *f = container_of(w->home, struct fleet, home);

	for (unsigned slot = 1; slot <= f->n_wanted; slot++) {
		const struct worker *other = f->workers[slot - 1];

		if (slot != w->slot && other && other->state == WORKER_READY)
			return true;
	}
	return f->n_wanted == 1;
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

static bool on_cut(struct worker *w)
{
	struct fleet *f = container_of(w->home, struct fleet, home);

	return f->on_cut(f, w);
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
	wanted_update(w, f->ports);
	worker_look_ready(w);
	fleet_note_served(f, w);
	f->on_listening(f, w);
	keep_save(f->keep);
}

static void on_gone(struct worker *w)
{
	struct fleet *f = container_of(w->home, struct fleet, home);
	int code = w->give_up_code;

	if (f->workers[w->slot - 1] == w)
		f->workers[w->slot - 1] = NULL;
	else
		fleet_remove_other(f, w);
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

int fleet_init(struct fleet *f, uv_loop_t *loop)
{
	f->n_wanted = f->config->n_workers;
	f->started_at_ms = clock_ms();
	f->home.on_ready = on_ready;
	f->home.on_gone = on_gone;
	f->home.on_failed = on_failed;
	f->home.may_end = may_end;
	f->home.on_drain = on_drain;
	f->home.on_cut = on_cut;
	f->home.on_ended = on_ended;
	f->ports->on_removed = on_port_removed;
	f->ports->on_removed_data = f;
	f->generation = 1;
	f->home.n_workers = f->n_wanted;
	return uv_timer_init(loop, &f->unserved_check);
}

void fleet_done(struct fleet *f)
{
	uv_close((uv_handle_t *)&f->unserved_check, NULL);
}
