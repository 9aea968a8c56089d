/*
 * Loads the program, attaches it, and lets go of the loader: what stays are three
 * descriptors, and the program counts for as long as the link's is open.
 */
#include "os/resets.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>

#include "base/own.h"
#include "bpf/resets.skel.h"

struct resets {
	int marks_fd;
	int counts_fd;
	int link_fd;
};

static int say_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int dup_fd(int fd, int *ret_fd)
{
	int kept = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (kept < 0)
		return -errno;
	*ret_fd = kept;
	return 0;
}

static int keep(struct resets *r, const struct resets_skeleton *b)
{
	int err = dup_fd(bpf_link__fd(b->links.count_reset), &r->link_fd);

	if (err == 0)
		err = dup_fd(bpf_map__fd(b->maps.resets_marks), &r->marks_fd);
	if (err == 0)
		err = dup_fd(bpf_map__fd(b->maps.resets_counts), &r->counts_fd);
	return err;
}

int resets_new(struct resets **ret_resets)
{
	struct resets *r = malloc(sizeof(*r));
	struct resets_skeleton *b;
	int err;

	if (!r)
		return -ENOMEM;
	*r = (struct resets){ NO_FD, NO_FD, NO_FD };
	(void)libbpf_set_print(say_nothing);
	b = resets_skeleton__open_and_load();
	err = b ? resets_skeleton__attach(b) : -errno;
	if (err == 0)
		err = keep(r, b);
	resets_skeleton__destroy(b);
	(void)malloc_trim(0);
	if (err < 0) {
		(void)resets_free(r);
		return err;
	}
	*ret_resets = r;
	return 0;
}

struct resets *resets_free(struct resets *r)
{
	if (!r)
		return NULL;
	drop_fd(&r->link_fd);
	drop_fd(&r->marks_fd);
	drop_fd(&r->counts_fd);
	free(r);
	return NULL;
}

int resets_mark(const struct resets *r, int fd, enum resets_mark mark)
{
	const uint32_t value = mark;

	return bpf_map_update_elem(r->marks_fd, &fd, &value, BPF_ANY);
}

uint64_t resets_count(const struct resets *r, enum resets_mark mark)
{
	const uint32_t key = mark;
	uint64_t n = 0;

	return bpf_map_lookup_elem(r->counts_fd, &key, &n) < 0 ? 0 : n;
}
