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

/* Whether berth, as process @pid, has one of the sockets that share @group's address. */
static bool is_at_group(const struct holder_report *r, unsigned group, pid_t pid)
{
	for (size_t i = 0; i < r->n_opens; i++) {
		const struct holder_open *open = &r->opens[i];

		if (r->search.sockets[open->socket].group == group &&
		    r->processes[open->process].details.process.pid == pid)
			return true;
	}
	return false;
}

/* The nearest berth from which a process descends; 0: none. */
static pid_t find_ancestor(const struct ancestry *a, pid_t pid)
{
	const struct procfs_process *p = find_process(a, pid);

	/* No chain is longer than all processes, even if a pid was given anew meanwhile. */
	for (size_t i = 0; p && i < a->n; i++) {
		p = find_process(a, p->parent);
		if (p && is_berth(p))
			return p->pid;
	}
	return 0;
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

/* Of a port that a berth shares, only its own workers are no strangers. */
static void find_others(struct holder_report *r, const struct ancestry *a, const bool *has_berth)
{
	for (size_t i = 0; i < r->n_opens; i++) {
		struct holder_open *open = &r->opens[i];
		struct holder_process *p = &r->processes[open->process];
		unsigned group = r->search.sockets[open->socket].group;
		bool is_shared = group != 0 && has_berth[group];

		if (open->role == HOLDER_ROLE_BERTH)
			continue;
		p->berth = find_ancestor(a, p->details.process.pid);
		if (p->berth && (!is_shared || is_at_group(r, group, p->berth)))
			open->role = HOLDER_ROLE_WORKER;
		else if (is_shared)
			open->role = HOLDER_ROLE_STRANGER;
	}
}

int holder_roles_find(struct holder_report *r)
{
	struct ancestry a = { 0 };
	bool *has_berth = calloc(r->n_groups, sizeof(*has_berth));
	int err = 0;

	if (!has_berth)
		return -ENOMEM;
	find_berth(r, has_berth);
	if (r->n_opens > 0)
		err = procfs_for_each_process(keep_process, &a);
	if (!err)
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
