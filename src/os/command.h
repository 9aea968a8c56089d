/*
 * Runs a command for the primary itself, such as a probe: a child of ours, in a
 * session of its own, with what it prints on one pipe. When we die, it dies.
 *
 * Workers are another matter, see spawn.h: they are the keeper's, and stay.
 */
#ifndef BERTH_OS_COMMAND_H
#define BERTH_OS_COMMAND_H

#include <sys/types.h>

#include "os/spawn.h"

struct command_request {
	const char *path; /* of the program */
	char *const *argv;
	char *const *envp;
	const struct spawn_inherited *inherited; /* limits and signals of our user; NULL: ours */
};

struct command {
	pid_t pid;     /* also of its session and its group */
	int pidfd;     /* readable: it has ended, call command_reap() */
	int output_fd; /* what it writes to stdout and stderr */
};

/*
 * command_start - run a command
 *
 * @request:      everything in it stays the caller's
 * @ret_command:  with two descriptors that are the caller's
 *
 * A program that cannot be executed ends with code 127. Call it from the thread that
 * lives as long as the process: the kernel ends the command with that.
 *
 * Returns 0, or -errno if there is no child. Blocks for as long as a fork takes.
 */
int command_start(const struct command_request *request, struct command *ret_command);

/* Kills it and its group. Before it is reaped only. Never blocks. */
void command_kill(const struct command *c);

/*
 * command_reap - take the status of a command that has ended
 *
 * @ret_status:  as wait() gives it
 *
 * Kills what is left of its group. Returns 0, -EAGAIN if it lives, or -ECHILD if
 * somebody else has reaped it. Once 0 or -ECHILD was returned its pid is nobody's,
 * or another's. Never blocks.
 */
int command_reap(const struct command *c, int *ret_status);

#endif
