/*
 * The primary's side of the channel. See keep.h.
 */
#include "primary/keep.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/container_of.h"
#include "base/own.h"
#include "core/state.h"
#include "os/keeper_link.h"

#define EVENTS_AT_ONCE 64

struct item {
	char name[KEEPER_NAME_SIZE];
	int fd;
};

struct keep {
	uv_poll_t poll;
	bool is_polled;
	bool is_lost; /* the keeper is dead, and there is no other yet */
	bool is_freed;
	bool is_ending; /* nothing is dropped any more */
	int link_fd;
	pid_t pid;
	const struct keep_events *events;
	void *data;
	uint64_t done;
	enum keeper_upgrade upgraded;
	struct item *items; /* handed over, and not taken yet */
	size_t n_items;
	size_t n_room;
	struct keeper_message *waiting; /* events that were handed over */
	size_t n_waiting;
	char *state; /* as handed over */
	size_t state_size;
	void *saved; /* as last sent */
	size_t saved_size;
};

/* --- the hand-over --- */

static int add_item(struct keep *k, const char *name, int *fd)
{
	if (k->n_items == k->n_room) {
		size_t n_room = k->n_room ? 2 * k->n_room : 64;
		struct item *more = reallocarray(k->items, n_room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		k->items = more;
		k->n_room = n_room;
	}
	(void)snprintf(k->items[k->n_items].name, KEEPER_NAME_SIZE, "%s", name);
	k->items[k->n_items++].fd = take_fd(fd);
	return 0;
}

static int add_event(struct keep *k, const struct keeper_message *m)
{
	struct keeper_message *more = reallocarray(k->waiting, k->n_waiting + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	k->waiting = more;
	k->waiting[k->n_waiting++] = *m;
	return 0;
}

static int read_state(struct keep *k, int fd)
{
	struct stat st;
	size_t size;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || (size_t)st.st_size > STATE_SIZE_MAX)
		return -EPROTO;
	size = (size_t)st.st_size;
	free(k->state);
	k->state = malloc(size);
	if (!k->state)
		return -ENOMEM;
	k->state_size = size;
	return pread(fd, k->state, size, 0) == (ssize_t)size ? 0 : -EPROTO;
}

static int take_over(struct keep *k, const struct keeper_message *m, int *fd)
{
	switch (m->type) {
	case KEEPER_HELLO:
		k->pid = m->pid;
		k->upgraded = (enum keeper_upgrade)m->number;
		return 0;
	case KEEPER_ITEM:
		if (strcmp(m->name, KEEPER_STATE_NAME) == 0)
			return read_state(k, *fd);
		return add_item(k, m->name, fd);
	case KEEPER_EXITED:
	case KEEPER_SIGNALLED: return add_event(k, m);
	default: return -EPROTO;
	}
}

static int receive_all(struct keep *k)
{
	for (;;) {
		struct keeper_message m;
		own_fd fd = NO_FD;
		int r = keeper_link_receive(k->link_fd, true, &m, &fd);

		if (r < 0)
			return r;
		if (m.type == KEEPER_HANDED)
			return 0;
		r = take_over(k, &m, &fd);
		if (r < 0)
			return r;
	}
}

int keep_new(uv_loop_t *loop, int link_fd, const struct keep_events *events, void *data,
	     struct keep **ret_keep)
{
	struct keep *k = calloc(1, sizeof(*k));
	int r;

	if (!k) {
		(void)close(link_fd);
		return -ENOMEM;
	}
	k->link_fd = link_fd;
	k->events = events;
	k->data = data;
	k->poll.loop = loop;
	r = fcntl(link_fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : receive_all(k);
	if (r < 0) {
		(void)keep_free(k);
		return r;
	}
	*ret_keep = k;
	return 0;
}

void keep_state(const struct keep *k, struct span *ret_span)
{
	ret_span->at = k->state;
	ret_span->size = k->state_size;
}

static struct item *find(struct keep *k, const char *name)
{
	for (size_t i = 0; i < k->n_items; i++)
		if (strcmp(k->items[i].name, name) == 0)
			return &k->items[i];
	return NULL;
}

static int take(struct keep *k, const char *name)
{
	struct item *item = find(k, name);
	int fd;

	if (!item)
		return NO_FD;
	fd = item->fd;
	*item = k->items[--k->n_items];
	return fd;
}

int keep_take(struct keep *k, const char *format, ...)
{
	char name[KEEPER_NAME_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	return take(k, name);
}

bool keep_find(const struct keep *k, const char *prefix, char ret_name[static KEEPER_NAME_SIZE])
{
	for (size_t i = 0; i < k->n_items; i++) {
		if (strncmp(k->items[i].name, prefix, strlen(prefix)) != 0)
			continue;
		memcpy(ret_name, k->items[i].name, KEEPER_NAME_SIZE);
		return true;
	}
	return false;
}

/* --- to the keeper --- */

static int tell(struct keep *k, struct keeper_message *m, int fd)
{
	if (k->is_lost || k->link_fd < 0)
		return -EPIPE; /* a new keeper will be given everything */
	return keeper_link_send(k->link_fd, m, fd);
}

int keep_store(struct keep *k, int fd, const char *format, ...)
{
	struct keeper_message m = { .type = KEEPER_STORE };
	va_list arguments;
	int replaced;
	int n;
	int r;

	va_start(arguments, format);
	n = vsnprintf(m.name, sizeof(m.name), format, arguments);
	va_end(arguments);
	if (n < 0 || (size_t)n >= sizeof(m.name))
		return -ENAMETOOLONG;
	/* Or it would be dropped with the rest, and with it what is new. */
	replaced = take(k, m.name);
	drop_fd(&replaced);
	r = tell(k, &m, fd);
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

static void drop(struct keep *k, const char *name)
{
	struct keeper_message m = { .type = KEEPER_DROP };

	if (k->is_ending)
		return;
	(void)snprintf(m.name, sizeof(m.name), "%s", name);
	(void)tell(k, &m, NO_FD);
}

void keep_drop(struct keep *k, const char *format, ...)
{
	char name[KEEPER_NAME_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	drop(k, name);
}

void keep_drop_rest(struct keep *k)
{
	for (size_t i = 0; i < k->n_items; i++) {
		drop(k, k->items[i].name);
		drop_fd(&k->items[i].fd);
	}
	free(k->items);
	k->items = NULL;
	k->n_items = k->n_room = 0;
}

static void tell_number(struct keep *k, enum keeper_type type, int number, pid_t pid)
{
	struct keeper_message m = { .type = (uint16_t)type, .number = number, .pid = pid };

	(void)tell(k, &m, NO_FD);
}

void keep_watch(struct keep *k, pid_t pid)
{
	tell_number(k, KEEPER_WATCH, 0, pid);
}

void keep_ready(struct keep *k)
{
	tell_number(k, KEEPER_READY, 0, 0);
}

void keep_end(struct keep *k)
{
	k->is_ending = true;
}

void keep_finish(struct keep *k, int code)
{
	tell_number(k, KEEPER_FINISH, code, 0);
}

int keep_upgrade(struct keep *k, int fd)
{
	struct keeper_message m = { .type = KEEPER_PROGRAM };

	return tell(k, &m, fd);
}

enum keeper_upgrade keep_upgraded(const struct keep *k)
{
	return k->upgraded;
}

pid_t keep_pid(const struct keep *k)
{
	return k->pid;
}

/* --- the state --- */

static int make_blob(const void *blob, size_t size, int *ret_fd)
{
	own_fd fd = memfd_create("berth-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (write(fd, blob, size) != (ssize_t)size)
		return -ENOMEM;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

void keep_set_state(struct keep *k, const void *blob, size_t size)
{
	own_fd fd = NO_FD;
	void *copy;

	if (k->saved && k->saved_size == size && memcmp(k->saved, blob, size) == 0)
		return;
	if (make_blob(blob, size, &fd) < 0 || keep_store(k, fd, KEEPER_STATE_NAME) < 0)
		return; /* the next change tries again; what is kept meanwhile is older */
	copy = realloc(k->saved, size);
	if (!copy)
		return;
	memcpy(copy, blob, size);
	k->saved = copy;
	k->saved_size = size;
}

int keep_copy_state(const struct keep *k)
{
	int fd = NO_FD;
	int r = k->saved ? make_blob(k->saved, k->saved_size, &fd) : -ENODATA;

	return r < 0 ? r : fd;
}

void keep_save(struct keep *k)
{
	k->events->save(k->data);
}

uint64_t keep_done(const struct keep *k)
{
	return k->done;
}

void keep_skip(struct keep *k, uint64_t sequence)
{
	k->done = sequence;
}

/* --- events --- */

static void handle(struct keep *k, const struct keeper_message *m)
{
	struct keeper_message done = { .type = KEEPER_DONE, .sequence = m->sequence };

	if (m->type == KEEPER_REFUSED) {
		k->events->refused(k->data, m->name, m->number);
		return;
	}
	if (m->sequence > k->done) {
		k->done = m->sequence;
		if (m->type == KEEPER_EXITED)
			k->events->exited(k->data, m->pid, m->number);
		else if (m->type == KEEPER_SIGNALLED)
			k->events->signalled(k->data, m->number);
		keep_save(k);
	}
	(void)tell(k, &done, NO_FD);
}

static void lose(struct keep *k)
{
	(void)uv_poll_stop(&k->poll);
	k->is_lost = true;
	k->pid = 0;
	k->events->lost(k->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct keep *k = container_of(poll, struct keep, poll);

	(void)status;
	(void)events;
	for (int i = 0; i < EVENTS_AT_ONCE && !k->is_lost && !k->is_freed; i++) {
		struct keeper_message m;
		own_fd fd = NO_FD;
		int r = keeper_link_receive(k->link_fd, false, &m, &fd);

		if (r == -EAGAIN)
			return;
		if (r == -ECONNRESET)
			continue; /* it died with words of ours unread; its own come still */
		if (r < 0)
			lose(k);
		else
			handle(k, &m);
	}
}

static int watch_link(struct keep *k)
{
	int r = uv_poll_init(k->poll.loop, &k->poll, k->link_fd);

	if (r < 0)
		return r;
	k->is_polled = true;
	return uv_poll_start(&k->poll, UV_READABLE, on_readable);
}

int keep_begin(struct keep *k)
{
	int r = watch_link(k);

	if (r < 0)
		return r;
	for (size_t i = 0; i < k->n_waiting && !k->is_freed; i++)
		handle(k, &k->waiting[i]);
	free(k->waiting);
	k->waiting = NULL;
	k->n_waiting = 0;
	free(k->state);
	k->state = NULL;
	return 0;
}

/* The number of the descriptor stays: the loop's handle goes on with it. */
int keep_renew(struct keep *k, int link_fd, pid_t pid)
{
	own_fd fd = link_fd;

	int r;

	if (dup3(fd, k->link_fd, O_CLOEXEC) < 0)
		return -errno;
	r = uv_poll_start(&k->poll, UV_READABLE, on_readable);
	if (r < 0)
		return r;
	k->is_lost = false;
	k->pid = pid;
	k->done = 0; /* the next keeper counts its events from the start */
	free(k->saved);
	k->saved = NULL;
	k->saved_size = 0;
	return 0;
}

static void done(struct keep *k)
{
	for (size_t i = 0; i < k->n_items; i++)
		drop_fd(&k->items[i].fd);
	free(k->items);
	free(k->waiting);
	free(k->state);
	free(k->saved);
	free(k);
}

static void on_closed(uv_handle_t *handle)
{
	done(container_of((uv_poll_t *)handle, struct keep, poll));
}

struct keep *keep_free(struct keep *k)
{
	if (!k)
		return NULL;
	k->is_freed = true;
	if (k->is_polled)
		uv_close((uv_handle_t *)&k->poll, on_closed);
	drop_fd(&k->link_fd);
	if (!k->is_polled)
		done(k);
	return NULL;
}
