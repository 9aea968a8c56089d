/*
 * What starting a run and going on with one have in common.
 */
#ifndef BERTH_PRIMARY_PROCESS_PARTS_H
#define BERTH_PRIMARY_PROCESS_PARTS_H

#include "primary/process.h"

/* A run without a process yet; NULL where there is no memory. */
struct process *process_alloc(const struct process_start *start);

/* The descriptor of this run that a predecessor has left under the name of @what, or NO_FD. */
int process_take(struct process *p, const char *what);

/* The keeper need not have it any more. */
void process_forget(struct process *p, const char *what);

/* Reads the worker's output from @fds; those that are taken are NO_FD then. 0 or -errno. */
int process_open_streams(struct process *p, int fds[static 2]);

/* Nobody will write any more: what is in the pipes is all there is. */
void process_finish_streams(struct process *p);

/* From now on its reports, or its trapped calls, are dealt with from the loop. 0 or -errno. */
int process_watch_report(struct process *p);
int process_watch_notify(struct process *p);

/* Nobody of its tree is left. */
void process_become_gone(struct process *p);

#endif
