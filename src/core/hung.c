/*
 * One look: who has moved since the last one, and who has not for too long.
 */
#include "core/hung.h"

#define HANDSHAKES_SHARE 8 /* of what came to one that is mute, at most one in so many */

#define LOOKS            100 /* in the whole patience: a busy queue is seen shorter in some of them */
#define LOOKS_OF_A_WHILE 3
#define LOOK_MIN_MS      20
#define LOOK_MAX_MS      500

void hung_init(struct hung_watch *w, struct hung_berth *berths, size_t n_max)
{
	*w = (struct hung_watch){ .berths = berths, .n_max = n_max };
}

static struct hung_berth *find(struct hung_watch *w, uint64_t berth)
{
	for (size_t i = 0; i < w->n_berths; i++)
		if (w->berths[i].last.berth == berth)
			return &w->berths[i];
	return NULL;
}

static uint64_t difference(uint64_t more, uint64_t less)
{
	return more > less ? more - less : 0;
}

static struct hung_berth *add(struct hung_watch *w, const struct hung_reading *r, int64_t now_ms)
{
	struct hung_berth *b;

	if (w->n_berths == w->n_max)
		return NULL;
	b = &w->berths[w->n_berths++];
	*b = (struct hung_berth){
		.last = *r,
		.n_came_then = { r->n_came, r->n_came },
		.n_taken = difference(r->n_came, r->n_queued),
		.stuck_since_ms = r->n_queued ? now_ms : 0,
	};
	return b;
}

static bool has_moved(struct hung_berth *b, const struct hung_reading *now)
{
	const uint64_t n_taken = difference(b->n_came_then[1], now->n_queued);
	const bool is_full = now->n_queued_max && now->n_queued >= now->n_queued_max;
	const bool is_more = n_taken > b->n_taken;

	if (is_more)
		b->n_taken = n_taken;
	return now->n_queued < b->last.n_queued || (is_more && !is_full);
}

static void take_in(struct hung_watch *w, const struct hung_reading *r, int64_t now_ms)
{
	struct hung_berth *b = find(w, r->berth);
	bool moves = false;

	if (b)
		moves = has_moved(b, r);
	else
		b = add(w, r, now_ms);
	if (!b)
		return;
	if (moves)
		b->moved_ms = now_ms;
	if (!r->n_queued)
		b->stuck_since_ms = 0;
	else if (moves || !b->stuck_since_ms)
		b->stuck_since_ms = now_ms;
	if (w->n_looks % LOOKS_OF_A_WHILE == 0) {
		b->n_came_then[1] = b->n_came_then[0];
		b->n_came_then[0] = r->n_came;
	}
	b->last = *r;
	b->is_seen = true;
}

static void drop_unseen(struct hung_watch *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n_berths; i++) {
		if (!w->berths[i].is_seen)
			continue;
		w->berths[n] = w->berths[i];
		w->berths[n++].is_seen = false;
	}
	w->n_berths = n;
}

/* Whether others have moved since @b stands still, and its own worker hasn't, nowhere. */
static bool is_alone(const struct hung_watch *w, const struct hung_berth *b)
{
	bool do_others = false;

	for (size_t i = 0; i < w->n_berths; i++) {
		const struct hung_berth *other = &w->berths[i];

		if (other->moved_ms <= b->stuck_since_ms)
			continue;
		if (other->last.run == b->last.run)
			return false;
		do_others = true;
	}
	return do_others;
}

uint64_t hung_look(struct hung_watch *w, const struct hung_reading *readings, size_t n,
		   uint32_t patience_ms, int64_t now_ms)
{
	const struct hung_berth *worst = NULL;

	w->n_looks++;
	for (size_t i = 0; i < n; i++)
		take_in(w, &readings[i], now_ms);
	drop_unseen(w);
	for (size_t i = 0; i < w->n_berths; i++) {
		const struct hung_berth *b = &w->berths[i];

		if (!b->stuck_since_ms || now_ms - b->stuck_since_ms < patience_ms)
			continue;
		if (is_alone(w, b) && (!worst || b->stuck_since_ms < worst->stuck_since_ms))
			worst = b;
	}
	return worst ? worst->last.run : HUNG_NOBODY;
}

static bool has_ever_moved(const struct hung_watch *w, uint64_t run)
{
	for (size_t i = 0; i < w->n_berths; i++)
		if (w->berths[i].last.run == run && w->berths[i].moved_ms)
			return true;
	return false;
}

/*
 * Where more comes than is taken, a look never sees the queue shorter; but what came to a mute
 * one waits there, but for handshakes on their way. Of a full queue nobody knows how much
 * was turned away.
 */
static bool has_most_of_it(const struct hung_reading *r)
{
	return r->n_queued >= r->n_queued_max ||
	       difference(r->n_came, r->n_queued) <= r->n_came / HANDSHAKES_SHARE;
}

uint64_t hung_mute(const struct hung_watch *w, uint32_t patience_ms, int64_t now_ms)
{
	const struct hung_berth *worst = NULL;

	for (size_t i = 0; i < w->n_berths; i++) {
		const struct hung_berth *b = &w->berths[i];

		if (!b->stuck_since_ms || now_ms - b->stuck_since_ms < patience_ms ||
		    has_ever_moved(w, b->last.run) || !has_most_of_it(&b->last))
			continue;
		if (!worst || b->stuck_since_ms < worst->stuck_since_ms)
			worst = b;
	}
	return worst ? worst->last.run : HUNG_NOBODY;
}

bool hung_has_queue(const struct hung_watch *w)
{
	for (size_t i = 0; i < w->n_berths; i++)
		if (w->berths[i].last.n_queued)
			return true;
	return false;
}

void hung_forget(struct hung_watch *w, uint64_t run)
{
	for (size_t i = 0; i < w->n_berths; i++)
		w->berths[i].is_seen = w->berths[i].last.run != run;
	drop_unseen(w);
}

uint32_t hung_look_ms(uint32_t patience_ms)
{
	uint32_t ms = patience_ms / LOOKS;

	if (ms < LOOK_MIN_MS)
		return LOOK_MIN_MS;
	return ms < LOOK_MAX_MS ? ms : LOOK_MAX_MS;
}
