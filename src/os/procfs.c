/*
 * Reads /proc. Every process is one directory, opened once: whatever is read
 * through it is about one and the same process.
 */
#include "os/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/number.h"
#include "base/own.h"
#include "os/proc_text.h"

#define STAT_MAX     1024 /* more than /proc/PID/stat ever has */
#define STATUS_MAX   4096 /* the Uid line stands in its first few hundred bytes */
#define PASSWORD_MAX 4096 /* what a user's entry may need */
#define LINK_MAX     32   /* "socket:[4294967295]" and its NUL */
#define PORT_START   1024 /* where nobody has set another */

#define MS_PER_S  1000
#define NS_PER_MS 1000000

static void close_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

#define own_dir __attribute__((cleanup(close_dir))) DIR

ssize_t procfs_read_text(int dir_fd, const char *name, char *ret_text, size_t size)
{
	own_fd fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	size_t used = 0;

	if (fd < 0)
		return -errno;
	while (used < size - 1) {
		ssize_t got = read(fd, ret_text + used, size - 1 - used);

		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	ret_text[used] = '\0';
	return (ssize_t)used;
}

static bool is_gone(ssize_t err)
{
	return err == -ENOENT || err == -ESRCH;
}

/* A directory entry that is all digits is a process, or one of its descriptors. */
static bool parse_entry(const char *name, pid_t *ret_number)
{
	uint64_t number;

	if (!number_parse(name, strlen(name), INT32_MAX, &number))
		return false;
	*ret_number = (pid_t)number;
	return true;
}

/* Takes the next of the blank-separated fields; NULL at the end. */
static char *next_field(char **at)
{
	char *field = *at + strspn(*at, " \n");
	size_t length = strcspn(field, " \n");

	if (length == 0)
		return NULL;
	*at = field + length + (field[length] != '\0');
	field[length] = '\0';
	return field;
}

static bool read_number(char **at, uint64_t max, uint64_t *ret_number)
{
	const char *field = next_field(at);

	return field && number_parse(field, strlen(field), max, ret_number);
}

static bool read_id(char **at, pid_t *ret_id)
{
	uint64_t id;

	if (!read_number(at, INT32_MAX, &id))
		return false;
	*ret_id = (pid_t)id;
	return true;
}

/* What stands behind the name: state, parent, group, session, 15 others, start time, others. */
static bool parse_behind_name(char *at, struct procfs_process *p)
{
	const char *state = next_field(&at);
	pid_t group;

	if (!state)
		return false;
	p->state = state[0];
	if (!read_id(&at, &p->parent) || !read_id(&at, &group) || !read_id(&at, &p->session))
		return false;
	for (int i = 0; i < 15; i++)
		(void)next_field(&at);
	return read_number(&at, UINT64_MAX, &p->start_ticks);
}

int procfs_parse_stat(const char *text, size_t size, struct procfs_process *ret_process)
{
	struct procfs_process p = { 0 };
	char copy[STAT_MAX];
	char *open, *close, *at = copy;

	if (size >= sizeof(copy) || memchr(text, '\0', size))
		return -EPROTO;
	memcpy(copy, text, size);
	copy[size] = '\0';

	/* The name may hold anything, blanks and brackets too: the last bracket ends it. */
	open = strchr(copy, '(');
	close = strrchr(copy, ')');
	if (!open || !close || close < open || close - open > PROCFS_COMM_MAX)
		return -EPROTO;
	/* Reaped while we look: it has no parent, group or session any more, which are 0 and -1. */
	if (strncmp(close + 1, " X ", 3) == 0)
		return -ESRCH;
	*open = '\0';
	*close = '\0';
	(void)stpcpy(p.comm, open + 1);
	if (!read_id(&at, &p.pid) || !parse_behind_name(close + 1, &p))
		return -EPROTO;
	*ret_process = p;
	return 0;
}

static int read_process(int proc_fd, struct procfs_process *ret_process)
{
	char text[STAT_MAX];
	ssize_t size = procfs_read_text(proc_fd, "stat", text, sizeof(text));

	if (size < 0)
		return is_gone(size) ? -ESRCH : (int)size;
	return procfs_parse_stat(text, (size_t)size, ret_process);
}

typedef int visit_directory_fn(pid_t pid, int proc_fd, void *arg);

static int for_each_directory(visit_directory_fn *visit, void *arg)
{
	own_dir *proc = opendir("/proc");
	const struct dirent *entry;
	int err = 0;

	if (!proc)
		return -errno;
	while (!err && (entry = readdir(proc))) {
		own_fd proc_fd = NO_FD;
		pid_t pid;

		if (!parse_entry(entry->d_name, &pid))
			continue;
		proc_fd = openat(dirfd(proc), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (proc_fd >= 0)
			err = visit(pid, proc_fd, arg);
		else if (!is_gone(-errno))
			err = -errno;
	}
	return err;
}

struct process_walk {
	procfs_visit_process *visit;
	void *arg;
};

static int visit_process(pid_t pid, int proc_fd, void *arg)
{
	const struct process_walk *walk = arg;
	struct procfs_process p;
	int err = read_process(proc_fd, &p);

	(void)pid;
	if (err == -ESRCH || err == -EACCES || err == -EPERM) /* ended, or hidden from us */
		return 0;
	return err ? err : walk->visit(&p, walk->arg);
}

int procfs_for_each_process(procfs_visit_process *visit, void *arg)
{
	struct process_walk walk = { .visit = visit, .arg = arg };

	return for_each_directory(visit_process, &walk);
}

struct socket_walk {
	const uint32_t *inodes;
	size_t n_inodes;
	bool *is_seen; /* in the process at hand, for each inode */
	procfs_visit_hit *visit;
	void *arg;
	size_t n_hidden;
};

static int compare_inodes(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Reads "socket:[123]"; 0 for everything else that a descriptor may be. */
static uint32_t socket_inode(int fds_fd, const char *name)
{
	static const char prefix[] = "socket:[";
	const size_t prefix_size = sizeof(prefix) - 1;
	char link[LINK_MAX];
	ssize_t size = readlinkat(fds_fd, name, link, sizeof(link));
	uint64_t inode;

	if (size <= (ssize_t)prefix_size || memcmp(link, prefix, prefix_size) != 0)
		return 0;
	if (link[size - 1] != ']' ||
	    !number_parse(link + prefix_size, (size_t)size - sizeof(prefix), UINT32_MAX, &inode))
		return 0;
	return (uint32_t)inode;
}

static int visit_descriptor(struct procfs_hit *hit, uint32_t inode, struct socket_walk *walk)
{
	const uint32_t *found =
		bsearch(&inode, walk->inodes, walk->n_inodes, sizeof(inode), compare_inodes);

	if (!found)
		return 0;
	hit->index = (size_t)(found - walk->inodes);
	if (walk->is_seen[hit->index])
		return 0;
	walk->is_seen[hit->index] = true;
	return walk->visit(hit, walk->arg);
}

static int visit_descriptors(pid_t pid, int proc_fd, void *arg)
{
	struct socket_walk *walk = arg;
	struct procfs_hit hit = { .pid = pid, .proc_fd = proc_fd };
	own_fd fds_fd = openat(proc_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_dir *fds = NULL;
	const struct dirent *entry;
	int err = 0;

	if (fds_fd >= 0)
		fds = fdopendir(fds_fd);
	if (!fds && (errno == EACCES || errno == EPERM)) {
		walk->n_hidden++;
		return 0;
	}
	if (!fds)
		return is_gone(-errno) ? 0 : -errno;
	(void)take_fd(&fds_fd); /* closedir() closes it */

	memset(walk->is_seen, 0, walk->n_inodes * sizeof(*walk->is_seen));
	while (!err && (entry = readdir(fds))) {
		uint32_t inode =
			entry->d_name[0] == '.' ? 0 : socket_inode(dirfd(fds), entry->d_name);

		if (inode != 0)
			err = visit_descriptor(&hit, inode, walk);
	}
	return err;
}

int procfs_find_sockets(const uint32_t *inodes, size_t n_inodes, procfs_visit_hit *visit, void *arg,
			size_t *ret_n_hidden)
{
	struct socket_walk walk = {
		.inodes = inodes,
		.n_inodes = n_inodes,
		.visit = visit,
		.arg = arg,
	};
	int err = 0;

	if (n_inodes > 0) {
		walk.is_seen = calloc(n_inodes, sizeof(*walk.is_seen));
		if (!walk.is_seen)
			return -ENOMEM;
		err = for_each_directory(visit_descriptors, &walk);
		free(walk.is_seen);
	}
	*ret_n_hidden = walk.n_hidden;
	return err;
}

/* Ticks are counted from the boot that this time namespace sees, as the clock is. */
static int64_t start_time_ms(uint64_t start_ticks)
{
	uint64_t ticks_per_s = (uint64_t)sysconf(_SC_CLK_TCK);
	struct timespec now, up;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)clock_gettime(CLOCK_BOOTTIME, &up);
	return (now.tv_sec - up.tv_sec) * MS_PER_S + (now.tv_nsec - up.tv_nsec) / NS_PER_MS +
	       (int64_t)(start_ticks / ticks_per_s * MS_PER_S +
			 start_ticks % ticks_per_s * MS_PER_S / ticks_per_s);
}

int procfs_read_details(int proc_fd, struct procfs_details *ret_details)
{
	struct procfs_details d = { 0 };
	struct proc_status status;
	char text[STATUS_MAX];
	ssize_t size;
	int err = read_process(proc_fd, &d.process);

	if (err)
		return err;
	d.started_at_ms = start_time_ms(d.process.start_ticks);
	size = procfs_read_text(proc_fd, "status", text, sizeof(text));
	if (size < 0)
		return is_gone(size) ? -ESRCH : (int)size;
	err = proc_text_parse_status(text, &status);
	if (err)
		return err;
	d.uid = status.uid;

	*ret_details = d;
	return 0;
}

void procfs_read_command(int proc_fd, char ret_command[static PROCFS_COMMAND_MAX])
{
	ssize_t size = procfs_read_text(proc_fd, "cmdline", ret_command, PROCFS_COMMAND_MAX);

	while (size > 0 && ret_command[size - 1] == '\0')
		size--;
	for (ssize_t i = 0; i < size; i++) {
		if (ret_command[i] == '\0')
			ret_command[i] = ' ';
	}
	if (size < 0)
		ret_command[0] = '\0';
}

void procfs_read_cgroup(int proc_fd, char ret_cgroup[static PROCFS_CGROUP_MAX])
{
	if (procfs_read_text(proc_fd, "cgroup", ret_cgroup, PROCFS_CGROUP_MAX) < 0)
		ret_cgroup[0] = '\0';
}

uint16_t procfs_unprivileged_port_start(void)
{
	char text[sizeof("65536\n")];
	ssize_t size = procfs_read_text(AT_FDCWD, "/proc/sys/net/ipv4/ip_unprivileged_port_start",
					text, sizeof(text));
	uint64_t port;

	if (size <= 1 || !number_parse(text, (size_t)size - 1, UINT16_MAX, &port))
		return PORT_START;
	return (uint16_t)port;
}

const char *procfs_user_name(uint32_t uid, char ret_name[static PROCFS_USER_MAX])
{
	char buffer[PASSWORD_MAX];
	struct passwd entry;
	struct passwd *found = NULL;

	if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
		(void)snprintf(ret_name, PROCFS_USER_MAX, "%s", found->pw_name);
	else
		(void)snprintf(ret_name, PROCFS_USER_MAX, "%u", uid);
	return ret_name;
}

int procfs_read_process(pid_t pid, struct procfs_process *ret_process)
{
	char path[32], text[STAT_MAX];
	ssize_t size;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	size = procfs_read_text(AT_FDCWD, path, text, sizeof(text));
	if (size < 0)
		return is_gone(size) ? -ESRCH : (int)size;
	return procfs_parse_stat(text, (size_t)size, ret_process);
}

pid_t procfs_parent(pid_t pid)
{
	struct procfs_process process;

	return procfs_read_process(pid, &process) < 0 ? -ESRCH : process.parent;
}
