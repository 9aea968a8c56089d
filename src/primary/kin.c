/*
 * Finds out which berth a process belongs to. See kin.h.
 */
#include "primary/kin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/app_name.h"
#include "os/kinship.h"

static const char keeper_name[] = "berth-keeper";
static const char primary_name[] = "berthd";

struct kin_watch {
	pid_t watched;
	pid_t by; /* one of berth's own processes */
};

bool kin_is_berth(const char *comm)
{
	return strcmp(comm, "berth") == 0 || strcmp(comm, primary_name) == 0 ||
	       strcmp(comm, keeper_name) == 0;
}

bool kin_is_keeper(const char *comm)
{
	return strcmp(comm, keeper_name) == 0;
}

/* --- all processes ------------------------------------------------------------------- */

static int keep_process(const struct procfs_process *process, void *arg)
{
	struct kin *k = arg;

	if (process->state == 'Z')
		return 0; /* a keeper that was killed, and that nobody has reaped yet */
	if (k->n == k->size) {
		size_t size = k->size ? 2 * k->size : 256;
		struct procfs_process *more = reallocarray(k->processes, size, sizeof(*more));

		if (!more)
			return -ENOMEM;
		k->processes = more;
		k->size = size;
	}
	k->processes[k->n++] = *process;
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	const struct procfs_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static const struct procfs_process *find_process(const struct kin *k, pid_t pid)
{
	struct procfs_process key = { .pid = pid };

	return bsearch(&key, k->processes, k->n, sizeof(key), compare_pids);
}

/* --- who watches whom ---------------------------------------------------------------- */

struct watcher {
	struct kin *kin;
	pid_t pid;
	bool has_failed;
};

static void keep_watch(pid_t watched, void *arg)
{
	struct watcher *w = arg;
	struct kin *k = w->kin;

	if (k->n_watches == k->watches_size) {
		size_t size = k->watches_size ? 2 * k->watches_size : 64;
		struct kin_watch *more = reallocarray(k->watches, size, sizeof(*more));

		if (!more) {
			w->has_failed = true;
			return;
		}
		k->watches = more;
		k->watches_size = size;
	}
	k->watches[k->n_watches++] = (struct kin_watch){ .watched = watched, .by = w->pid };
}

/*
 * Whether a berth may have workers that are nobody's children, so that only its pidfds
 * tell of them. All workers of a keeper that is no dead one's successor are its children.
 */
static bool has_lost_a_keeper(const struct kin *k, const struct procfs_process *p)
{
	const struct procfs_process *parent = find_process(k, p->parent);

	if (kin_is_keeper(p->comm))
		return kinship_was_adopted(p->pid);
	return strcmp(p->comm, primary_name) == 0 && !(parent && kin_is_keeper(parent->comm));
}

static int keep_watches_of(struct kin *k, const struct procfs_process *p)
{
	struct watcher w = { .kin = k, .pid = p->pid };
	int err = kinship_for_each_watched(p->pid, keep_watch, &w);

	if ((err == -EACCES || err == -EPERM) && has_lost_a_keeper(k, p))
		k->is_blind = true;
	return w.has_failed ? -ENOMEM : 0;
}

int kin_init(struct kin *ret_kin)
{
	struct kin k = { 0 };
	int err = procfs_for_each_process(keep_process, &k);

	for (size_t i = 0; !err && i < k.n; i++) {
		if (kin_is_berth(k.processes[i].comm))
			err = keep_watches_of(&k, &k.processes[i]);
	}
	if (err)
		kin_done(&k);
	else
		*ret_kin = k;
	return err;
}

void kin_done(struct kin *k)
{
	free(k->processes);
	free(k->watches);
	*k = (struct kin){ 0 };
}

/* --- one process --------------------------------------------------------------------- */

/* Of those that watch @pid, the keeper; else any; else NULL. */
static const struct procfs_process *find_watcher(const struct kin *k, pid_t pid)
{
	const struct procfs_process *found = NULL;

	for (size_t i = 0; i < k->n_watches; i++) {
		const struct procfs_process *p;

		if (k->watches[i].watched != pid)
			continue;
		p = find_process(k, k->watches[i].by);
		if (p && (!found || kin_is_keeper(p->comm)))
			found = p;
	}
	return found;
}

/* Who is to end, so that a berth does: a primary alone would be started again. */
static const struct procfs_process *find_head(const struct kin *k, const struct procfs_process *p)
{
	const struct procfs_process *parent = find_process(k, p->parent);
	const struct procfs_process *watcher;

	if (strcmp(p->comm, primary_name) != 0)
		return p;
	if (parent && kin_is_berth(parent->comm))
		return parent;
	watcher = find_watcher(k, p->pid);
	return watcher ? watcher : p;
}

/* The berth that is @pid, is above it, or watches it or one of those above. */
static const struct procfs_process *find_above(const struct kin *k, pid_t pid)
{
	const struct procfs_process *p = find_process(k, pid);

	/* No chain is longer than all processes, even if a pid was given anew meanwhile. */
	for (size_t i = 0; p && i < k->n; i++) {
		const struct procfs_process *watcher;

		if (kin_is_berth(p->comm))
			return p;
		watcher = find_watcher(k, p->pid);
		if (watcher)
			return watcher;
		p = find_process(k, p->parent);
	}
	return NULL;
}

/* A worker's child that has lost its parent has an origin in common with the worker. */
static const struct procfs_process *find_by_origin(const struct kin *k, pid_t origin)
{
	for (size_t i = 0; i < k->n_watches; i++) {
		const struct kin_watch *w = &k->watches[i];
		const struct procfs_process *p = find_process(k, w->watched);

		if (p && !kin_is_berth(p->comm) && kinship_origin(w->watched) == origin)
			return find_process(k, w->by);
	}
	return NULL;
}

static bool read_app(pid_t pid, struct kin_berth *b)
{
	char app[sizeof(b->app) + 1]; /* one more: what was cut is no name */

	if (!kinship_app(pid, app, sizeof(app)) || !app_name_is_valid(app))
		return false;
	memcpy(b->app, app, strlen(app) + 1);
	return true;
}

/* What a berth runs, its workers know: berth's own environment has another's, if any. */
static void find_app(const struct kin *k, struct kin_berth *b)
{
	for (size_t i = 0; i < k->n_watches; i++) {
		const struct kin_watch *w = &k->watches[i];
		const struct procfs_process *p = find_process(k, w->watched);

		if (w->by == b->keeper && p && !kin_is_berth(p->comm) && read_app(p->pid, b))
			return;
	}
}

void kin_find(const struct kin *k, pid_t pid, struct kin_berth *ret_berth)
{
	struct kin_berth b = { 0 };
	const struct procfs_process *berth = find_above(k, pid);
	pid_t origin = berth ? 0 : kinship_origin(pid);

	if (origin != 0)
		berth = find_by_origin(k, origin);
	if (berth) {
		berth = find_head(k, berth);
		b.keeper = berth->pid;
		memcpy(b.keeper_name, berth->comm, sizeof(b.keeper_name));
		find_app(k, &b);
	} else if (origin != 0 && !k->is_blind) {
		b.is_left_over = true;
		(void)read_app(pid, &b);
	}
	*ret_berth = b;
}
