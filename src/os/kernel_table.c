/*
 * Address space for the whole table is reserved once, so that an entry never
 * moves; pages are put there and taken away as entries are shown and hidden.
 */
#include "os/kernel_table.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/own.h"

struct kernel_table {
	char *at;
	int fd;
	size_t entry_bytes;
	size_t page_bytes;
	size_t n_pages;
	uint32_t n_shown[]; /* for each page: entries that need it */
};

int kernel_table_new(int fd, size_t entry_bytes, size_t n_entries, struct kernel_table **ret_table)
{
	const size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	const size_t n_pages = (entry_bytes * n_entries + page_bytes - 1) / page_bytes;
	struct kernel_table *t = calloc(1, sizeof(*t) + n_pages * sizeof(t->n_shown[0]));

	if (!t)
		return -ENOMEM;
	t->fd = fd;
	t->entry_bytes = entry_bytes;
	t->page_bytes = page_bytes;
	t->n_pages = n_pages;
	t->at = mmap(NULL, n_pages * page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->at == MAP_FAILED) {
		int r = -errno;

		free(t);
		return r;
	}
	*ret_table = t;
	return 0;
}

struct kernel_table *kernel_table_free(struct kernel_table *t)
{
	if (!t)
		return NULL;
	(void)munmap(t->at, t->n_pages * t->page_bytes);
	free(t);
	return NULL;
}

static int show_page(struct kernel_table *t, size_t page)
{
	char *at = t->at + page * t->page_bytes;

	if (t->n_shown[page] == 0 &&
	    mmap(at, t->page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, t->fd,
		 (off_t)(page * t->page_bytes)) == MAP_FAILED)
		return -errno;
	t->n_shown[page]++;
	return 0;
}

static void hide_page(struct kernel_table *t, size_t page)
{
	char *at = t->at + page * t->page_bytes;

	if (--t->n_shown[page] == 0)
		(void)mmap(at, t->page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			   -1, 0);
}

static size_t first_page(const struct kernel_table *t, uint32_t i)
{
	return i * t->entry_bytes / t->page_bytes;
}

static size_t last_page(const struct kernel_table *t, uint32_t i)
{
	return ((i + 1) * t->entry_bytes - 1) / t->page_bytes;
}

int kernel_table_show(struct kernel_table *t, uint32_t i)
{
	const size_t first = first_page(t, i);

	for (size_t page = first; page <= last_page(t, i); page++) {
		int r = show_page(t, page);

		if (r == 0)
			continue;
		while (page-- > first)
			hide_page(t, page);
		return r;
	}
	return 0;
}

void kernel_table_hide(struct kernel_table *t, uint32_t i)
{
	for (size_t page = first_page(t, i); page <= last_page(t, i); page++)
		hide_page(t, page);
}

void *kernel_table_at(const struct kernel_table *t, uint32_t i)
{
	return t->at + i * t->entry_bytes;
}
