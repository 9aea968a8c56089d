/*
 * Which worker hangs, and which is only busy: told by the accept queues alone, look by look.
 *
 * A worker moves when it has taken something out of a queue of its own. One that has had
 * connections waiting at some berth for the whole patience and never moved there, while
 * others did, hangs. Where nobody moves, all of them have the same trouble (a database
 * that is gone, a machine that is out of breath), and to replace one would help nobody.
 *
 * A queue that is shorter than it was has moved. So has one that holds less than was sent
 * there, but what was sent may still be in its handshake: only what had come a while ago is
 * counted for that. And a full queue is sent more than it can take: what comes then is
 * not counted. Whoever begins a handshake and never ends it makes a worker look busy.
 */
#ifndef BERTH_CORE_HUNG_H
#define BERTH_CORE_HUNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A berth at one moment. */
struct hung_reading {
	uint64_t run;    /* whose */
	uint64_t berth;  /* which: no other has the same number */
	uint64_t n_came; /* connections that it was sent, ever */
	uint32_t n_queued;
	uint32_t n_queued_max;
};

/* What is known of a berth from the looks before. */
struct hung_berth {
	struct hung_reading last;
	uint64_t n_came_then[2]; /* a while ago, and a while before that */
	uint64_t n_taken;        /* of all that came, this many at least were taken out */
	int64_t stuck_since_ms;  /* since then it has had a queue, and not moved; 0: not so */
	int64_t moved_ms;        /* when it last did; 0: never */
	bool is_seen;            /* in this look */
};

struct hung_watch {
	struct hung_berth *berths; /* the caller's */
	size_t n_berths;
	size_t n_max;
	unsigned n_looks;
};

#define HUNG_NOBODY 0 /* no run has this number */

/* @berths: room for @n_max of them. Any thread, as all of these. None blocks. */
void hung_init(struct hung_watch *w, struct hung_berth *berths, size_t n_max);

/*
 * hung_look - take in how things stand
 *
 * @readings:     of all berths; those that there is no room for are passed over
 * @patience_ms:  not 0
 * @now_ms:       on a clock that only goes forward; not 0
 *
 * Returns the run of a worker that hangs, the one that has done so for longest, or HUNG_NOBODY.
 */
uint64_t hung_look(struct hung_watch *w, const struct hung_reading *readings, size_t n,
		   uint32_t patience_ms, int64_t now_ms);

/*
 * hung_mute - a worker that has not come for anything since it was first seen
 *
 * Whether others move makes no difference: where nobody does, all may be mute. Returns the
 * run of the one that has let connections wait for longest, for @patience_ms at least, or
 * HUNG_NOBODY. After hung_look() with the same @now_ms.
 */
uint64_t hung_mute(const struct hung_watch *w, uint32_t patience_ms, int64_t now_ms);

/* Whether anything waits anywhere that may turn out to be stuck. */
bool hung_has_queue(const struct hung_watch *w);

/* From now on that run is looked at as if for the first time. */
void hung_forget(struct hung_watch *w, uint64_t run);

/* How long to pause between two looks. */
uint32_t hung_look_ms(uint32_t patience_ms);

#endif
