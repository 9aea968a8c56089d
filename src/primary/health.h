/*
 * Probes a worker again and again: until it's ready, and as long as it serves. Its clients
 * never hear of it: the steering program leads each probe to the worker that it's meant for.
 */
#ifndef BERTH_PRIMARY_HEALTH_H
#define BERTH_PRIMARY_HEALTH_H

#include <stdbool.h>

struct health;
struct worker;

struct health_events {
	/* It has passed a probe. */
	void (*passed)(struct worker *w);

	/* It hasn't; @is_dead: so often that it counts as dead, said once for each time over. */
	void (*failed)(struct worker *w, const char *why, bool is_dead);

	/* It could not be asked, which says nothing of it: it's tried again. */
	void (*unasked)(struct worker *w, const char *why);
};

/*
 * health_new - look after the worker's present run
 *
 * @w: has a process; borrowed, as @events, until health_free()
 *
 * The first probe goes out at once if a probe is all that it lacks; else health_soon() says
 * when it is. 0 or -ENOMEM. Primary's thread
 * only, as all of these. None blocks for longer than a fork.
 */
int health_new(struct worker *w, const struct health_events *events, struct health **ret_health);

/* There is reason to ask now: it listens somewhere, or serves again. */
void health_soon(struct health *h);

/* Takes NULL, returns NULL. The memory goes when the loop has closed the timer. */
struct health *health_free(struct health *h);

#endif
