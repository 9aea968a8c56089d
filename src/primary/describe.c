/*
 * Each function makes one object of the API's description.
 */
#include "primary/describe.h"

#include "os/clock.h"

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
	int n = drain_n_connections(d->drain, w);

	if (n >= 0)
		(void)json_object_set_new(object, "connections", json_integer(n));
	if (w->deadline_ms)
		(void)json_object_set_new(
			object, "left_ms",
			json_integer(w->deadline_ms > now_ms ? w->deadline_ms - now_ms : 0));
}

static json_t *worker_object(const struct worker *w, const struct described *d, int64_t now_ms)
{
	const bool runs = worker_is_running(w);
	json_t *object = json_pack("{s:i, s:i, s:s, s:s, s:i, s:i, s:I}", "slot", (int)w->slot,
				   "pid", runs ? (int)process_pid(w->process) : 0, "role",
				   role_text(w->role), "state", worker_state_text(w->state),
				   "generation", (int)w->generation, "restarts", (int)w->n_restarts,
				   "uptime_ms", (json_int_t)(runs ? now_ms - w->started_at_ms : 0));

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

static json_t *berths_array(const struct port *port)
{
	json_t *array = json_array();

	for (const struct berth *b = port->berths; b; b = b->next) {
		const struct steer_berth *counters = steer_berth(port->ports->steer, b->index);

		(void)json_array_append_new(
			array, json_pack("{s:i, s:I, s:I}", "slot", (int)b->owner.slot, "steered",
					 (json_int_t)counters->steered, "migrated_in",
					 (json_int_t)counters->migrated_in));
	}
	return array;
}

static const char *kind_text(enum port_kind kind)
{
	switch (kind) {
	case PORT_HELD: return "held";
	case PORT_STEERED: return "steered";
	case PORT_SHARED: return "shared";
	case PORT_PENDING: return "pending";
	}
	return "";
}

static json_t *ports_array(const struct ports *p)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		const struct port *port = p->at[i];
		char text[ADDR_TEXT_MAX];

		if (port)
			(void)json_array_append_new(array,
						    json_pack("{s:s, s:s, s:o}", "address",
							      addr_text(port_addr(port), text),
							      "kind", kind_text(port->kind),
							      "berths", berths_array(port)));
	}
	return array;
}

static json_t *steps_array(const struct reload *r)
{
	uint64_t i = r->n_steps > RELOAD_STEPS_MAX ? r->n_steps - RELOAD_STEPS_MAX : 0;
	json_t *array = json_array();

	for (; i < r->n_steps; i++) {
		const struct reload_step *step = &r->steps[i % RELOAD_STEPS_MAX];
		char at[CLOCK_TEXT_MAX];

		(void)json_array_append_new(array,
					    json_pack("{s:I, s:I, s:s, s:s, s:s}", "reload",
						      (json_int_t)step->reload, "number",
						      (json_int_t)step->number, "at",
						      clock_wall_text_of(step->at_ms, at), "event",
						      step->event, "text", step->text));
	}
	return array;
}

json_t *describe_reload(const struct reload *r)
{
	return json_pack("{s:I, s:s, s:i, s:i, s:i, s:i, s:i, s:b, s:s, s:o}", "id",
			 (json_int_t)r->number, "state", rollout_phase_text(r->rollout.phase),
			 "from", (int)r->from, "to", (int)r->to, "slots", (int)r->rollout.n_slots,
			 "new", (int)rollout_n_new(&r->rollout), "leaving",
			 (int)fleet_n_leaving(r->fleet), "has_next", (int)r->has_next, "message",
			 r->message, "steps", steps_array(r));
}

json_t *describe_upgrade(const struct upgrade *u)
{
	return json_pack("{s:I, s:s, s:s}", "id", (json_int_t)u->number, "state",
			 upgrade_state_text(u->state), "message", u->message);
}

json_t *describe_app(const struct described *d)
{
	const struct fleet *f = d->fleet;
	char started[CLOCK_TEXT_MAX];

	return json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:s, s:o, s:o, s:o}", "name",
			 f->config->name, "tier", f->ports->steer ? "steered" : "shared",
			 "generation", (int)f->generation, "workers", (int)f->n_wanted,
			 "keeper_pid", (int)d->keeper, "primary_pid", (int)getpid(), "version",
			 BERTH_VERSION, "started_at", clock_wall_text_of(f->started_at_ms, started),
			 "upgrade", describe_upgrade(d->upgrade), "slots", workers_array(d),
			 "ports", ports_array(f->ports));
}
