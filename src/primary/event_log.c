/*
 * The ring's memory: a sealed file, so that a successor finds it whole. See event_log.h.
 */
#include "primary/event_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/own.h"
#include "os/clock.h"

#define NAME    "berth-events"
#define SEALS   (F_SEAL_SHRINK | F_SEAL_GROW) /* so that no access goes beyond its end */
#define VERSION 1

static const char magic[8] = { 'b', 'e', 'r', 't', 'h', 'e', 'v', 't' };

struct memory {
	char magic[sizeof(magic)];
	uint32_t version;
	uint32_t size_bytes;
	struct events events;
};

struct event_log {
	struct memory *memory;
	int fd;
	struct event_asker asker;
	void (*tell)(void *data);
	void *data;
};

static bool is_ours(int fd)
{
	struct memory head;
	struct stat about;
	const size_t size = offsetof(struct memory, events);
	const int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &about) == 0 &&
	       about.st_size == (off_t)sizeof(struct memory) &&
	       pread(fd, &head, size, 0) == (ssize_t)size &&
	       memcmp(head.magic, magic, sizeof(magic)) == 0 && head.version == VERSION &&
	       head.size_bytes == sizeof(struct memory);
}

static int make_file(int *ret_fd)
{
	own_fd fd = memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, sizeof(struct memory)) < 0)
		return -errno;
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

static int map(struct event_log *l)
{
	void *memory = mmap(NULL, sizeof(struct memory), PROT_READ | PROT_WRITE,
			    l->fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, l->fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	l->memory = memory;
	return 0;
}

static int begin(struct event_log *l)
{
	int err = make_file(&l->fd);

	if (err) /* RLIMIT_FSIZE, say: then they end with us */
		l->fd = NO_FD;
	err = map(l);
	if (!l->memory)
		return err;
	l->memory->version = VERSION;
	l->memory->size_bytes = sizeof(struct memory);
	memcpy(l->memory->magic, magic, sizeof(magic));
	return 0;
}

static int take(struct event_log *l, int fd)
{
	l->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return l->fd < 0 ? -errno : map(l);
}

int event_log_new(int fd, struct event_log **ret_log)
{
	struct event_log *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	l->fd = NO_FD;
	err = fd >= 0 && is_ours(fd) ? take(l, fd) : begin(l);
	if (err) {
		(void)event_log_free(l);
		return err;
	}
	*ret_log = l;
	return 0;
}

struct event_log *event_log_free(struct event_log *l)
{
	if (!l)
		return NULL;
	if (l->memory)
		(void)munmap(l->memory, sizeof(struct memory));
	drop_fd(&l->fd);
	free(l);
	return NULL;
}

int event_log_fd(const struct event_log *l)
{
	return l->fd;
}

const struct events *event_log_events(const struct event_log *l)
{
	return &l->memory->events;
}

void event_log_note(struct event_log *l, const struct message_note *note)
{
	events_note(&l->memory->events, note, clock_wall_ms(), &l->asker);
	if (l->tell)
		l->tell(l->data);
}

void event_log_set_asker(struct event_log *l, const struct event_asker *who)
{
	l->asker = who ? *who : (struct event_asker){ 0 };
}

void event_log_tell(struct event_log *l, void (*tell)(void *data), void *data)
{
	l->tell = tell;
	l->data = data;
}
