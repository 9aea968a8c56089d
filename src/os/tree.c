#include "os/tree.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/own.h"
#include "os/procfs.h"

#define ENVIRONMENT_MAX 131072 /* what we read of a process's environment */

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

/* Whether the environment that @pid was started with has the variable @mark. */
static bool has_mark(pid_t pid, const char *mark)
{
	own_free char *text = NULL;
	own_fd fd = NO_FD;
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	text = malloc(ENVIRONMENT_MAX + 1);
	if (fd < 0 || !text)
		return false;
	n = read(fd, text, ENVIRONMENT_MAX);
	if (n <= 0)
		return false;
	text[n] = '\0';
	for (char *at = text; at < text + n; at += strlen(at) + 1)
		if (strcmp(at, mark) == 0)
			return true;
	return false;
}

static int by_pid(const void *one, const void *two)
{
	pid_t a = ((const struct member *)one)->pid;
	pid_t b = ((const struct member *)two)->pid;

	return (a > b) - (a < b);
}

/* /proc lists processes by rising pid. */
static bool is_member(const struct census *c, pid_t pid)
{
	const struct member wanted = { .pid = pid };
	const struct member *found = bsearch(&wanted, c->members, c->n, sizeof(wanted), by_pid);

	return found && found->is_ours;
}

/* Children may stand before their parents: look again until nothing is found. */
static void find_members(struct census *c, pid_t leader, const char *mark)
{
	const pid_t self = getpid();
	bool has_found;

	for (size_t i = 0; i < c->n; i++) {
		struct member *m = &c->members[i];

		m->is_ours = m->pid != self && (m->session == leader || m->parent == leader ||
						(m->parent == self && has_mark(m->pid, mark)));
	}
	do {
		has_found = false;
		for (size_t i = 0; i < c->n; i++) {
			struct member *m = &c->members[i];

			if (m->is_ours || m->pid == self || !is_member(c, m->parent))
				continue;
			m->is_ours = true;
			has_found = true;
		}
	} while (has_found);
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
	return syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) == 0;
}

int tree_signal(pid_t leader, const char *mark, int signal)
{
	struct census c = { 0 };
	int n = 0;
	int r = procfs_for_each_process(count_in, &c);

	if (r == 0)
		find_members(&c, leader, mark);
	for (size_t i = 0; r == 0 && i < c.n; i++)
		if (c.members[i].is_ours && c.members[i].pid != leader &&
		    signal_member(&c.members[i], signal))
			n++;
	free(c.members);
	return r < 0 ? r : n;
}
