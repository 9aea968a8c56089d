/*
 * Each function makes one object of the API's description.
 */
#include "primary/describe.h"

#include "os/clock.h"

static json_t *worker_object(const struct worker *w, int64_t now_ms)
{
	const bool runs = w->process && !w->process->has_exited;

	return json_pack("{s:i, s:i, s:s, s:i, s:i, s:I}", "slot", (int)w->slot, "pid",
			 runs ? (int)process_pid(w->process) : 0, "state",
			 worker_state_text(w->state), "generation", 1, "restarts",
			 (int)w->n_restarts, "uptime_ms",
			 (json_int_t)(runs ? now_ms - w->started_at_ms : 0));
}

static json_t *workers_array(const struct fleet *f)
{
	const int64_t now_ms = clock_ms();
	json_t *array = json_array();

	for (unsigned i = 0; i < APP_WORKERS_MAX; i++)
		if (f->workers[i])
			(void)json_array_append_new(array, worker_object(f->workers[i], now_ms));
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
			 "generation", 1, "workers", (int)f->n_wanted, "keeper_pid", (int)d->keeper,
			 "primary_pid", (int)getpid(), "version", BERTH_VERSION, "started_at",
			 clock_wall_text_of(f->started_at_ms, started), "upgrade",
			 describe_upgrade(d->upgrade), "slots", workers_array(f), "ports",
			 ports_array(f->ports));
}
