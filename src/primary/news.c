/*
 * Wakes workers for moved connections, and looks after berths while there is traffic.
 */
#include "primary/news.h"

#include "base/container_of.h"
#include "base/own.h"
#include "primary/audit.h"
#include "primary/berths.h"
#include "primary/datagrams.h"

/*
 * The program tells of a move just before the connection is in the queue. So
 * one knock may come too early; the later ones make up for it. A worker that
 * is busy, or stopped, finds the connections by itself: it isn't asleep.
 */
#define KNOCKS         5
#define KNOCK_FIRST_MS 1
#define KNOCK_SLOWER   4

#define LOOK_EVERY_MS 250 /* while there is traffic */

struct news {
	struct ports *ports;
	uv_poll_t calls;
	uv_timer_t knock_again;
	uv_timer_t look_again;
	uint64_t knock_ms;
	unsigned n_handles;
	struct audit *audit;
};

/* --- waking workers --- */

static bool has_queue(struct berth *b, int *ret_borrowed)
{
	return berth_borrow(b, ret_borrowed) == 0 && sock_has_queue(*ret_borrowed);
}

static void knock(struct berth *b)
{
	own_fd borrowed = NO_FD;

	b->n_knocks--;
	if (has_queue(b, &borrowed))
		sock_wake(borrowed);
	else if (b->n_knocks < KNOCKS - 1)
		b->n_knocks = 0; /* empty twice: it's served */
}

/* Knocks wherever it is needed; returns whether it will be needed again. */
static bool knock_at_port(struct port *port)
{
	bool is_needed = false;

	for (struct berth *b = port->berths; b; b = b->next) {
		uint64_t n_moved = steer_berth(port->ports->steer, b->index)->migrated_in;

		if (n_moved != b->n_moved) {
			b->n_moved = n_moved;
			b->n_knocks = KNOCKS;
		}
		if (b->n_knocks)
			knock(b);
		is_needed |= b->n_knocks > 0;
	}
	return is_needed;
}

static void on_knock_again(uv_timer_t *timer);

static void knock_everywhere(struct news *n)
{
	bool is_needed = false;

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (n->ports->at[i] && n->ports->at[i]->kind == PORT_STEERED)
			is_needed |= knock_at_port(n->ports->at[i]);
	if (is_needed)
		(void)uv_timer_start(&n->knock_again, on_knock_again, n->knock_ms, 0);
}

static void on_knock_again(uv_timer_t *timer)
{
	struct news *n = container_of(timer, struct news, knock_again);

	n->knock_ms *= KNOCK_SLOWER;
	knock_everywhere(n);
}

/* --- looking while there is traffic --- */

static uint64_t count_connections(const struct port *port)
{
	uint64_t n = steer_port(port->ports->steer, port->id)->to_anchor;

	for (const struct berth *b = port->berths; b; b = b->next)
		n += steer_berth(port->ports->steer, b->index)->steered;
	return n;
}

static bool has_any_queue(const struct port *port)
{
	if (port_is_udp(port))
		return false; /* whoever gets a datagram is awake */
	for (struct berth *b = port->berths; b; b = b->next) {
		own_fd borrowed = NO_FD;

		if (has_queue(b, &borrowed))
			return true;
	}
	return false;
}

/* Whether the port has been quiet since the last look; the program calls us again then. */
static bool is_quiet(struct port *port)
{
	struct steer_port *table = steer_port(port->ports->steer, port->id);
	uint64_t n = count_connections(port);
	bool is_same = n == port->n_connections;

	port->n_connections = n;
	if (!is_same || has_any_queue(port))
		return false;
	__atomic_store_n(&table->is_busy, 0, __ATOMIC_SEQ_CST);
	/* One that came just before that has called nobody. */
	if (count_connections(port) == n)
		return true;
	__atomic_store_n(&table->is_busy, 1, __ATOMIC_SEQ_CST);
	return false;
}

static void look(struct news *n);

static void on_look_again(uv_timer_t *timer)
{
	look(container_of(timer, struct news, look_again));
}

static void look(struct news *n)
{
	bool is_busy = false;

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		struct port *port = n->ports->at[i];

		if (!port || port->kind != PORT_STEERED ||
		    !steer_port(n->ports->steer, port->id)->is_busy)
			continue;
		(void)berths_sweep(port);
		is_busy |= !is_quiet(port);
	}
	if (is_busy)
		audit_look(n->audit);
	if (is_busy && n->ports->on_traffic)
		n->ports->on_traffic(n->ports->on_traffic_data);
	if (is_busy)
		(void)uv_timer_start(&n->look_again, on_look_again, LOOK_EVERY_MS, 0);
}

static void on_call(uv_poll_t *handle, int status, int events)
{
	struct news *n = container_of(handle, struct news, calls);

	(void)status;
	(void)events;
	steer_forget_news(n->ports->steer);
	n->knock_ms = KNOCK_FIRST_MS;
	knock_everywhere(n);
	if (!uv_is_active((uv_handle_t *)&n->look_again))
		(void)uv_timer_start(&n->look_again, on_look_again, LOOK_EVERY_MS, 0);
}

static void on_closed(uv_handle_t *handle)
{
	struct news *n = handle->data;

	if (--n->n_handles == 0)
		free(n);
}

int news_new(struct ports *p, struct news **ret_news)
{
	struct news *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->ports = p;
	r = audit_new(p, &n->audit);
	if (r == 0)
		r = uv_poll_init(p->loop, &n->calls, steer_news_fd(p->steer));
	if (r < 0) {
		n->audit = audit_free(n->audit);
		free(n);
		return r;
	}
	(void)uv_timer_init(p->loop, &n->knock_again);
	(void)uv_timer_init(p->loop, &n->look_again);
	n->calls.data = n->knock_again.data = n->look_again.data = n;
	n->n_handles = 3;
	/* A predecessor may have died between a word of the program's and what it asks for. */
	n->knock_ms = KNOCK_FIRST_MS;
	(void)uv_timer_start(&n->knock_again, on_knock_again, KNOCK_FIRST_MS, 0);
	(void)uv_timer_start(&n->look_again, on_look_again, LOOK_EVERY_MS, 0);
	*ret_news = n;
	return uv_poll_start(&n->calls, UV_READABLE, on_call);
}

struct news *news_free(struct news *n)
{
	if (!n)
		return NULL;
	n->audit = audit_free(n->audit);
	uv_close((uv_handle_t *)&n->calls, on_closed);
	uv_close((uv_handle_t *)&n->knock_again, on_closed);
	uv_close((uv_handle_t *)&n->look_again, on_closed);
	return NULL;
}
