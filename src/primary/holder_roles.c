/*
 * Finds out who belongs to berth, by name and by descent. See holder_roles.h.
 */
#include "primary/holder_roles.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ancestry {
	struct procfs_process *processes; /* by rising pid */
	size_t n, size;
};

static int keep_process(const struct procfs_process *process, void *arg)
{
	struct ancestry *a = arg;

	if (a->n == a->size) {
		size_t size = a->size ? 2 * a->size : 256;
		struct procfs_process *more = reallocarray(a->processes, size, sizeof(*more));

		if (!more)
			return -ENOMEM;
		a->processes = more;
		a->size = size;
	}
	a->processes[a->n++] = *process;
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	const struct procfs_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static const struct procfs_process *find_process(const struct ancestry *a, pid_t pid)
{
	struct procfs_process key = { .pid = pid };

	return bsearch(&key, a->processes, a->n, sizeof(key), compare_pids);
}

static bool is_berth(const struct procfs_process *p)
{
	static const char *const names[] = { "berth", "berthd", "berth-keeper" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(p->comm, names[i]) == 0)
			return true;
	}
	return false;
}

/* Whether a process of the report that has this pid is berth. */
static bool is_berth_at_port(const struct holder_report *r, pid_t pid)
{
	for (size_t i = 0; i < r->n_processes; i++) {
		const struct procfs_process *p = &r->processes[i].details.process;

		if (p->pid == pid)
			return is_berth(p);
	}
	return false;
}

static bool descends_from_berth(const struct holder_report *r, const struct ancestry *a, pid_t pid)
{
	const struct procfs_process *p = find_process(a, pid);

	/* No chain is longer than all processes, even if a pid was given anew meanwhile. */
	for (size_t i = 0; p && i < a->n; i++) {
		if (is_berth_at_port(r, p->parent))
			return true;
		p = find_process(a, p->parent);
	}
	return false;
}

static void find_berth(struct holder_report *r, bool *ret_has_berth)
{
	for (size_t i = 0; i < r->n_opens; i++) {
		struct holder_open *open = &r->opens[i];
		unsigned group = r->search.sockets[open->socket].group;

		if (!is_berth(&r->processes[open->process].details.process))
			continue;
		open->role = HOLDER_ROLE_BERTH;
		ret_has_berth[group] = true;
	}
}

static void find_others(struct holder_report *r, const struct ancestry *a, const bool *has_berth)
{
	for (size_t i = 0; i < r->n_opens; i++) {
		struct holder_open *open = &r->opens[i];
		unsigned group = r->search.sockets[open->socket].group;
		pid_t pid = r->processes[open->process].details.process.pid;

		if (open->role == HOLDER_ROLE_BERTH)
			continue;
		if (descends_from_berth(r, a, pid))
			open->role = HOLDER_ROLE_WORKER;
		else if (group != 0 && has_berth[group])
			open->role = HOLDER_ROLE_STRANGER;
	}
}

int holder_roles_find(struct holder_report *r)
{
	struct ancestry a = { 0 };
	bool *has_berth = calloc(r->n_groups, sizeof(*has_berth));
	bool has_any = false;
	int err = 0;

	if (!has_berth)
		return -ENOMEM;
	find_berth(r, has_berth);
	for (size_t i = 0; i < r->n_opens; i++)
		has_any = has_any || r->opens[i].role == HOLDER_ROLE_BERTH;
	if (has_any)
		err = procfs_for_each_process(keep_process, &a);
	if (has_any && !err)
		find_others(r, &a, has_berth);
	free(a.processes);
	free(has_berth);
	return err;
}

const char *holder_role_text(enum holder_role role)
{
	switch (role) {
	case HOLDER_ROLE_NONE: return NULL;
	case HOLDER_ROLE_BERTH: return "berth";
	case HOLDER_ROLE_WORKER: return "worker";
	case HOLDER_ROLE_STRANGER: return "stranger";
	}
	return NULL;
}
