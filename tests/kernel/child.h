/*
 * A child process for the tests of kernel promises, and a line on which it is
 * told what to do and tells what it saw.
 *
 * It is killed when the test ends. An assertion that fails in it ends it, and
 * its line: the test then hears -EPIPE.
 */
#ifndef BERTH_TESTS_KERNEL_CHILD_H
#define BERTH_TESTS_KERNEL_CHILD_H

#include <sys/types.h>

struct child {
	pid_t pid;
	int pidfd;
	int line;
};

void child_start(struct child *c, int (*body)(int line, int argument), int argument);
int child_end(struct child *c); /* waits; returns the exit status, or -signal */
void child_kill(struct child *c);

/* pidfd_getfd(): a copy of the child's descriptor @fd, or -errno. */
int child_copy_fd(const struct child *c, int fd);

void child_tell(int line, int value);
int child_hear(int line); /* -EPIPE when the other side has ended */

#endif
