/*
 * Finds a tree in a census of all processes: /proc is read once from end to
 * end, and what is in the tree worked out from the result.
 */
#include "os/tree.h"

#include <fcntl.h>
#include <stdio.h>
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
};

struct census {
	struct member *members;
	size_t n;
	size_t n_room;
};

static int count_in(const struct procfs_process *process, void *arg)
{
	struct census *c = arg;

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
static bool has_sign(pid_t pid, const char *sign)
{
	own_free char *variable = NULL;
	size_t size = 0;
	bool is_found = false;
	FILE *file = open_proc(pid, "environ");

	if (!file)
		return false;
	while (!is_found && getdelim(&variable, &size, '\0', file) > 0)
		is_found = strcmp(variable, sign) == 0;
	(void)fclose(file);
	return is_found;
}

static bool has_mark(pid_t pid, uint64_t mark)
{
	static const char name[] = "Max realtime timeout";
	char line[256];
	bool is_found = false;
	FILE *file = open_proc(pid, "limits");

	if (!file)
		return false;
	while (!is_found && fgets(line, sizeof(line), file))
		is_found = strncmp(line, name, sizeof(name) - 1) == 0 &&
			   strtoull(line + sizeof(name) - 1, NULL, 10) == mark;
	(void)fclose(file);
	return is_found;
}

static bool is_marked(pid_t pid, const struct tree *t)
{
	return (t->mark && has_mark(pid, t->mark)) || has_sign(pid, t->sign);
}

static int by_pid(const void *one, const void *two)
{
	pid_t a = ((const struct member *)one)->pid;
	pid_t b = ((const struct member *)two)->pid;

	return (a > b) - (a < b);
}

/* /proc lists processes by rising pid. */
static struct member *find(const struct census *c, pid_t pid)
{
	const struct member wanted = { .pid = pid };

	return bsearch(&wanted, c->members, c->n, sizeof(wanted), by_pid);
}

/* Those that need no other to be known. */
static void find_first(struct census *c, const struct tree *t)
{
	const pid_t self = getpid();
	const pid_t adopter = getppid();
	/* The number of a session is not given to a process while anybody is in it. */
	const bool is_session_empty = t->is_reaped && find(c, t->leader);

	for (size_t i = 0; i < c->n; i++) {
		struct member *m = &c->members[i];

		if (m->pid == self || m->pid == adopter)
			continue;
		m->is_ours = (m->session == t->leader && !is_session_empty) ||
			     (m->parent == t->leader && !t->is_reaped) ||
			     ((m->parent == adopter || t->is_adrift) && is_marked(m->pid, t));
	}
}

/* Children of those that are known. Returns whether there were any. */
static bool find_children(struct census *c)
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

static void find_members(struct census *c, const struct tree *t)
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

int tree_signal(const struct tree *t, int signal)
{
	struct census c = { 0 };
	int n = 0;
	int r = procfs_for_each_process(count_in, &c);

	if (r == 0)
		find_members(&c, t);
	for (size_t i = 0; r == 0 && i < c.n; i++) {
		const struct member *m = &c.members[i];
		bool is_leader = m->pid == t->leader && !t->is_reaped;

		if (m->is_ours && !is_leader && signal_member(m, signal))
			n++;
	}
	free(c.members);
	return r < 0 ? r : n;
}

int tree_pids(const struct tree *t, pid_t *ret_pids, size_t n_max)
{
	struct census c = { 0 };
	size_t n = 0;
	int r = procfs_for_each_process(count_in, &c);

	if (r == 0)
		find_members(&c, t);
	if (r == 0 && !t->is_reaped && n++ < n_max)
		ret_pids[0] = t->leader;
	for (size_t i = 0; r == 0 && i < c.n; i++) {
		const struct member *m = &c.members[i];

		if (!m->is_ours || m->pid == t->leader)
			continue;
		if (n < n_max)
			ret_pids[n] = m->pid;
		n++;
	}
	free(c.members);
	return r < 0 ? r : (int)n;
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

/* As find_first() does. */
static bool is_first(const struct tree *t, const struct tree_line *line, size_t i)
{
	const pid_t pid = line->at[i].pid;

	if (pid == t->leader && !t->is_reaped)
		return true;
	if (line->at[i].session == t->leader &&
	    !(t->is_reaped && procfs_parent(t->leader) != -ESRCH))
		return true;
	return (line->at[i].parent == getppid() || t->is_adrift) && is_marked(pid, t);
}

bool tree_has(const struct tree *t, const struct tree_line *line)
{
	for (size_t i = 0; i < line->n; i++)
		if (is_first(t, line, i))
			return true;
	return false;
}
