/*
 * Where the threads of a process stand: what each waits for, as far as the kernel lets us
 * know. The system call and where it waits need the right to trace the process, its
 * kernel's stack needs CAP_SYS_ADMIN: what we may not know is left empty.
 */
#ifndef BERTH_OS_STACKS_H
#define BERTH_OS_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "os/procfs.h"

#define STACKS_WCHAN_MAX 64
#define STACKS_CALL_MAX  32
#define STACKS_STACK_MAX 1024

/* Texts are as the kernel and the process made them: escape them before they are shown. */
struct stacks_thread {
	pid_t process;
	pid_t thread;
	char comm[PROCFS_COMM_MAX];
	char state;                   /* R, S, D, T, Z, ... */
	char wchan[STACKS_WCHAN_MAX]; /* the kernel's function that it waits in */
	char call[STACKS_CALL_MAX];   /* the system call, "running" outside of any */
	char stack[STACKS_STACK_MAX]; /* the kernel's functions, the innermost first: "a < b < c" */
};

/* Borrowed for the call. Returns 0 to go on, -errno to stop. */
typedef int stacks_visit(const struct stacks_thread *t, void *arg);

/*
 * stacks_each_thread - visit the threads of a process
 *
 * Returns 0; what @visit returned when it stopped; -errno, -ENOENT or -ESRCH if the process
 * has ended. Any thread. Does not block.
 */
int stacks_each_thread(pid_t pid, stacks_visit *visit, void *arg);

/* The text of /proc/PID/task/TID/syscall, or what stands there instead. Any thread. */
void stacks_parse_call(const char *text, char ret_call[static STACKS_CALL_MAX]);

/* The text of /proc/PID/task/TID/stack: what doesn't fit is left out. Any thread. */
void stacks_parse_stack(const char *text, char ret_stack[static STACKS_STACK_MAX]);

#endif
