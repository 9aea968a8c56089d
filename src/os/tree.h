/*
 * A worker's process tree: its leader, and everything that came of it, however
 * it tried to get away (a new session, a second fork).
 */
#ifndef BERTH_OS_TREE_H
#define BERTH_OS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One reading of /proc, for any number of trees. What starts or ends later isn't in it. */
struct tree_census;

struct tree {
	pid_t leader;     /* it leads, or led, a session of its own */
	bool is_reaped;   /* the leader: its number may be another process's by now */
	uint64_t mark;    /* that it was started with, from spawn_mark(); 0: none */
	bool is_adrift;   /* the subreaper has died: what loses its parent may be anybody's child */
	const char *sign; /* "NAME=value" in the environment that it was started with */
};

/*
 * tree_signal - send @signal to all of a tree but its leader
 *
 * Our parent must be the subreaper of the tree, unless that has died: what lost its parent
 * is its child then, and is told from others by its session, by the mark, or by the sign where the
 * mark could not be set. A process that forks meanwhile may be missed: call again
 * until the tree is gone.
 *
 * Returns how many were signalled, or -errno if /proc cannot be read. Any
 * thread. Does not block.
 */
int tree_signal(const struct tree *t, int signal);

/*
 * tree_census_new - read /proc once, from end to end
 *
 * @ret_census: yours, until tree_census_free()
 *
 * Returns 0 or -errno. Any thread, one at a time, as all that use it. Does not block.
 */
int tree_census_new(struct tree_census **ret_census);

/* Takes NULL, returns NULL. */
struct tree_census *tree_census_free(struct tree_census *c);

/* tree_signal() among those of @c: a number that means another process by now is left out. */
int tree_signal_in(struct tree_census *c, const struct tree *t, int signal);

/* Returns 0 to go on, and anything else to stop. */
typedef int tree_visit(pid_t pid, void *arg);

/*
 * tree_each - visit each process of a tree, however many there are, its leader first if
 * that lives
 *
 * Returns 0, or what @visit returned when it stopped. @visit must leave @c alone.
 */
int tree_each(struct tree_census *c, const struct tree *t, tree_visit *visit, void *arg);

/*
 * Whether a process stands still, all of its threads, or has ended: it does nothing until
 * somebody lets it go on. Any thread. Does not block.
 */
bool tree_stands_still(pid_t pid);

#define TREE_LINE_MAX 64

/* A process and its ancestors, the nearest first, as far as they can be in a tree of ours. */
struct tree_line {
	size_t n;
	struct {
		pid_t pid;
		pid_t parent;
		pid_t session;
	} at[TREE_LINE_MAX];
};

/* Reads the line of @pid: to be asked of many trees. Empty if there is no such process. */
void tree_climb(pid_t pid, struct tree_line *ret_line);

/* Whether who stands at the beginning of @line is in the tree now, its leader included. */
bool tree_has(const struct tree *t, const struct tree_line *line);

/*
 * tree_pids - the processes of a tree, its leader first if that lives
 *
 * @ret_pids: room for @n_max of them
 *
 * Returns how many there are, perhaps more than @n_max, or -errno. Otherwise as tree_signal().
 */
int tree_pids(const struct tree *t, pid_t *ret_pids, size_t n_max);

#endif
