/*
 * Reads and writes the maps of the steering program that was loaded.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "os/fault.h"
#include "os/steer_parts.h"

struct steer_port *steer_port(struct steer *s, uint32_t id)
{
	return kernel_table_at(s->ports, id);
}

int steer_show_port(struct steer *s, uint32_t id)
{
	return kernel_table_show(s->ports, id);
}

void steer_hide_port(struct steer *s, uint32_t id)
{
	kernel_table_hide(s->ports, id);
}

struct steer_berth *steer_berth(struct steer *s, uint32_t berth)
{
	return kernel_table_at(s->berths, berth);
}

int steer_show_berth(struct steer *s, uint32_t berth)
{
	return kernel_table_show(s->berths, berth);
}

void steer_hide_berth(struct steer *s, uint32_t berth)
{
	kernel_table_hide(s->berths, berth);
}

int steer_attach(const struct steer *s, int fd)
{
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &s->fds.program,
		       sizeof(s->fds.program)) < 0)
		return -errno;
	fault_point("steer_attach");
	return 0;
}

static struct steer_key key_of(const struct addr *a)
{
	struct steer_key key = {
		.device = a->device,
		.port = a->port,
		.family = (__u8)a->family,
		.protocol = (__u8)a->protocol,
	};

	if (a->family == AF_INET6)
		memcpy(key.address, &a->u.v6, sizeof(a->u.v6));
	else
		memcpy(key.address, &a->u.v4, sizeof(a->u.v4));
	return key;
}

int steer_set_key(const struct steer *s, const struct addr *a, uint32_t id)
{
	struct steer_key key = key_of(a);
	int r = bpf_map_update_elem(s->fds.keys, &key, &id, BPF_ANY);

	fault_point("steer_set_key");
	return r;
}

int steer_clear_key(const struct steer *s, const struct addr *a)
{
	struct steer_key key = key_of(a);
	int r = bpf_map_delete_elem(s->fds.keys, &key);

	fault_point("steer_clear_key");
	return r;
}

static int set_socket(const struct steer *s, uint32_t berth, int fd)
{
	uint64_t socket = (uint64_t)fd;
	int r = bpf_map_update_elem(s->fds.sockets, &berth, &socket, BPF_ANY);

	fault_point("steer_set_socket");
	return r;
}

/* All counters of the place from 0, and those of no listener but this one. */
static int begin_counters(struct steer *s, const struct steer_place *place)
{
	struct steer_berth *counters = steer_berth(s, place->berth);
	int r;

	if (counters->listener)
		(void)bpf_map_delete_elem(s->fds.listeners, &counters->listener);
	fault_point("steer_forget_listener");
	memset(counters, 0, sizeof(*counters));
	counters->slot = place->slot;
	counters->weight = place->weight;
	__atomic_store_n(&counters->listener, place->cookie, __ATOMIC_RELEASE);
	r = bpf_map_update_elem(s->fds.listeners, &place->cookie, &place->berth, BPF_ANY);
	fault_point("steer_note_listener");
	return r;
}

int steer_set_anchor(const struct steer *s, uint32_t berth, int fd)
{
	const struct steer_mark mark = { .listener = STEER_ANCHOR, .berth = berth };
	int r = bpf_map_update_elem(s->fds.marks, &fd, &mark, BPF_ANY);

	fault_point("steer_mark_anchor");
	return r < 0 ? r : set_socket(s, berth, fd);
}

int steer_begin_berth(struct steer *s, const struct steer_place *place, int fd)
{
	const struct steer_mark mark = { .listener = place->cookie, .berth = place->berth };
	int r = begin_counters(s, place);

	if (r == 0)
		r = bpf_map_update_elem(s->fds.marks, &fd, &mark, BPF_ANY);
	fault_point("steer_mark");
	return r < 0 ? r : set_socket(s, place->berth, fd);
}

int steer_clear_socket(const struct steer *s, uint32_t berth)
{
	int r = bpf_map_delete_elem(s->fds.sockets, &berth);

	fault_point("steer_clear_socket");
	return r;
}

int steer_news_fd(const struct steer *s)
{
	return ring_buffer__epoll_fd(s->news);
}

void steer_forget_news(struct steer *s)
{
	(void)ring_buffer__consume(s->news);
	fault_point("steer_forget_news");
}

int steer_n_holders(const struct steer *s, uint32_t berth)
{
	uint64_t arguments[] = { berth };
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = arguments, .ctx_size_in = sizeof(arguments));
	int r;

	if (s->fds.holders < 0)
		return -EOPNOTSUPP;
	r = bpf_prog_test_run_opts(s->fds.holders, &run);
	return r < 0 ? r : (int)run.retval;
}

uint64_t steer_socket_cookie(const struct steer *s, uint32_t berth)
{
	uint64_t cookie = 0;

	return bpf_map_lookup_elem(s->fds.sockets, &berth, &cookie) < 0 ? 0 : cookie;
}

/* --- datagrams --- */
