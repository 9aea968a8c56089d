/*
 * Giving up ports that nobody serves.
 */
#include "primary/idle_ports.h"

#include <string.h>

#include "base/container_of.h"
#include "base/own.h"
#include "os/clock.h"
#include "os/procfs.h"
#include "primary/berths.h"

struct idle_ports {
	struct ports *ports;
	uv_timer_t timer;
};

/* The shared ports of a table by the inode of their socket, and which of them somebody has open. */
struct shared_sockets {
	uint32_t inodes[PORT_TABLE_MAX]; /* rising */
	bool is_held[PORT_TABLE_MAX];
	size_t n;
	pid_t self;
	pid_t keeper;
};

static int by_inode(const void *one, const void *two)
{
	uint32_t a = *(const uint32_t *)one;
	uint32_t b = *(const uint32_t *)two;

	return (a > b) - (a < b);
}

static int note_holder(const struct procfs_hit *hit, void *arg)
{
	struct shared_sockets *s = arg;

	s->is_held[hit->index] |= hit->pid != s->self && hit->pid != s->keeper;
	return 0;
}

/* One look at all processes for all shared ports. What we cannot know counts as held. */
static void find_shared(const struct ports *p, struct shared_sockets *s)
{
	size_t n_hidden;

	memset(s, 0, sizeof(*s));
	s->self = getpid();
	s->keeper = keep_pid(p->keep);
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i] && p->at[i]->kind == PORT_SHARED)
			s->inodes[s->n++] = (uint32_t)p->at[i]->like.inode;
	if (s->n == 0)
		return;
	qsort(s->inodes, s->n, sizeof(s->inodes[0]), by_inode);
	if (procfs_find_sockets(s->inodes, s->n, note_holder, s, &n_hidden) < 0)
		memset(s->is_held, true, sizeof(s->is_held));
}

static bool is_held(const struct shared_sockets *s, const struct port *port)
{
	const uint32_t inode = (uint32_t)port->like.inode;
	const uint32_t *found = bsearch(&inode, s->inodes, s->n, sizeof(inode), by_inode);

	return found && s->is_held[found - s->inodes];
}

static bool is_idle(struct port *port, const struct shared_sockets *shared)
{
	if (port->is_named || port->kind == PORT_HELD)
		return false;
	if (port_is_bound(port))
		return false; /* a program may load for long between bind and listen */
	if (port->kind == PORT_PENDING)
		return true;
	if (port->kind == PORT_SHARED)
		return !is_held(shared, port);
	return berths_sweep(port) == 0;
}

/* Releases what is idle since before @limit_ms; returns whether others are idle, too. */
static bool release_older(struct ports *p, int64_t limit_ms, bool *ret_released)
{
	struct shared_sockets shared;
	bool are_left = false;

	*ret_released = false;
	find_shared(p, &shared);
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		struct port *port = p->at[i];

		if (!port || !is_idle(port, &shared))
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
