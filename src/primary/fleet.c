/*
 * Starts, stops and counts the workers of the app.
 */
#include "primary/fleet.h"

#include <string.h>

#include "base/container_of.h"
#include "os/clock.h"

#define UNSERVED_AFTER_MS 2000

static struct worker *find_by_pid(const struct fleet *f, pid_t pid)
{
	for (unsigned i = 0; i < APP_WORKERS_MAX; i++) {
		struct worker *w = f->workers[i];

		if (w && w->process && process_pid(w->process) == pid && !w->process->has_exited)
			return w;
	}
	return NULL;
}

struct worker *fleet_find_run(struct fleet *f, uint64_t run)
{
	for (unsigned i = 0; i < APP_WORKERS_MAX; i++) {
		struct worker *w = f->workers[i];

		if (w && w->process && w->process->client.run == run)
			return w;
	}
	return NULL;
}

static struct worker *add_worker(struct fleet *f, unsigned slot)
{
	struct worker *w = worker_new(&f->home, slot);

	if (!w) {
		output_say(f->output, MESSAGE_ERROR, "worker_failed", "no memory for %s.%u",
			   f->config->name, slot);
		return NULL;
	}
	f->workers[slot - 1] = w;
	f->n_workers++;
	return w;
}

void fleet_start_missing(struct fleet *f)
{
	f->home.n_workers = f->n_wanted;
	for (unsigned slot = 1; slot <= f->n_wanted && !f->is_stopping; slot++) {
		struct worker *w = f->workers[slot - 1] ? NULL : add_worker(f, slot);

		if (w)
			worker_event(w, EV_START);
	}
}

static void stop_worker(struct worker *w, bool is_now)
{
	worker_event(w, is_now ? EV_NOW : EV_STOP);
}

void fleet_stop(struct fleet *f, bool is_now)
{
	f->is_stopping = true;
	keep_save(f->keep);
	ports_stop_catching(f->ports);
	for (unsigned i = 0; i < APP_WORKERS_MAX; i++)
		if (f->workers[i])
			stop_worker(f->workers[i], is_now);
	if (f->n_workers == 0)
		f->on_empty(f);
}

void fleet_scale(struct fleet *f, unsigned n)
{
	if (f->is_stopping)
		return;
	f->n_wanted = n;
	f->home.n_workers = n;
	keep_save(f->keep);
	for (unsigned slot = APP_WORKERS_MAX; slot > n; slot--)
		if (f->workers[slot - 1])
			stop_worker(f->workers[slot - 1], false);
	fleet_start_missing(f);
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
			   addr_text(port_addr(port), text));
	}
}

static void on_ready(struct worker *w)
{
	struct fleet *f = container_of(w->home, struct fleet, home);

	f->n_ready++;
	if (f->has_said_ready || f->n_ready < f->n_wanted)
		return;
	f->has_said_ready = true;
	keep_save(f->keep);
	output_say(f->output, MESSAGE_INFO, "app_ready", "%s: %u worker%s ready after %lld ms",
		   f->config->name, f->n_wanted, f->n_wanted == 1 ? "" : "s",
		   (long long)(clock_ms() - f->started_at_ms));
	/* A program with several ports listens at one after the other. */
	(void)uv_timer_start(&f->unserved_check, warn_of_unserved, UNSERVED_AFTER_MS, 0);
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

void fleet_note_listening(struct fleet *f, unsigned slot, const struct port *port)
{
	struct worker *w = f->workers[slot - 1];
	char text[ADDR_TEXT_MAX];

	if (!w || !w->process)
		return;
	if (is_first_time(w->process, port))
		output_say_worker(f->output, &w->process->client.source, MESSAGE_INFO,
				  "worker_listening", "listens on %s",
				  addr_text(port_addr(port), text));
	worker_event(w, EV_LISTENING);
	keep_save(f->keep);
}

static void on_gone(struct worker *w)
{
	struct fleet *f = container_of(w->home, struct fleet, home);
	int code = w->give_up_code;

	f->workers[w->slot - 1] = NULL;
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

void fleet_remains(const struct fleet *f, struct state *s)
{
	s->app.n_runs = f->home.n_runs;
	s->app.started_at_ms = f->started_at_ms;
	s->app.n_wanted = f->n_wanted;
	s->app.n_ready = f->n_ready;
	s->app.exit_code = f->exit_code;
	s->app.flags |= f->is_stopping ? STATE_APP_STOPPING : 0;
	s->app.flags |= f->has_said_ready ? STATE_APP_SAID_READY : 0;
	for (unsigned i = 0; i < APP_WORKERS_MAX; i++) {
		const struct worker *w = f->workers[i];

		if (w && w->state != WORKER_GONE)
			worker_remains(w, &s->workers[s->n_workers++]);
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
	for (size_t i = 0; i < s->n_workers; i++) {
		struct worker *w = add_worker(f, s->workers[i].slot);

		if (w)
			worker_resume(w, &s->workers[i]);
	}
}

void fleet_go_on(struct fleet *f)
{
	f->is_resuming = true;
	for (unsigned i = 0; i < APP_WORKERS_MAX; i++) {
		struct worker *w = f->workers[i];

		if (w)
			worker_go_on(w);
	}
	f->is_resuming = false;
	/* Orders that a predecessor had begun to carry out. */
	if (f->is_stopping)
		fleet_stop(f, false);
	else
		fleet_scale(f, f->n_wanted);
}

void fleet_store(struct fleet *f)
{
	for (unsigned i = 0; i < APP_WORKERS_MAX; i++) {
		struct worker *w = f->workers[i];

		if (!w || !w->process)
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
	f->home.n_workers = f->n_wanted;
	return uv_timer_init(loop, &f->unserved_check);
}

void fleet_done(struct fleet *f)
{
	uv_close((uv_handle_t *)&f->unserved_check, NULL);
}
