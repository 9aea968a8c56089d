/*
 * A name is looked for one by one: that is done when ports and workers come and go. A
 * child that is watched has its place among the events reserved: no exit finds them full.
 */
#include "keeper/kept.h"

#include <string.h>

#include "base/own.h"

static struct kept_item *find_item(struct kept *k, const char *name)
{
	for (size_t i = 0; i < k->n_items; i++)
		if (strcmp(k->items[i].name, name) == 0)
			return &k->items[i];
	return NULL;
}

int kept_store(struct kept *k, const char *name, int *fd)
{
	struct kept_item *item;

	(void)kept_drop(k, name);
	item = find_item(k, "");
	if (!item && k->n_items < KEEPER_ITEMS_MAX)
		item = &k->items[k->n_items++];
	if (!item)
		return -ENOBUFS;
	memcpy(item->name, name, strlen(name) + 1);
	item->fd = take_fd(fd);
	return 0;
}

bool kept_drop(struct kept *k, const char *name)
{
	struct kept_item *item = find_item(k, name);

	if (!item)
		return false;
	(void)close(item->fd);
	item->name[0] = '\0';
	return true;
}

const struct kept_item *kept_next(const struct kept *k, size_t *cursor)
{
	while (*cursor < k->n_items && k->items[*cursor].name[0] == '\0')
		(*cursor)++;
	return *cursor < k->n_items ? &k->items[(*cursor)++] : NULL;
}

static bool has_room(const struct kept *k)
{
	return k->n_watched + (k->last - k->done) < KEEPER_EVENTS_MAX;
}

static size_t find_watched(const struct kept *k, pid_t pid)
{
	size_t i = 0;

	while (i < k->n_watched && k->watched[i] != pid)
		i++;
	return i;
}

int kept_watch(struct kept *k, pid_t pid)
{
	if (find_watched(k, pid) < k->n_watched)
		return 0;
	if (!has_room(k))
		return -ENOBUFS;
	k->watched[k->n_watched++] = pid;
	return 0;
}

void kept_exited(struct kept *k, pid_t pid, int status)
{
	size_t i = find_watched(k, pid);

	if (i == k->n_watched)
		return;
	k->watched[i] = k->watched[--k->n_watched];
	k->events[++k->last % KEEPER_EVENTS_MAX] =
		(struct kept_event){ .type = KEEPER_EXITED, .number = status, .pid = pid };
}

int kept_signalled(struct kept *k, int number)
{
	if (!has_room(k))
		return -ENOBUFS;
	k->events[++k->last % KEEPER_EVENTS_MAX] =
		(struct kept_event){ .type = KEEPER_SIGNALLED, .number = number };
	return 0;
}

bool kept_after(const struct kept *k, uint64_t sequence, struct keeper_message *ret_message)
{
	const struct kept_event *event = &k->events[(sequence + 1) % KEEPER_EVENTS_MAX];

	if (sequence >= k->last)
		return false;
	ret_message->type = event->type;
	ret_message->number = event->number;
	ret_message->pid = event->pid;
	ret_message->sequence = sequence + 1;
	return true;
}
