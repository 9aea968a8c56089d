/*
 * Giving up ports that nobody serves.
 */
#include "primary/idle_ports.h"

#include "base/container_of.h"
#include "base/own.h"
#include "os/clock.h"
#include "primary/berths.h"

struct idle_ports {
	struct ports *ports;
	uv_timer_t timer;
};

/* A shared port that a worker has listened at may be served by it for ever: nobody can tell. */
static bool is_idle(struct port *port)
{
	if (port->is_named || port->kind == PORT_HELD)
		return false;
	if (port->kind == PORT_PENDING)
		return true; /* the worker that has bound it keeps its socket */
	if (port->kind == PORT_SHARED)
		return !port->was_served;
	return berths_sweep(port) == 0;
}

/* Releases what is idle since before @limit_ms; returns whether others are idle, too. */
static bool release_older(struct ports *p, int64_t limit_ms, bool *ret_released)
{
	bool are_left = false;

	*ret_released = false;
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		struct port *port = p->at[i];

		if (!port || !is_idle(port))
			continue;
		if (port->idle_since_ms > limit_ms) {
			are_left = true;
			continue;
		}
		port_release(port);
		*ret_released = true;
	}
	return are_left;
}

static void on_timer(uv_timer_t *timer)
{
	struct idle_ports *idle = container_of(timer, struct idle_ports, timer);
	bool has_released;

	if (release_older(idle->ports, clock_ms() - PORT_IDLE_MS, &has_released))
		(void)uv_timer_start(timer, on_timer, PORT_IDLE_MS, 0);
}

void idle_ports_note(struct port *port)
{
	struct idle_ports *idle = port->ports->idle;

	port->idle_since_ms = clock_ms();
	if (!port->is_named && idle && !uv_is_active((uv_handle_t *)&idle->timer))
		(void)uv_timer_start(&idle->timer, on_timer, PORT_IDLE_MS, 0);
}

bool idle_ports_release_all(struct ports *p)
{
	bool has_released;

	(void)release_older(p, INT64_MAX, &has_released);
	return has_released;
}

int idle_ports_new(struct ports *p, struct idle_ports **ret_idle)
{
	struct idle_ports *idle = calloc(1, sizeof(*idle));

	if (!idle)
		return -ENOMEM;
	idle->ports = p;
	(void)uv_timer_init(p->loop, &idle->timer);
	*ret_idle = idle;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(container_of((uv_timer_t *)handle, struct idle_ports, timer));
}

struct idle_ports *idle_ports_free(struct idle_ports *i)
{
	if (i)
		uv_close((uv_handle_t *)&i->timer, on_closed);
	return NULL;
}
