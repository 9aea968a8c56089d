/*
 * The order of two events is known when a tick of the kernel's clock lies between them.
 * A quick server answers within one. Then the client's acknowledgement helps: it comes
 * behind the answer, with the next request, or alone where that takes long. One that
 * came after the last byte from the client can only mean an answer; and as long as there
 * is none, there is no next request either.
 *
 * Where that came within the tick, too, two things look the same: a client that got its
 * answer, and one that got it and asked again, as long polls do. To close the second one
 * loses a request. So a connection that we are unsure of must have been quiet for as
 * long as it would be left alone at most; and just before the deadline nothing is
 * gained by closing it.
 */
#include "core/conn_idle.h"

#define SHARE_OF_REST 4    /* the pause looked for, as a share of the time until the deadline */
#define HELD_SHARE    16   /* the same for an answer that is held */
#define HELD_MAX_MS   50   /* the kernel holds nothing for longer than 200 */
#define LOOKS         8    /* in the time that a connection must have been quiet */
#define ACK_MS        40   /* for so long, in most systems */
#define STREAM_MS     1000 /* what goes on for so long may be no single answer */
#define CLOSE_LEAST   4
#define CLOSE_SHARE   32 /* of many connections: a look at them takes its time, too */

enum last_word {
	NO_WORD,
	CLIENTS,
	SERVERS,
	EITHERS,
};

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t most(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

struct conn_patience conn_patience(uint32_t idle_close_ms, uint32_t left_ms)
{
	struct conn_patience p = { 0 };

	if (idle_close_ms == 0)
		return p;
	p.idle_ms = most(least(idle_close_ms, left_ms / SHARE_OF_REST), 1);
	p.unsure_ms = most(idle_close_ms, left_ms);
	/*
	 * A client that has just connected is about to ask, and doesn't expect to be turned
	 * away as one does that has used its connection before. One that has been silent for
	 * long is a spare, kept by a browser or a pool.
	 */
	p.silent_ms = idle_close_ms;
	if (left_ms <= CONN_HOLD_MS)
		p.held_ms = most(least(left_ms / HELD_SHARE, HELD_MAX_MS), 1);
	return p;
}

uint32_t conn_quiet_ms(const struct conn_info *c)
{
	return least(c->sent_ms, c->received_ms);
}

static enum last_word last_word(const struct conn_info *c)
{
	if (c->n_received == 0)
		return c->n_acked == 0 ? NO_WORD : SERVERS;
	if (c->n_acked == 0)
		return CLIENTS;
	if (c->sent_ms != c->received_ms)
		return c->sent_ms < c->received_ms ? SERVERS : CLIENTS;
	return c->n_unacked > 0 || c->heard_ms < c->received_ms ? SERVERS : EITHERS;
}

/*
 * All that the process has written has arrived, but for a part of a segment, and it
 * writes no more. More than that would be a client who doesn't read.
 */
bool conn_has_end_held(const struct conn_info *c)
{
	return c->is_held && c->n_unsent > 0 && c->n_unsent == c->n_unacked &&
	       c->n_unsent < c->segment_max;
}

/*
 * A client keeps its acknowledgement for a while, to send it with its next request. To
 * wait for it in a pause that is shorter would be to wait for that.
 */
static bool is_ack_kept(const struct conn_info *c)
{
	return c->n_unsent == 0 && c->n_unacked < 2 * c->segment_max;
}

/*
 * The server spoke long after the client had: events, or an answer with pauses. Nobody
 * tells that it is at its end. Of one that has paused for the first time nothing is to be
 * seen at all: it looks like an answer and no further request.
 */
static bool has_streamed(const struct conn_info *c, const struct conn_patience *p)
{
	return c->n_received > 0 && c->received_ms > c->sent_ms &&
	       c->received_ms - c->sent_ms > most(p->silent_ms, STREAM_MS);
}

bool conn_is_to_hold(const struct conn_info *c, const struct conn_patience *p)
{
	return p->held_ms > 0 && c->local.family != AF_UNIX && !c->is_held &&
	       c->state != CONN_CLOSING;
}

bool conn_is_idle(const struct conn_info *c, const struct conn_patience *p)
{
	uint32_t quiet_ms = conn_quiet_ms(c);

	if (c->local.family == AF_UNIX) /* nobody tells when it was used */
		return false;
	if (p->idle_ms == 0 || c->state == CONN_CLOSING || c->n_unread > 0)
		return false;
	if (conn_has_end_held(c))
		return p->held_ms > 0 && c->same_ms >= p->held_ms;
	if (c->n_unacked > 0 && !(p->idle_ms < ACK_MS && is_ack_kept(c)))
		return false;

	switch (last_word(c)) {
	case CLIENTS: return false;
	case SERVERS: return quiet_ms >= (has_streamed(c, p) ? p->unsure_ms : p->idle_ms);
	case EITHERS: return quiet_ms >= p->unsure_ms;
	case NO_WORD: return quiet_ms >= p->silent_ms;
	}
	return false;
}

size_t conn_close_max(size_t n_open)
{
	size_t share = n_open / CLOSE_SHARE;

	return share > CLOSE_LEAST ? share : CLOSE_LEAST;
}

uint32_t conn_look_again_ms(const struct conn_patience *p, bool has_more)
{
	uint32_t pause_ms = p->idle_ms / LOOKS;

	if (p->idle_ms == 0)
		return CONN_LOOK_MAX_MS;
	if (has_more)
		return CONN_LOOK_MIN_MS;
	if (p->held_ms > 0)
		pause_ms = least(pause_ms, p->held_ms / 2);
	return most(least(pause_ms, CONN_LOOK_MAX_MS), CONN_LOOK_MIN_MS);
}
