/*
 * What a worker's program is started with: its arguments and its environment,
 * with `{slot}` and the like replaced.
 */
#ifndef BERTH_CORE_WORKER_ARGS_H
#define BERTH_CORE_WORKER_ARGS_H

#include "core/app_config.h"

struct worker_identity {
	unsigned slot; /* from 1 */
	unsigned n_workers;
	unsigned generation;
	const char *notify_name; /* the value of NOTIFY_SOCKET; NULL: it isn't set */
	const char *run;         /* the value of BERTH_RUN: no other run of any worker has it */
};

struct worker_args {
	char **argv; /* both NULL at their end */
	char **envp;
};

/*
 * worker_args_init - put together what one run of a worker gets
 *
 * @c:          its argv and env, with what is in braces replaced
 * @inherited:  berth's own environment, NULL at its end; may be NULL. --env goes over it, and
 *              the variables that tell a worker who it is go over both, but for PORT: that
 *              is set only if nobody else has, to the port of the first --listen
 *
 * Everything is copied. Returns 0, -ENOMEM, or -EINVAL if a sum in braces has no
 * result. worker_args_done() it either way. Any thread. Never blocks.
 */
int worker_args_init(struct worker_args *w, const struct app_config *c, char *const *inherited,
		     const struct worker_identity *who);

/* Frees what is in @w. Takes one that is all zero. */
void worker_args_done(struct worker_args *w);

/* The value of the first variable @name in @envp, which may be NULL; or NULL. Borrowed. */
const char *worker_args_env(char *const *envp, const char *name);

#endif
