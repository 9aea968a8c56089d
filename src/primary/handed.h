/*
 * What the keeper hands over to a primary that starts: descriptors under names, the
 * state, and the events that came meanwhile.
 */
#ifndef BERTH_PRIMARY_HANDED_H
#define BERTH_PRIMARY_HANDED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/keeper_message.h"

struct handed {
	struct handed_item {
		char name[KEEPER_NAME_SIZE];
		int fd; /* NO_FD: it stays with the keeper alone */
	} * items;      /* not taken yet */
	size_t n_items;
	size_t n_room;
	struct keeper_message *events;
	size_t n_events;
	char *state; /* NULL: there is none */
	size_t state_size;
	pid_t keeper;
	enum keeper_upgrade upgraded;
};

/*
 * handed_receive - wait for all that the keeper hands over
 *
 * @h: all zero. handed_done() it, also on error
 *
 * Descriptors of berths are closed at once: the number of their holders means something, and
 * there may be more than places for them. Returns 0, -EPIPE, -EPROTO, -ENOMEM, or -EMFILE when
 * there is no place for what is handed over. Primary's thread only, as all of these.
 */
int handed_receive(struct handed *h, int link_fd);

void handed_done(struct handed *h);

/* Removes the item, and returns whether there was one; its descriptor is yours. */
bool handed_take(struct handed *h, const char *name, int *ret_fd);

/* A name that begins with @prefix; NULL if there is none. */
const char *handed_find(const struct handed *h, const char *prefix);

#endif
