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
#include <sys/resource.h>

#include "base/container_of.h"
#include "base/own.h"
#include "os/keeper_link.h"
#include "primary/handed.h"
#include "primary/keep_names.h"

#define EVENTS_AT_ONCE 64

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
	struct handed handed; /* and not taken yet */
	enum keeper_upgrade upgraded;
	struct keep_names names;
	void *saved; /* as last sent */
	size_t saved_size;
};

/* --- the hand-over --- */

/* Whoever runs as long as the keeper has its limit. */
static int note_names(struct keep *k)
{
	struct rlimit files = { 0 };
	int r = getrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : 0;

	keep_names_init(&k->names, (size_t)files.rlim_max);
	for (size_t i = 0; r == 0 && i < k->handed.n_items; i++)
		r = keep_names_add(&k->names, k->handed.items[i].name);
	if (r == 0 && k->handed.state)
		r = keep_names_add(&k->names, KEEPER_STATE_NAME);
	return r;
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
	r = fcntl(link_fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : handed_receive(&k->handed, link_fd);
	if (r == 0)
		r = note_names(k);
	k->pid = k->handed.keeper;
	k->upgraded = k->handed.upgraded;
	if (r < 0) {
		(void)keep_free(k);
		return r;
	}
	*ret_keep = k;
	return 0;
}

void keep_state(const struct keep *k, struct span *ret_span)
{
	ret_span->at = k->handed.state;
	ret_span->size = k->handed.state_size;
}

int keep_take(struct keep *k, const char *format, ...)
{
	char name[KEEPER_NAME_SIZE];
	va_list arguments;
	int fd = NO_FD;

	va_start(arguments, format);
	(void)vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	(void)handed_take(&k->handed, name, &fd);
	return fd;
}

bool keep_leave(struct keep *k, const char *format, ...)
{
	char name[KEEPER_NAME_SIZE];
	va_list arguments;
	own_fd fd = NO_FD;

	va_start(arguments, format);
	(void)vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	return handed_take(&k->handed, name, &fd);
}

bool keep_find(const struct keep *k, const char *prefix, char ret_name[static KEEPER_NAME_SIZE])
{
	const char *name = handed_find(&k->handed, prefix);

	if (name)
		memcpy(ret_name, name, KEEPER_NAME_SIZE);
	return name;
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
	own_fd replaced = NO_FD;
	int n;
	int r;

	va_start(arguments, format);
	n = vsnprintf(m.name, sizeof(m.name), format, arguments);
	va_end(arguments);
	if (n < 0 || (size_t)n >= sizeof(m.name))
		return -ENAMETOOLONG;
	/* Or it would be dropped with the rest, and with it what is new. */
	(void)handed_take(&k->handed, m.name, &replaced);
	r = keep_names_add(&k->names, m.name);
	if (r < 0)
		return r;
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
	keep_names_drop(&k->names, name);
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
	for (size_t i = 0; i < k->handed.n_items; i++) {
		drop(k, k->handed.items[i].name);
		drop_fd(&k->handed.items[i].fd);
	}
	k->handed.n_items = 0;
}

bool keep_has_room(const struct keep *k)
{
	return keep_names_has_room(&k->names);
}

size_t keep_n_kept(const struct keep *k)
{
	return k->names.n;
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
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, blob, size);
	if (n != (ssize_t)size)
		return n < 0 ? -errno : -ENOSPC;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int keep_set_state(struct keep *k, const void *blob, size_t size)
{
	own_fd fd = NO_FD;
	void *copy;
	int r;

	if (k->saved && k->saved_size == size && memcmp(k->saved, blob, size) == 0)
		return 0;
	r = make_blob(blob, size, &fd);
	if (r == 0)
		r = keep_store(k, fd, KEEPER_STATE_NAME);
	if (r < 0)
		return r;
	copy = realloc(k->saved, size);
	if (!copy)
		return -ENOMEM; /* the keeper has it, and gets it once more */
	memcpy(copy, blob, size);
	k->saved = copy;
	k->saved_size = size;
	return 0;
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

void keep_lose(struct keep *k)
{
	(void)uv_poll_stop(&k->poll);
	k->is_lost = true;
	k->pid = 0;
}

static void lose(struct keep *k)
{
	keep_lose(k);
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
	for (size_t i = 0; i < k->handed.n_events && !k->is_freed; i++)
		handle(k, &k->handed.events[i]);
	handed_done(&k->handed);
	return 0;
}

/* The number of the descriptor stays: the loop's handle goes on with it. */
int keep_renew(struct keep *k, int link_fd)
{
	own_fd fd = link_fd;

	if (dup3(fd, k->link_fd, O_CLOEXEC) < 0)
		return -errno;
	k->is_lost = false;
	k->done = 0; /* the next keeper counts its events from the start */
	free(k->saved);
	k->saved = NULL;
	k->saved_size = 0;
	keep_names_done(&k->names);
	return 0;
}

int keep_renewed(struct keep *k, pid_t pid)
{
	k->pid = pid;
	return uv_poll_start(&k->poll, UV_READABLE, on_readable);
}

static void done(struct keep *k)
{
	handed_done(&k->handed);
	keep_names_done(&k->names);
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
