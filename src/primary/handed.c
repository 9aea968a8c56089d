/*
 * The keeper says HELLO, one ITEM for each name, the events, and HANDED.
 */
#include "primary/handed.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "core/state.h"
#include "os/keeper_link.h"

#define BERTH_PREFIX "berth/"

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static int add_item(struct handed *h, const char *name, int *fd)
{
	if (h->n_items == h->n_room) {
		size_t n_room = h->n_room ? 2 * h->n_room : 64;
		struct handed_item *more = reallocarray(h->items, n_room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		h->items = more;
		h->n_room = n_room;
	}
	if (has_prefix(name, BERTH_PREFIX))
		drop_fd(fd);
	(void)snprintf(h->items[h->n_items].name, KEEPER_NAME_SIZE, "%s", name);
	h->items[h->n_items++].fd = take_fd(fd);
	return 0;
}

static int add_event(struct handed *h, const struct keeper_message *m)
{
	struct keeper_message *more = reallocarray(h->events, h->n_events + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	h->events = more;
	h->events[h->n_events++] = *m;
	return 0;
}

static int read_state(struct handed *h, int fd)
{
	struct stat st;
	size_t size;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || (size_t)st.st_size > STATE_SIZE_MAX)
		return -EPROTO;
	size = (size_t)st.st_size;
	free(h->state);
	h->state = malloc(size);
	if (!h->state)
		return -ENOMEM;
	h->state_size = size;
	return pread(fd, h->state, size, 0) == (ssize_t)size ? 0 : -EPROTO;
}

static int add(struct handed *h, const struct keeper_message *m, int *fd)
{
	switch (m->type) {
	case KEEPER_HELLO:
		h->keeper = m->pid;
		h->upgraded = (enum keeper_upgrade)m->number;
		return 0;
	case KEEPER_ITEM:
		if (strcmp(m->name, KEEPER_STATE_NAME) == 0)
			return read_state(h, *fd);
		return add_item(h, m->name, fd);
	case KEEPER_EXITED:
	case KEEPER_SIGNALLED: return add_event(h, m);
	default: return -EPROTO;
	}
}

int handed_receive(struct handed *h, int link_fd)
{
	for (;;) {
		struct keeper_message m;
		own_fd fd = NO_FD;
		int r = keeper_link_receive(link_fd, true, &m, &fd);

		if (r < 0)
			return r;
		if (m.type == KEEPER_HANDED)
			return 0;
		r = add(h, &m, &fd);
		if (r < 0)
			return r;
	}
}

bool handed_take(struct handed *h, const char *name, int *ret_fd)
{
	for (size_t i = 0; i < h->n_items; i++) {
		if (strcmp(h->items[i].name, name) != 0)
			continue;
		*ret_fd = h->items[i].fd;
		h->items[i] = h->items[--h->n_items];
		return true;
	}
	return false;
}

const char *handed_find(const struct handed *h, const char *prefix)
{
	for (size_t i = 0; i < h->n_items; i++)
		if (has_prefix(h->items[i].name, prefix))
			return h->items[i].name;
	return NULL;
}

void handed_done(struct handed *h)
{
	for (size_t i = 0; i < h->n_items; i++)
		drop_fd(&h->items[i].fd);
	free(h->items);
	free(h->events);
	free(h->state);
	*h = (struct handed){ 0 };
}
