/*
 * The journal's memory. See journal_file.h.
 */
#include "primary/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/own.h"

#define NAME   "berth-output"
#define SEALS  (F_SEAL_SHRINK | F_SEAL_GROW) /* so that no access goes beyond its end */
#define UNUSED ((struct journal_file){ .fd = NO_FD })

static const char magic[8] = { 'b', 'e', 'r', 't', 'h', 'o', 'u', 't' };

struct journal_memory {
	char magic[sizeof(magic)]; /* it and the version stay where they are in every version */
	uint32_t version;
	uint32_t n_ways;
	alignas(JOURNAL_PAGE) struct journal_block blocks[];
};

static size_t memory_size(unsigned n_ways)
{
	return sizeof(struct journal_memory) + n_ways * sizeof(struct journal_block);
}

static int map(struct journal_file *f)
{
	int flags = f->fd >= 0 ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
	void *memory = mmap(NULL, memory_size(f->n_ways), PROT_READ | PROT_WRITE, flags,
			    f->fd >= 0 ? f->fd : -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	f->memory = memory;
	return 0;
}

static int make_file(off_t size, int *ret_fd)
{
	own_fd fd = memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, size) < 0)
		return -errno;
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int journal_file_make(struct journal_file *f, unsigned n_ways)
{
	int err;

	*f = UNUSED;
	f->n_ways = n_ways;
	err = make_file((off_t)memory_size(n_ways), &f->fd);
	if (!err || err == -EFBIG)
		err = map(f);
	if (err) {
		journal_file_done(f);
		return err;
	}
	for (unsigned i = 0; i < n_ways; i++)
		journal_begin(&f->ways[i], &f->memory->blocks[i]);
	f->memory->n_ways = n_ways;
	f->memory->version = JOURNAL_VERSION;
	memcpy(f->memory->magic, magic, sizeof(magic));
	return 0;
}

/* What every version has at its beginning, read without trusting the file's size. */
static int check_head(int fd, unsigned n_ways)
{
	struct journal_memory head;
	struct stat about;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS ||
	    pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    memcmp(head.magic, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	if (head.version != JOURNAL_VERSION)
		return -EPROTONOSUPPORT;
	if (head.n_ways != n_ways || fstat(fd, &about) < 0 ||
	    about.st_size != (off_t)memory_size(n_ways))
		return -EBADMSG;
	return 0;
}

int journal_file_take(struct journal_file *f, int fd, unsigned n_ways)
{
	int err = check_head(fd, n_ways);

	*f = UNUSED;
	if (err)
		return err;
	f->n_ways = n_ways;
	f->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	err = f->fd < 0 ? -errno : map(f);
	for (unsigned i = 0; !err && i < n_ways; i++) {
		if (!journal_open(&f->ways[i], &f->memory->blocks[i]))
			err = -EBADMSG;
	}
	if (err)
		journal_file_done(f);
	return err;
}

void journal_file_done(struct journal_file *f)
{
	if (f->memory)
		(void)munmap(f->memory, memory_size(f->n_ways));
	drop_fd(&f->fd);
	*f = UNUSED;
}

void journal_file_give_back(struct span part)
{
	size_t skip = -(uintptr_t)part.at % JOURNAL_PAGE;

	if (part.size < skip + JOURNAL_PAGE)
		return;
	part.size = (part.size - skip) / JOURNAL_PAGE * JOURNAL_PAGE;
	(void)madvise((char *)part.at + skip, part.size, MADV_REMOVE);
}
