/*
 * Arguments and environment of one run: copies of what the user gave, with the
 * sums in braces replaced, and the variables that tell a worker who it is.
 */
#include "core/worker_args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/strv.h"
#include "core/expand.h"

/* strv_add() or strv_set_variable() */
typedef bool put_fn(char ***list, const char *text);

static int put_expanded(char ***list, const char *text, const struct expand_vars *v, put_fn *put)
{
	own_free char *expanded = NULL;
	size_t size = 0;

	if (expand_measure(text, v, &size) != EXPAND_OK)
		return -EINVAL;
	expanded = malloc(size);
	if (!expanded)
		return -ENOMEM;
	(void)expand(text, v, expanded, size);
	return put(list, expanded) ? 0 : -ENOMEM;
}

static int put_all_expanded(char ***list, char *const *texts, const struct expand_vars *v,
			    put_fn *put)
{
	int r = 0;

	for (size_t i = 0; r == 0 && texts && texts[i]; i++)
		r = put_expanded(list, texts[i], v, put);
	return r;
}

static bool __attribute__((format(printf, 2, 3)))
set_variable(char ***envp, const char *format, ...)
{
	own_free char *variable = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&variable, format, args);
	va_end(args);
	if (n < 0)
		variable = NULL; /* it may be anything now */
	return variable && strv_set_variable(envp, variable);
}

static int put_identity(char ***envp, const struct app_config *c, const struct worker_identity *who)
{
	uint16_t port = c->n_listen ? c->listen[0].port : 0;
	bool is_put = set_variable(envp, "BERTH_APP=%s", c->name) &&
		      set_variable(envp, "BERTH_SLOT=%u", who->slot) &&
		      set_variable(envp, "BERTH_WORKERS=%u", who->n_workers) &&
		      set_variable(envp, "BERTH_GENERATION=%u", who->generation) &&
		      set_variable(envp, "BERTH_RUN=%s", who->run) &&
		      set_variable(envp, "NODE_APP_INSTANCE=%u", who->slot - 1);

	if (is_put && who->notify_name)
		is_put = set_variable(envp, "NOTIFY_SOCKET=%s", who->notify_name);
	/* A PORT that the user has set means something to him. */
	if (is_put && port && !worker_args_env(*envp, "PORT"))
		is_put = set_variable(envp, "PORT=%u", port);
	return is_put ? 0 : -ENOMEM;
}

int worker_args_init(struct worker_args *w, const struct app_config *c, char *const *inherited,
		     const struct worker_identity *who)
{
	const struct expand_vars v = { .slot = who->slot, .n_workers = who->n_workers };
	int r;

	memset(w, 0, sizeof(*w));
	r = put_all_expanded(&w->argv, c->argv, &v, strv_add);
	if (r < 0)
		return r;
	w->envp = strv_copy(inherited);
	if (!w->envp)
		return -ENOMEM;
	r = put_all_expanded(&w->envp, c->env, &v, strv_set_variable);
	return r < 0 ? r : put_identity(&w->envp, c, who);
}

void worker_args_done(struct worker_args *w)
{
	w->argv = strv_free(w->argv);
	w->envp = strv_free(w->envp);
}

const char *worker_args_env(char *const *envp, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; envp && envp[i]; i++)
		if (strncmp(envp[i], name, n) == 0 && envp[i][n] == '=')
			return envp[i] + n + 1;
	return NULL;
}
