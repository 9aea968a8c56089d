/*
 * Where the threads of a worker stand, said in its log. What it takes to know that for all
 * of a process tree is asked in a thread: it may be much, and the worker is not well.
 */
#ifndef BERTH_PRIMARY_STACK_LOOK_H
#define BERTH_PRIMARY_STACK_LOOK_H

#include <uv.h>

#include "primary/output.h"
#include "primary/process.h"

struct stack_look;

/*
 * stack_look_new - begin to look
 *
 * @p:     read in the call only
 * @done:  called with @data when all is said, from the loop; stack_look_free() it then
 *
 * 0; -ENOMEM or another -errno: then nothing comes. Primary's thread only, as the next.
 */
int stack_look_new(uv_loop_t *loop, const struct process *p, struct output *output,
		   void (*done)(void *data), void *data, struct stack_look **ret_look);

/*
 * Takes NULL, returns NULL. Of one that isn't done nothing is said any more; the memory goes
 * when the thread has ended.
 */
struct stack_look *stack_look_free(struct stack_look *l);

#endif
