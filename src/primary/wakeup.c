#include "primary/wakeup.h"

#include "base/container_of.h"
#include "base/own.h"
#include "os/peek.h"

/*
 * The program tells of a move just before the connection is in the queue. So
 * one knock may come too early; the later ones make up for it. A worker that
 * is busy, or stopped, finds the connections by itself: it isn't asleep.
 */
#define KNOCKS	       5
#define KNOCK_FIRST_MS 1

struct wakeup {
	struct ports *ports;
	uv_poll_t moves;
	uv_timer_t again;
	uint64_t again_ms;
	unsigned n_handles;
};

/* The worker may have moved the socket to another number, or a child of its may have it. */
static int open_socket(struct berth *b, int *ret_fd)
{
	struct sock_facts facts;
	own_fd fd = NO_FD;
	int r = peek_fd(b->owner.process, b->owner.fd, &fd);

	if (r == 0 && sock_facts(fd, &facts) == 0 && facts.cookie == b->cookie) {
		*ret_fd = take_fd(&fd);
		return 0;
	}
	r = peek_find_socket(b->owner.process, b->inode, &b->owner.fd);
	return r < 0 ? r : peek_fd(b->owner.process, b->owner.fd, ret_fd);
}

static void knock(struct berth *b)
{
	own_fd fd = NO_FD;

	b->n_knocks--;
	if (open_socket(b, &fd) < 0 || !sock_has_queue(fd)) {
		/* Once more at least: the connection may be on its way into the queue. */
		if (b->n_knocks < KNOCKS - 1)
			b->n_knocks = 0;
		return;
	}
	sock_wake(fd);
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

static void on_again(uv_timer_t *timer);

static void knock_everywhere(struct wakeup *w)
{
	bool is_needed = false;

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (w->ports->at[i] && w->ports->at[i]->kind == PORT_STEERED)
			is_needed |= knock_at_port(w->ports->at[i]);
	if (is_needed)
		(void)uv_timer_start(&w->again, on_again, w->again_ms, 0);
}

static void on_again(uv_timer_t *timer)
{
	struct wakeup *w = container_of(timer, struct wakeup, again);

	w->again_ms *= 4;
	knock_everywhere(w);
}

static void on_moves(uv_poll_t *handle, int status, int events)
{
	struct wakeup *w = container_of(handle, struct wakeup, moves);

	(void)status;
	(void)events;
	steer_forget_moves(w->ports->steer);
	w->again_ms = KNOCK_FIRST_MS;
	knock_everywhere(w);
}

static void on_closed(uv_handle_t *handle)
{
	struct wakeup *w = handle->data;

	if (--w->n_handles == 0)
		free(w);
}

int wakeup_new(struct ports *p, struct wakeup **ret_wakeup)
{
	struct wakeup *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->ports = p;
	r = uv_poll_init(p->loop, &w->moves, steer_moves_fd(p->steer));
	if (r < 0) {
		free(w);
		return r;
	}
	(void)uv_timer_init(p->loop, &w->again);
	w->moves.data = w->again.data = w;
	w->n_handles = 2;
	*ret_wakeup = w;
	return uv_poll_start(&w->moves, UV_READABLE, on_moves);
}

struct wakeup *wakeup_free(struct wakeup *w)
{
	if (!w)
		return NULL;
	uv_close((uv_handle_t *)&w->moves, on_closed);
	uv_close((uv_handle_t *)&w->again, on_closed);
	return NULL;
}
