/*
 * Finds a tree in a census of all processes: /proc is read once from end to
 * end, and what is in the tree worked out from the result.
 */
#include "os/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/own.h"
#include "os/fault.h"
#include "os/procfs.h"

struct member {
	pid_t pid;
	pid_t parent;
	pid_t session;
	uint64_t start_ticks;
	bool is_ours;
	bool is_read; /* the two that follow: only for those who may have lost their parent */
	uint64_t mark;
	char *sign; /* the first of its environment that is called as ours are; NULL: it has none */
};

struct tree_census {
	struct member *members;
	size_t n;
	size_t n_room;
};

static int count_in(const struct procfs_process *process, void *arg)
{
	struct tree_census *c = arg;

	if (c->n == c->n_room) {
		size_t n_room = c->n_room ? c->n_room * 2 : 256;
		struct member *more = reallocarray(c->members, n_room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		c->members = more;
		c->n_room = n_room;
	}
	c->members[c->n++] = (struct member){
		.pid = process->pid,
		.parent = process->parent,
		.session = process->session,
		.start_ticks = process->start_ticks,
	};
	return 0;
}

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

/* A process may overwrite its environment, as those do that change their title. */
static char *read_sign(pid_t pid, const char *name, size_t name_size)
{
	own_free char *variable = NULL;
	size_t size = 0;
	bool is_found = false;
	FILE *file = open_proc(pid, "environ");

	if (!file)
		return NULL;
	while (!is_found && getdelim(&variable, &size, '\0', file) > 0)
		is_found = strncmp(variable, name, name_size) == 0;
	(void)fclose(file);
	return is_found ? take_ptr(variable) : NULL;
}

static uint64_t read_mark(pid_t pid)
{
	static const char name[] = "Max realtime timeout";
	char line[256];
	uint64_t mark = 0;
	FILE *file = open_proc(pid, "limits");

	if (!file)
		return 0;
	while (!mark && fgets(line, sizeof(line), file))
		if (strncmp(line, name, sizeof(name) - 1) == 0)
			mark = strtoull(line + sizeof(name) - 1, NULL, 10);
	(void)fclose(file);
	return mark;
}

/* Read once, for all trees that ask: every one of them has to ask of every adopted process. */
static bool is_marked(struct member *m, const struct tree *t)
{
	const size_t name_size = strcspn(t->sign, "=") + 1;

	if (!m->is_read) {
		m->mark = read_mark(m->pid);
		m->sign = read_sign(m->pid, t->sign, name_size);
		m->is_read = true;
	}
	return (t->mark && m->mark == t->mark) || (m->sign && strcmp(m->sign, t->sign) == 0);
}

static int by_pid(const void *one, const void *two)
{
	pid_t a = ((const struct member *)one)->pid;
	pid_t b = ((const struct member *)two)->pid;

	return (a > b) - (a < b);
}

/* /proc lists processes by rising pid. */
static struct member *find(const struct tree_census *c, pid_t pid)
{
	const struct member wanted = { .pid = pid };

	return bsearch(&wanted, c->members, c->n, sizeof(wanted), by_pid);
}

/* Those that need no other to be known. */
static void find_first(struct tree_census *c, const struct tree *t)
{
	const pid_t self = getpid();
	const pid_t adopter = getppid();
	/* The number of a session is not given to a process while anybody is in it. */
	const bool is_session_empty = t->is_reaped && find(c, t->leader);

	for (size_t i = 0; i < c->n; i++) {
		struct member *m = &c->members[i];

		m->is_ours = false;
		if (m->pid == self || m->pid == adopter)
			continue;
		m->is_ours = (m->session == t->leader && !is_session_empty) ||
			     (m->parent == t->leader && !t->is_reaped) ||
			     ((m->parent == adopter || t->is_adrift) && is_marked(m, t));
	}
}

/* Children of those that are known. Returns whether there were any. */
static bool find_children(struct tree_census *c)
{
	const pid_t self = getpid();
	const pid_t adopter = getppid();
	bool has_found = false;

	for (size_t i = 0; i < c->n; i++) {
		struct member *m = &c->members[i];
		const struct member *parent = find(c, m->parent);

		if (m->is_ours || m->pid == self || m->pid == adopter || !parent ||
		    !parent->is_ours)
			continue;
		m->is_ours = true;
		has_found = true;
	}
	return has_found;
}

static void find_members(struct tree_census *c, const struct tree *t)
{
	find_first(c, t);
	/* Children may stand before their parents: look again until nothing is found. */
	while (find_children(c))
		;
}

/* A pid may be another process's by now: its directory in /proc is not. */
static bool signal_member(const struct member *m, int signal)
{
	struct procfs_details details;
	own_fd fd = NO_FD;
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)m->pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || procfs_read_details(fd, &details) < 0 ||
	    details.process.start_ticks != m->start_ticks || details.process.state == 'Z')
		return false;
	if (syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) < 0)
		return false;
	fault_point("tree_signal");
	return true;
}

int tree_census_new(struct tree_census **ret_census)
{
	struct tree_census *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = procfs_for_each_process(count_in, c);
	if (r < 0) {
		(void)tree_census_free(c);
		return r;
	}
	*ret_census = c;
	return 0;
}

struct tree_census *tree_census_free(struct tree_census *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->n; i++)
		free(c->members[i].sign);
	free(c->members);
	free(c);
	return NULL;
}

int tree_signal_in(struct tree_census *c, const struct tree *t, int signal)
{
	int n = 0;

	find_members(c, t);
	for (size_t i = 0; i < c->n; i++) {
		const struct member *m = &c->members[i];
		bool is_leader = m->pid == t->leader && !t->is_reaped;

		if (m->is_ours && !is_leader && signal_member(m, signal))
			n++;
	}
	return n;
}

int tree_signal(const struct tree *t, int signal)
{
	struct tree_census *c;
	int r = tree_census_new(&c);

	if (r < 0)
		return r;
	r = tree_signal_in(c, t, signal);
	(void)tree_census_free(c);
	return r;
}

int tree_each(struct tree_census *c, const struct tree *t, tree_visit *visit, void *arg)
{
	int r = t->is_reaped ? 0 : visit(t->leader, arg);

	find_members(c, t);
	for (size_t i = 0; r == 0 && i < c->n; i++)
		if (c->members[i].is_ours && c->members[i].pid != t->leader)
			r = visit(c->members[i].pid, arg);
	return r;
}

struct list {
	pid_t *pids;
	size_t n;
	size_t n_max;
};

static int write_down(pid_t pid, void *arg)
{
	struct list *l = arg;

	if (l->n < l->n_max)
		l->pids[l->n] = pid;
	l->n++;
	return 0;
}

int tree_pids(const struct tree *t, pid_t *ret_pids, size_t n_max)
{
	struct list l = { .pids = ret_pids, .n_max = n_max };
	struct tree_census *c;
	int r = tree_census_new(&c);

	if (r < 0)
		return r;
	(void)tree_each(c, t, write_down, &l);
	(void)tree_census_free(c);
	return (int)l.n;
}

void tree_climb(pid_t pid, struct tree_line *ret_line)
{
	const pid_t self = getpid();
	const pid_t adopter = getppid();
	struct procfs_process process;

	ret_line->n = 0;
	while (ret_line->n < TREE_LINE_MAX && pid > 1 && pid != self && pid != adopter &&
	       procfs_read_process(pid, &process) == 0) {
		ret_line->at[ret_line->n].pid = pid;
		ret_line->at[ret_line->n].parent = process.parent;
		ret_line->at[ret_line->n++].session = process.session;
		pid = process.parent;
	}
}

static bool is_marked_now(pid_t pid, const struct tree *t)
{
	struct member m = { .pid = pid };
	const bool is_marked_so = is_marked(&m, t);

	free(m.sign);
	return is_marked_so;
}

/* As find_first() does. */
static bool is_first(const struct tree *t, const struct tree_line *line, size_t i)
{
	const pid_t pid = line->at[i].pid;

	if (pid == t->leader && !t->is_reaped)
		return true;
	if (line->at[i].session == t->leader &&
	    !(t->is_reaped && procfs_parent(t->leader) != -ESRCH))
		return true;
	return (line->at[i].parent == getppid() || t->is_adrift) && is_marked_now(pid, t);
}

bool tree_has(const struct tree *t, const struct tree_line *line)
{
	for (size_t i = 0; i < line->n; i++)
		if (is_first(t, line, i))
			return true;
	return false;
}

/* Stopped, traced, or ended. */
static bool is_still(int tasks_fd, const char *tid)
{
	struct procfs_process thread;
	char name[64], text[512];
	ssize_t size;

	(void)snprintf(name, sizeof(name), "%.32s/stat", tid);
	size = procfs_read_text(tasks_fd, name, text, sizeof(text));
	if (size < 0)
		return size == -ENOENT || size == -ESRCH;
	return procfs_parse_stat(text, (size_t)size, &thread) == 0 && strchr("TtZXx", thread.state);
}

bool tree_stands_still(pid_t pid)
{
	const struct dirent *entry;
	char path[40];
	bool stands = true;
	DIR *tasks;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (!tasks)
		return errno == ENOENT || errno == ESRCH;
	while (stands && (entry = readdir(tasks)))
		stands = entry->d_name[0] == '.' || is_still(dirfd(tasks), entry->d_name);
	(void)closedir(tasks);
	return stands;
}
