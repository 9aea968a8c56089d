/*
 * The thread has values of its own: nothing of the primary's is touched there.
 */
#include "primary/stack_look.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "os/stacks.h"
#include "os/tree.h"

#define PROCESSES_MAX 32 /* of one worker, whose threads are shown */
#define THREADS_MAX   64 /* of one process */
#define SIGN_MAX      64

struct one {
	pid_t pid;
	unsigned n_threads; /* all, also those that are not shown */
};

struct stack_look {
	uv_work_t work;
	struct output *output;
	struct message_source source;
	void (*done)(void *data);
	void *data;
	bool is_working;
	bool is_freed;
	struct tree tree;
	char sign[SIGN_MAX];
	struct one ones[PROCESSES_MAX];
	int n_processes; /* perhaps more than there is room for */
	struct stacks_thread *threads;
	size_t n_threads;
	size_t n_room;
};

/* --- in the thread --- */

struct visit {
	struct stack_look *look;
	struct one *one;
};

static int take_in(const struct stacks_thread *t, void *arg)
{
	const struct visit *v = arg;
	struct stack_look *l = v->look;

	if (v->one->n_threads++ >= THREADS_MAX)
		return 0;
	if (l->n_threads == l->n_room) {
		const size_t n_room = l->n_room ? 2 * l->n_room : 16;
		struct stacks_thread *more = reallocarray(l->threads, n_room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->threads = more;
		l->n_room = n_room;
	}
	l->threads[l->n_threads++] = *t;
	return 0;
}

static void work(uv_work_t *request)
{
	struct stack_look *l = container_of(request, struct stack_look, work);
	pid_t pids[PROCESSES_MAX];

	l->tree.sign = l->sign;
	l->n_processes = tree_pids(&l->tree, pids, PROCESSES_MAX);
	for (int i = 0; i < l->n_processes && i < PROCESSES_MAX; i++) {
		struct visit v = { l, &l->ones[i] };

		l->ones[i].pid = pids[i];
		(void)stacks_each_thread(pids[i], take_in, &v);
	}
}

/* --- in the loop --- */

__attribute__((format(printf, 2, 3))) static void say(const struct stack_look *l,
						      const char *format, ...)
{
	char text[STACKS_STACK_MAX + 512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	output_say_worker(l->output, &l->source, MESSAGE_WARNING, "worker_stack", "%s", text);
}

static void say_all(const struct stack_look *l)
{
	for (size_t i = 0; i < l->n_threads; i++) {
		const struct stacks_thread *t = &l->threads[i];

		say(l, "process %d, thread %d (%s): state %c%s%s%s%s; kernel stack: %s",
		    (int)t->process, (int)t->thread, t->comm, t->state,
		    t->call[0] ? ", system call " : "", t->call, t->wchan[0] ? ", waits in " : "",
		    t->wchan, t->stack[0] ? t->stack : "not to be had");
	}
	for (int i = 0; i < l->n_processes && i < PROCESSES_MAX; i++)
		if (l->ones[i].n_threads > THREADS_MAX)
			say(l, "process %d has %u threads more", (int)l->ones[i].pid,
			    l->ones[i].n_threads - THREADS_MAX);
	if (l->n_processes > PROCESSES_MAX)
		say(l, "%d processes more", l->n_processes - PROCESSES_MAX);
}

static void free_at_last(struct stack_look *l)
{
	if (!l->is_freed || l->is_working)
		return;
	free(l->threads);
	free(l);
}

static void on_worked(uv_work_t *request, int status)
{
	struct stack_look *l = container_of(request, struct stack_look, work);

	(void)status;
	l->is_working = false;
	if (l->is_freed) {
		free_at_last(l);
		return;
	}
	say_all(l);
	l->done(l->data);
}

int stack_look_new(uv_loop_t *loop, const struct process *p, struct output *output,
		   void (*done)(void *data), void *data, struct stack_look **ret_look)
{
	struct stack_look *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->output = output;
	l->source = p->client.source;
	l->done = done;
	l->data = data;
	l->tree = process_tree(p);
	(void)strncpy(l->sign, l->tree.sign, sizeof(l->sign) - 1);
	r = uv_queue_work(loop, &l->work, work, on_worked);
	if (r < 0) {
		free(l);
		return r;
	}
	l->is_working = true;
	*ret_look = l;
	return 0;
}

struct stack_look *stack_look_free(struct stack_look *l)
{
	if (!l)
		return NULL;
	l->is_freed = true;
	free_at_last(l);
	return NULL;
}
