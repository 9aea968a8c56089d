/*
 * What /proc tells about processes: who has a socket open, who descends from
 * whom, and what a process is. All texts are as the process made them: escape
 * them before they are shown.
 */
#ifndef BERTH_OS_PROCFS_H
#define BERTH_OS_PROCFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCFS_COMM_MAX    64   /* a name with its NUL; 16 but for the kernel's own threads */
#define PROCFS_COMMAND_MAX 1024 /* what we keep of a command line, with its NUL */
#define PROCFS_CGROUP_MAX  4096 /* what we keep of /proc/PID/cgroup, with its NUL */
#define PROCFS_USER_MAX    64   /* a user's name, or his number, with its NUL */

struct procfs_process {
	pid_t pid;
	pid_t parent; /* 0: none that this /proc shows */
	pid_t session;
	char state;           /* R, S, D, T, Z, ... */
	uint64_t start_ticks; /* since boot; with the pid, it names one process for ever */
	char comm[PROCFS_COMM_MAX];
};

struct procfs_details {
	struct procfs_process process;
	uint32_t uid;          /* effective */
	int64_t started_at_ms; /* Unix time */
};

/*
 * A process that has one of the wanted sockets open. Borrowed for the call.
 * @proc_fd, its directory, goes on meaning this process when its pid is given anew.
 */
struct procfs_hit {
	pid_t pid;
	int proc_fd;
	size_t index; /* of the socket, in the array of wanted ones */
};

/* Both return 0 to go on, -errno to stop. */
typedef int procfs_visit_process(const struct procfs_process *process, void *arg);
typedef int procfs_visit_hit(const struct procfs_hit *hit, void *arg);

/*
 * procfs_read_text - read the start of a file
 *
 * @dir_fd:    where @name is looked for, or AT_FDCWD
 * @ret_text:  at most @size - 1 bytes, and a NUL
 *
 * Returns how many bytes there are, or -errno: -ENOENT or -ESRCH when the process
 * has ended. Any thread. Does not block.
 */
ssize_t procfs_read_text(int dir_fd, const char *name, char *ret_text, size_t size);

/*
 * procfs_parse_stat - read the text of /proc/PID/stat
 *
 * Returns 0, or -EPROTO when the text is no such thing. Any thread. Never blocks.
 */
int procfs_parse_stat(const char *text, size_t size, struct procfs_process *ret_process);

/*
 * procfs_for_each_process - visit every process, by rising pid
 *
 * A process that ends meanwhile is left out, one that starts may be. So are those that
 * this /proc hides from us.
 *
 * Returns 0, what @visit returned when it stopped, or -errno if /proc can't be read.
 * Any thread. Does not block.
 */
int procfs_for_each_process(procfs_visit_process *visit, void *arg);

/*
 * procfs_find_sockets - visit every process that has one of some sockets open
 *
 * @inodes:        of the sockets, rising, no 0
 * @n_inodes:      0 is fine, then there is nothing to visit
 * @visit:         by rising pid; once for each socket that a process has, however often
 * @ret_n_hidden:  processes that we are not allowed to look into
 *
 * Returns 0, what @visit returned when it stopped (@ret_n_hidden is written then,
 * too: of those seen so far), or -errno. Any thread. Does not block.
 */
int procfs_find_sockets(const uint32_t *inodes, size_t n_inodes, procfs_visit_hit *visit, void *arg,
			size_t *ret_n_hidden);

/*
 * procfs_read_details - read what a process is
 *
 * @proc_fd:  its directory, from a procfs_hit
 *
 * Returns 0, -ESRCH if it has ended, -EPROTO if its texts make no sense. Any
 * thread. Does not block.
 */
int procfs_read_details(int proc_fd, struct procfs_details *ret_details);

/*
 * procfs_read_process - read what one process is
 *
 * Returns 0, -ESRCH if there is none of that number, -EPROTO if its text makes no sense, or
 * another -errno. Any thread. Does not block.
 */
int procfs_read_process(pid_t pid, struct procfs_process *ret_process);

/* The parent of a process, -ESRCH if there is none of that number. */
pid_t procfs_parent(pid_t pid);

/*
 * Its command line, arguments parted by blanks, cut where it is too long; empty where
 * there is none to read. May wait for the process's memory: not for the primary's loop.
 */
void procfs_read_command(int proc_fd, char ret_command[static PROCFS_COMMAND_MAX]);

/* The text of /proc/PID/cgroup; empty where there is none to read. */
void procfs_read_cgroup(int proc_fd, char ret_cgroup[static PROCFS_CGROUP_MAX]);

/* The first port that any user may bind: net.ipv4.ip_unprivileged_port_start. */
uint16_t procfs_unprivileged_port_start(void);

/*
 * A user's name, or his number where no name is known. Returns @ret_name. Any
 * thread. May block where users are looked up over a network.
 */
const char *procfs_user_name(uint32_t uid, char ret_name[static PROCFS_USER_MAX]);

#endif
