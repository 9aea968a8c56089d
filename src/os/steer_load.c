/*
 * Loads the program that is built into berth, and lets go of the loader: what
 * stays are descriptors and mapped tables.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <malloc.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/own.h"
#include "bpf/steer.skel.h"
#include "os/cgroup.h"
#include "os/fault.h"
#include "os/flows.h"
#include "os/kernel_table.h"
#include "os/steer_parts.h"

bool steer_is_permitted(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	const unsigned needed[] = { CAP_BPF, CAP_NET_ADMIN };

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!(data[CAP_TO_INDEX(needed[i])].effective & CAP_TO_MASK(needed[i])))
			return false;
	return true;
}

static int say_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* What is for datagrams takes memory: it's loaded with the first port that has them. */
static void leave_flows(struct steer_skeleton *b)
{
	(void)bpf_program__set_autoload(b->progs.flow_by_queue, false);
	(void)bpf_program__set_autoload(b->progs.flow_by_turn, false);
	(void)bpf_map__set_autocreate(b->maps.flow_table, false);
	(void)bpf_map__set_autocreate(b->maps.flow_berths, false);
	(void)bpf_map__set_autocreate(b->maps.flow_settings, false);
	(void)bpf_map__set_autocreate(b->maps.flow_ids, false);
}

/* Returns NULL with errno where it cannot be loaded. */
static struct steer_skeleton *load(bool sees_queues)
{
	struct steer_skeleton *b = steer_skeleton__open();
	int r;

	if (!b)
		return NULL;
	leave_flows(b);
	(void)bpf_program__set_autoload(b->progs.steer_by_queue, sees_queues);
	(void)bpf_program__set_autoload(b->progs.count_holders, sees_queues);
	(void)bpf_program__set_autoload(b->progs.steer_by_turn, !sees_queues);
	r = steer_skeleton__load(b);
	if (r < 0) {
		steer_skeleton__destroy(b);
		errno = -r;
		return NULL;
	}
	return b;
}

static int keep_fd(int fd, int *ret_fd)
{
	int kept = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (kept < 0)
		return -errno;
	*ret_fd = kept;
	return 0;
}

static int ignore_word(void *context, void *data, size_t size_bytes)
{
	(void)context;
	(void)data;
	(void)size_bytes;
	return 0;
}

static int read_news(struct steer *s)
{
	s->news = ring_buffer__new(s->fds.news, ignore_word, NULL, NULL);
	return s->news ? 0 : -errno;
}

/* What descriptors cannot do: reading and writing the tables, and hearing the program call. */
static int use(struct steer *s)
{
	int r = kernel_table_new(s->fds.ports, sizeof(struct steer_port), STEER_PORTS_MAX,
				 &s->ports);

	if (r == 0)
		r = kernel_table_new(s->fds.berths, sizeof(struct steer_berth), STEER_BERTHS_MAX,
				     &s->berths);
	if (r == 0)
		r = read_news(s);
	return r;
}

/* Has connections counted, if it can be done; else we know why not. */
static int begin_counting(struct steer *s, int program_fd)
{
	own_fd group = NO_FD;
	int fd;
	int r = cgroup_open(&group);

	if (r < 0)
		return r;
	fd = bpf_link_create(program_fd, group, BPF_CGROUP_SOCK_OPS, NULL);
	if (fd < 0)
		return fd;
	s->fds.counting = fd;
	return 0;
}

static int keep_marks(struct steer *s, const struct steer_skeleton *b)
{
	int r = keep_fd(bpf_map__fd(b->maps.steer_marks), &s->fds.marks);

	if (r == 0)
		r = keep_fd(bpf_map__fd(b->maps.steer_listeners), &s->fds.listeners);
	if (r == 0)
		r = keep_fd(bpf_map__fd(b->maps.steer_moved), &s->fds.moved);
	return r;
}

/* Keeps the descriptors; the rest of the loader is a megabyte that nobody needs. */
static int keep(struct steer *s, const struct steer_skeleton *b)
{
	const struct bpf_program *program =
		s->sees_queues ? b->progs.steer_by_queue : b->progs.steer_by_turn;
	int r = keep_fd(bpf_program__fd(program), &s->fds.program);

	if (r == 0)
		r = keep_fd(bpf_map__fd(b->maps.steer_sockets), &s->fds.sockets);
	if (r == 0)
		r = keep_fd(bpf_map__fd(b->maps.steer_keys), &s->fds.keys);
	if (r == 0)
		r = keep_fd(bpf_map__fd(b->maps.steer_ports), &s->fds.ports);
	if (r == 0)
		r = keep_fd(bpf_map__fd(b->maps.steer_berths), &s->fds.berths);
	if (r == 0)
		r = keep_fd(bpf_map__fd(b->maps.steer_news), &s->fds.news);
	if (r == 0 && s->sees_queues)
		r = keep_fd(bpf_program__fd(b->progs.count_holders), &s->fds.holders);
	if (r == 0)
		r = keep_marks(s, b);
	return r < 0 ? r : use(s);
}

static const struct steer_fds no_fds = { NO_FD, NO_FD, NO_FD, NO_FD, NO_FD, NO_FD,
					 NO_FD, NO_FD, NO_FD, NO_FD, NO_FD };

static struct steer *steer_alloc(void)
{
	struct steer *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->fds = no_fds;
	(void)libbpf_set_print(say_nothing);
	return s;
}

int steer_new(bool must_count, struct steer **ret_steer)
{
	struct steer *s = steer_alloc();
	struct steer_skeleton *b;
	int r;

	if (!s)
		return -ENOMEM;
	s->sees_queues = true;
	b = load(true);
	if (!b) {
		s->queue_error = errno;
		s->sees_queues = false;
		b = load(false);
	}
	r = b ? keep(s, b) : -errno;
	if (r == 0 && must_count)
		s->count_error = -begin_counting(s, bpf_program__fd(b->progs.count_connections));
	steer_skeleton__destroy(b);
	(void)malloc_trim(0);
	if (r < 0) {
		(void)steer_free(s);
		return r;
	}
	*ret_steer = s;
	return 0;
}

static void drop_fds(struct steer_fds *fds)
{
	drop_fd(&fds->program);
	drop_fd(&fds->sockets);
	drop_fd(&fds->keys);
	drop_fd(&fds->ports);
	drop_fd(&fds->berths);
	drop_fd(&fds->news);
	drop_fd(&fds->holders);
	drop_fd(&fds->marks);
	drop_fd(&fds->listeners);
	drop_fd(&fds->moved);
	drop_fd(&fds->counting);
}

/* Whether a map has room for what we would write there. */
static bool is_table(int map_fd, size_t value_size, size_t n_entries)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(map_fd, &info, &size) == 0 && info.value_size == value_size &&
	       info.max_entries == n_entries;
}

const struct steer_fds *steer_fds(const struct steer *s)
{
	return &s->fds;
}

int steer_resume(struct steer_fds *fds, struct steer **ret_steer)
{
	struct steer *s = steer_alloc();
	int r = 0;

	if (!s) {
		drop_fds(fds);
		return -ENOMEM;
	}
	s->fds = *fds;
	*fds = no_fds;
	s->sees_queues = s->fds.holders >= 0;
	if (s->fds.program < 0 || s->fds.sockets < 0 || s->fds.keys < 0 || s->fds.news < 0 ||
	    s->fds.marks < 0 || s->fds.listeners < 0 || s->fds.moved < 0)
		r = -EBADF;
	else if (!is_table(s->fds.ports, sizeof(struct steer_port), STEER_PORTS_MAX) ||
		 !is_table(s->fds.berths, sizeof(struct steer_berth), STEER_BERTHS_MAX))
		r = -EINVAL;
	else
		r = use(s);
	if (r < 0) {
		(void)steer_free(s);
		return r;
	}
	*ret_steer = s;
	return 0;
}

struct steer *steer_free(struct steer *s)
{
	if (!s)
		return NULL;
	s->ports = kernel_table_free(s->ports);
	s->berths = kernel_table_free(s->berths);
	ring_buffer__free(s->news);
	drop_fds(&s->fds);
	free(s);
	return NULL;
}

bool steer_sees_queues(const struct steer *s)
{
	return s->sees_queues;
}

int steer_queue_error(const struct steer *s)
{
	return s->queue_error;
}

bool steer_counts_connections(const struct steer *s)
{
	return s->fds.counting >= 0;
}

int steer_count_error(const struct steer *s)
{
	return s->count_error;
}

/* The same maps as the program for connections has, and none of its programs. */
static int open_flows(const struct steer *s, uint32_t n_flows, struct steer_skeleton *b)
{
	const struct {
		struct bpf_map *map;
		int fd;
	} shared[] = {
		{ b->maps.steer_sockets, s->fds.sockets }, { b->maps.steer_keys, s->fds.keys },
		{ b->maps.steer_ports, s->fds.ports },     { b->maps.steer_berths, s->fds.berths },
		{ b->maps.steer_news, s->fds.news },
	};
	int r = bpf_map__set_max_entries(b->maps.flow_table, n_flows);

	for (size_t i = 0; r == 0 && i < sizeof(shared) / sizeof(shared[0]); i++)
		r = bpf_map__reuse_fd(shared[i].map, shared[i].fd);
	(void)bpf_program__set_autoload(b->progs.steer_by_queue, false);
	(void)bpf_program__set_autoload(b->progs.steer_by_turn, false);
	(void)bpf_program__set_autoload(b->progs.count_holders, false);
	(void)bpf_program__set_autoload(b->progs.flow_by_queue, s->sees_queues);
	(void)bpf_program__set_autoload(b->progs.flow_by_turn, !s->sees_queues);
	return r;
}

static int keep_flows(const struct steer *s, const struct steer_skeleton *b,
		      struct flow_fds *ret_fds)
{
	const struct bpf_program *program =
		s->sees_queues ? b->progs.flow_by_queue : b->progs.flow_by_turn;
	int r = keep_fd(bpf_program__fd(program), &ret_fds->program);

	if (r == 0)
		r = keep_fd(bpf_map__fd(b->maps.flow_table), &ret_fds->table);
	if (r == 0)
		r = keep_fd(bpf_map__fd(b->maps.flow_berths), &ret_fds->berths);
	if (r == 0)
		r = keep_fd(bpf_map__fd(b->maps.flow_settings), &ret_fds->settings);
	if (r == 0)
		r = keep_fd(bpf_map__fd(b->maps.flow_ids), &ret_fds->ids);
	return r;
}

int steer_load_flows(const struct steer *s, uint32_t n_flows, struct flow_fds *ret_fds)
{
	struct steer_skeleton *b = steer_skeleton__open();
	int r;

	if (!b)
		return -errno;
	r = open_flows(s, n_flows, b);
	if (r == 0)
		r = steer_skeleton__load(b);
	if (r == 0)
		r = keep_flows(s, b, ret_fds);
	steer_skeleton__destroy(b);
	(void)malloc_trim(0);
	return r;
}
