/*
 * Each function makes one object of the API's description.
 */
#include "primary/describe.h"

#include <string.h>

#include "base/escape.h"
#include "os/clock.h"

#define GENERATIONS_MAX 64
#define TEXT_SHOWN_MAX  (4 * EVENTS_TEXT_SIZE)

static const char *role_text(enum worker_role role)
{
	switch (role) {
	case WORKER_MEMBER: return "member";
	case WORKER_CANDIDATE: return "candidate";
	case WORKER_LEAVING: return "leaving";
	}
	return "";
}

/* Of one that drains: who holds it, and how long it still has. */
static void add_drain(json_t *object, const struct worker *w, const struct described *d,
		      int64_t now_ms)
{
	const int64_t due_ms = w->deadline_ms + w->late_ms;
	int n = drain_n_connections(d->drain, w);

	if (n >= 0)
		(void)json_object_set_new(object, "connections", json_integer(n));
	else if (w->is_unseen)
		(void)json_object_set_new(object, "unseen", json_true());
	if (w->deadline_ms)
		(void)json_object_set_new(object, "left_ms",
					  json_integer(due_ms > now_ms ? due_ms - now_ms : 0));
}

static json_t *worker_object(const struct worker *w, const struct described *d, int64_t now_ms)
{
	const bool runs = worker_is_running(w);
	json_t *object = json_pack("{s:i, s:i, s:s, s:s, s:i, s:i, s:I, s:I}", "slot", (int)w->slot,
				   "pid", runs ? (int)process_pid(w->process) : 0, "role",
				   role_text(w->role), "state", worker_state_text(w->state),
				   "generation", (int)w->generation, "restarts", (int)w->n_restarts,
				   "uptime_ms", (json_int_t)(runs ? now_ms - w->started_at_ms : 0),
				   "run", (json_int_t)(w->process ? w->process->client.run : 0));

	if (object && w->process && w->process->client.unique_port)
		(void)json_object_set_new(object, "unique_port",
					  json_integer(w->process->client.unique_port));
	if (object && w->role == WORKER_LEAVING)
		add_drain(object, w, d, now_ms);
	return object;
}

static json_t *workers_array(const struct described *d)
{
	const struct fleet *f = d->fleet;
	const int64_t now_ms = clock_ms();
	json_t *array = json_array();

	for (const struct worker *w = fleet_next(f, NULL); w; w = fleet_next(f, w))
		(void)json_array_append_new(array, worker_object(w, d, now_ms));
	return array;
}

json_t *describe_workers(const struct described *d)
{
	return json_pack("{s:o}", "workers", workers_array(d));
}

/* --- generations --- */

struct generation {
	unsigned number;
	unsigned n_workers;
	unsigned n_serving;
	unsigned n_frozen;
};

static struct generation *generation_of(struct generation *all, size_t *n, unsigned number)
{
	for (size_t i = 0; i < *n; i++)
		if (all[i].number == number)
			return &all[i];
	if (*n == GENERATIONS_MAX)
		return NULL;
	all[*n] = (struct generation){ .number = number };
	return &all[(*n)++];
}

static const char *generation_state(const struct generation *g, unsigned current)
{
	if (g->number == current)
		return "current";
	if (g->number > current)
		return "coming";
	return g->n_frozen ? "kept" : "leaving";
}

json_t *describe_generations(const struct described *d)
{
	struct generation all[GENERATIONS_MAX] = { 0 };
	size_t n = 0;
	json_t *array = json_array();

	(void)generation_of(all, &n, d->fleet->generation);
	for (const struct worker *w = fleet_next(d->fleet, NULL); w; w = fleet_next(d->fleet, w)) {
		struct generation *g = generation_of(all, &n, w->generation);

		if (!g)
			continue;
		g->n_workers++;
		g->n_serving += w->role == WORKER_MEMBER && w->state == WORKER_READY;
		g->n_frozen += w->state == WORKER_FROZEN;
	}
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(
			array,
			json_pack("{s:i, s:s, s:i, s:i}", "number", (int)all[i].number, "state",
				  generation_state(&all[i], d->fleet->generation), "workers",
				  (int)all[i].n_workers, "serving", (int)all[i].n_serving));
	return json_pack("{s:o}", "generations", array);
}

/* --- what takes longer --- */

static json_t *steps_array(const struct described *d)
{
	const struct reload *r = d->reload;
	uint64_t i = r->n_steps > RELOAD_STEPS_MAX ? r->n_steps - RELOAD_STEPS_MAX : 0;
	json_t *array = json_array();

	for (; i < r->n_steps; i++) {
		const struct reload_step *step = &r->steps[i % RELOAD_STEPS_MAX];
		char at[CLOCK_TEXT_MAX];

		if (step->number != i + 1)
			continue; /* a predecessor's, which are lost */
		(void)json_array_append_new(
			array,
			json_pack("{s:I, s:I, s:s, s:s, s:s}", "reload", (json_int_t)step->reload,
				  "number", (json_int_t)step->number, "at",
				  clock_wall_text_at(d->wall_ms + step->at_ms, at), "event",
				  step->event, "text", step->text));
	}
	return array;
}

json_t *describe_reload(const struct described *d)
{
	const struct reload *r = d->reload;

	return json_pack("{s:I, s:I, s:s, s:i, s:i, s:i, s:i, s:i, s:b, s:s, s:o}", "last_done",
			 (json_int_t)r->last_done, "id", (json_int_t)r->number, "state",
			 rollout_phase_text(r->rollout.phase), "from", (int)r->from, "to",
			 (int)r->to, "slots", (int)r->rollout.n_slots, "new",
			 (int)rollout_n_new(&r->rollout), "leaving", (int)fleet_n_leaving(r->fleet),
			 "has_next", (int)r->has_next, "message", r->message, "steps",
			 steps_array(d));
}

json_t *describe_upgrade(const struct described *d)
{
	const struct upgrade *u = d->upgrade;

	return json_pack("{s:I, s:s, s:s}", "id", (json_int_t)u->number, "state",
			 upgrade_state_text(u->state), "message", u->message);
}

json_t *describe_drain(const struct described *d)
{
	const struct drain_order *o = d->drain_order;
	const struct worker *w = drain_order_worker(o);
	json_t *object =
		json_pack("{s:I, s:i, s:s, s:s}", "id", (json_int_t)o->number, "slot", (int)o->slot,
			  "state", drain_order_text(o->state), "message", o->message);

	if (object && w && w->role == WORKER_LEAVING)
		add_drain(object, w, d, clock_ms());
	return object;
}

static json_t *operation(const char *kind, const char *id_kind, uint64_t number, const char *state,
			 bool is_over, const char *message)
{
	return json_pack("{s:o, s:s, s:s, s:b, s:s}", "id",
			 json_sprintf("%s-%llu", id_kind, (unsigned long long)number), "kind", kind,
			 "state", state, "is_over", (int)is_over, "message", message);
}

static json_t *reload_operation(const struct described *d)
{
	const struct reload *r = d->reload;
	const enum rollout_phase phase = r->rollout.phase;
	json_t *o = operation(r->is_undo ? "undo" : "reload", "reload", r->number,
			      rollout_phase_text(phase),
			      phase == ROLLOUT_DONE || phase == ROLLOUT_ROLLED_BACK, r->message);
	json_t *detail = describe_reload(d);

	/* what is the same there has its place already */
	(void)json_object_del(detail, "id");
	if (o && detail)
		(void)json_object_update(o, detail);
	json_decref(detail);
	return o;
}

json_t *describe_operations(const struct described *d)
{
	const struct reload *r = d->reload;
	const struct upgrade *u = d->upgrade;
	const struct drain_order *o = d->drain_order;
	json_t *array = json_array();

	if (u->number)
		(void)json_array_append_new(array,
					    operation("upgrade", "upgrade", u->number,
						      upgrade_state_text(u->state),
						      u->state != UPGRADE_RUNNING, u->message));
	if (o->number)
		(void)json_array_append_new(
			array,
			operation("drain", "drain", o->number, drain_order_text(o->state),
				  o->state == DRAIN_ORDER_DONE || o->state == DRAIN_ORDER_FAILED,
				  o->message));
	if (r->number)
		(void)json_array_append_new(array, reload_operation(d));
	if (r->has_next)
		(void)json_array_append_new(
			array, operation("reload", "reload", r->next_number, "waiting", false,
					 "it begins when the one before is over"));
	return json_pack("{s:o}", "operations", array);
}

/* --- events --- */

static const char *level_text(uint32_t level)
{
	switch (level) {
	case MESSAGE_WARNING: return "warning";
	case MESSAGE_ERROR: return "error";
	default: return "info";
	}
}

json_t *describe_event(const struct event *event)
{
	char at[CLOCK_TEXT_MAX], app[TEXT_SHOWN_MAX], name[TEXT_SHOWN_MAX], text[TEXT_SHOWN_MAX];
	json_t *object;

	(void)escape_text(event->app, strlen(event->app), app, sizeof(app));
	(void)escape_text(event->name, strlen(event->name), name, sizeof(name));
	(void)escape_text(event->text, strlen(event->text), text, sizeof(text));
	object = json_pack("{s:I, s:s, s:s, s:s, s:s}", "number", (json_int_t)event->number, "at",
			   clock_wall_text_at(event->at_ms, at), "level", level_text(event->level),
			   "event", name, "text", text);
	if (object && event->slot)
		(void)json_object_set_new(object, "worker",
					  json_pack("{s:s, s:i, s:i, s:i}", "app", app, "slot",
						    (int)event->slot, "pid", (int)event->pid,
						    "generation", (int)event->generation));
	if (object && event->asker.is_known)
		(void)json_object_set_new(object, "asked_by",
					  json_pack("{s:I, s:i}", "uid",
						    (json_int_t)event->asker.uid, "pid",
						    (int)event->asker.pid));
	return object;
}

/* --- all of it --- */

json_t *describe_app(const struct described *d)
{
	const struct fleet *f = d->fleet;
	char started[CLOCK_TEXT_MAX];

	return json_pack("{s:s, s:s, s:i, s:i, s:b, s:i, s:i, s:s, s:s, s:o, s:o, s:o}", "name",
			 f->config->name, "tier", f->ports->steer ? "steered" : "shared",
			 "generation", (int)f->generation, "workers", (int)f->n_wanted, "stopping",
			 (int)f->is_stopping, "keeper_pid", (int)d->keeper, "primary_pid",
			 (int)getpid(), "version", BERTH_VERSION, "started_at",
			 clock_wall_text_at(d->wall_ms + f->started_at_ms, started), "upgrade",
			 describe_upgrade(d), "slots", workers_array(d), "ports",
			 describe_ports_array(d));
}

json_t *describe_apps(const struct described *d)
{
	return json_pack("{s:[o]}", "apps", describe_app(d));
}
