/*
 * A queue of sockets that wait for their end, and one timer for the first of them.
 */
#include "primary/leaving.h"

#include "base/container_of.h"
#include "base/own.h"
#include "os/clock.h"

/*
 * A handshake that began before is over after one round trip. On one machine
 * and in one network that is well below this; over a longer way, the few whose
 * last packet comes in the microsecond of the close are all that is at risk.
 */
#define LEAVE_AFTER_MS 5

struct leaver {
	struct leaver *next;
	int fd;         /* our own, or NO_FD: */
	uint32_t berth; /* the keeper's copy of this one's */
	int64_t closes_at_ms;
};

struct leaving {
	struct keep *keep;
	struct berth_indices *indices;
	uv_timer_t timer;
	struct leaver *first; /* the next to close */
	struct leaver **last;
};

static void on_timer(uv_timer_t *timer);

static void arm(struct leaving *l)
{
	int64_t left_ms = l->first->closes_at_ms - clock_ms();

	(void)uv_timer_start(&l->timer, on_timer, left_ms > 0 ? (uint64_t)left_ms : 0, 0);
}

static void close_socket(struct leaving *l, struct leaver *one)
{
	/* Only now: the next berth of this index stores its copy under the same name. */
	if (one->fd < 0) {
		keep_drop(l->keep, "berth/%u", (unsigned)one->berth);
		berth_indices_give_back(l->indices, one->berth);
	}
	drop_fd(&one->fd);
}

static void close_first(struct leaving *l)
{
	struct leaver *gone = l->first;

	l->first = gone->next;
	if (!l->first)
		l->last = &l->first;
	close_socket(l, gone);
	free(gone);
}

static void on_timer(uv_timer_t *timer)
{
	struct leaving *l = container_of(timer, struct leaving, timer);
	int64_t now_ms = clock_ms();

	while (l->first && l->first->closes_at_ms <= now_ms)
		close_first(l);
	if (l->first)
		arm(l);
}

static void add(struct leaving *l, int fd, uint32_t berth)
{
	struct leaver early = { .fd = fd, .berth = berth };
	struct leaver *one = calloc(1, sizeof(*one));

	if (!one) {
		close_socket(l, &early); /* better than never */
		return;
	}
	one->fd = fd;
	one->berth = berth;
	one->closes_at_ms = clock_ms() + LEAVE_AFTER_MS;
	*l->last = one;
	l->last = &one->next;
	if (l->first == one)
		arm(l);
}

void leaving_add(struct leaving *l, int fd)
{
	if (fd >= 0)
		add(l, fd, 0);
}

void leaving_add_berth(struct leaving *l, uint32_t berth)
{
	add(l, NO_FD, berth);
}

int leaving_new(uv_loop_t *loop, struct keep *keep, struct berth_indices *indices,
		struct leaving **ret_leaving)
{
	struct leaving *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->last = &l->first;
	l->keep = keep;
	l->indices = indices;
	(void)uv_timer_init(loop, &l->timer);
	*ret_leaving = l;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(container_of((uv_timer_t *)handle, struct leaving, timer));
}

struct leaving *leaving_free(struct leaving *l)
{
	if (!l)
		return NULL;
	while (l->first)
		close_first(l);
	uv_close((uv_handle_t *)&l->timer, on_closed);
	return NULL;
}
