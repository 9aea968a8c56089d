/*
 * The tables of flows. See flows.h.
 */
#include "os/flows.h"

#include <bpf/bpf.h>
#include <stdlib.h>

#include "base/own.h"
#include "os/fault.h"
#include "os/kernel_table.h"

struct flows {
	struct flow_fds fds;
	struct kernel_table *berths;
	struct kernel_table *settings;
	uint32_t limit;
	/* of one look */
	struct flow_key keys[FLOWS_READ_MAX];
	struct flow values[FLOWS_READ_MAX];
};

static bool is_map(int fd, size_t key_size, size_t value_size, uint32_t *ret_limit)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0 || info.key_size != key_size ||
	    info.value_size != value_size)
		return false;
	*ret_limit = info.max_entries;
	return true;
}

static int use(struct flows *f)
{
	uint32_t n;
	int r;

	if (f->fds.program < 0)
		return -EBADF;
	if (!is_map(f->fds.berths, sizeof(uint32_t), sizeof(struct flow_berth), &n) ||
	    n != STEER_BERTHS_MAX ||
	    !is_map(f->fds.settings, sizeof(uint32_t), sizeof(struct flow_settings), &n) ||
	    !is_map(f->fds.ids, sizeof(struct flow_id_key), sizeof(uint64_t), &n) ||
	    !is_map(f->fds.table, sizeof(struct flow_key), sizeof(struct flow), &f->limit))
		return -EINVAL;
	r = kernel_table_new(f->fds.berths, sizeof(struct flow_berth), STEER_BERTHS_MAX,
			     &f->berths);
	if (r == 0)
		r = kernel_table_new(f->fds.settings, sizeof(struct flow_settings), 1,
				     &f->settings);
	if (r == 0)
		r = kernel_table_show(f->settings, 0);
	return r;
}

int flows_new(struct flow_fds *fds, struct flows **ret_flows)
{
	struct flows *f = calloc(1, sizeof(*f));
	int r;

	if (!f) {
		own_fd program = fds->program, table = fds->table, berths = fds->berths;
		own_fd settings = fds->settings, ids = fds->ids;

		(void)program, (void)table, (void)berths, (void)settings, (void)ids;
		return -ENOMEM;
	}
	f->fds = *fds;
	*fds = (struct flow_fds){ NO_FD, NO_FD, NO_FD, NO_FD, NO_FD };
	r = use(f);
	if (r < 0) {
		(void)flows_free(f);
		return r;
	}
	*ret_flows = f;
	return 0;
}

struct flows *flows_free(struct flows *f)
{
	if (!f)
		return NULL;
	f->berths = kernel_table_free(f->berths);
	f->settings = kernel_table_free(f->settings);
	drop_fd(&f->fds.program);
	drop_fd(&f->fds.table);
	drop_fd(&f->fds.berths);
	drop_fd(&f->fds.settings);
	drop_fd(&f->fds.ids);
	free(f);
	return NULL;
}

const struct flow_fds *flows_fds(const struct flows *f)
{
	return &f->fds;
}

uint32_t flows_limit(const struct flows *f)
{
	return f->limit;
}

int flows_attach(const struct flows *f, int fd)
{
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &f->fds.program,
		       sizeof(f->fds.program)) < 0)
		return -errno;
	fault_point("flows_attach");
	return 0;
}

struct flow_settings *flows_settings(struct flows *f)
{
	return kernel_table_at(f->settings, 0);
}

int flows_show_berth(struct flows *f, uint32_t berth)
{
	return kernel_table_show(f->berths, berth);
}

void flows_hide_berth(struct flows *f, uint32_t berth)
{
	kernel_table_hide(f->berths, berth);
}

struct flow_berth *flows_berth(struct flows *f, uint32_t berth)
{
	return kernel_table_at(f->berths, berth);
}

int flows_set_id(const struct flows *f, uint64_t name, uint32_t port, uint64_t berth)
{
	const struct flow_id_key key = { .name = name, .port = port };
	int r = bpf_map_update_elem(f->fds.ids, &key, &berth, BPF_ANY);

	fault_point("flows_set_id");
	return r;
}

void flows_clear_id(const struct flows *f, uint64_t name, uint32_t port)
{
	const struct flow_id_key key = { .name = name, .port = port };

	(void)bpf_map_delete_elem(f->fds.ids, &key);
	fault_point("flows_clear_id");
}

int flows_read(struct flows *f, uint64_t *cursor, flows_found *found, void *data)
{
	uint32_t from = (uint32_t)*cursor, next = 0;
	uint32_t n = FLOWS_READ_MAX;
	int r = bpf_map_lookup_batch(f->fds.table, *cursor ? &from : NULL, &next, f->keys,
				     f->values, &n, NULL);

	/* -ENOENT: that was the last of it. */
	if (r < 0 && r != -ENOENT)
		return r;
	*cursor = r == -ENOENT ? 0 : next;
	for (uint32_t i = 0; i < n; i++)
		found(&f->keys[i], &f->values[i], data);
	return (int)n;
}
