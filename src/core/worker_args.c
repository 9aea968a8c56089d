#include "core/worker_args.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/expand.h"

#define OWN_VARIABLES_MAX 8 /* that we add: BERTH_APP and so on */

static size_t count(char *const *strings)
{
	size_t n = 0;

	while (strings && strings[n])
		n++;
	return n;
}

static char **free_strings(char **strings)
{
	for (size_t i = 0; strings && strings[i]; i++)
		free(strings[i]);
	free(strings);
	return NULL;
}

static int expand_new(const char *text, const struct expand_vars *v, char **ret_text)
{
	size_t size;
	char *expanded;

	if (expand_measure(text, v, &size) != EXPAND_OK)
		return -EINVAL;
	expanded = malloc(size);
	if (!expanded)
		return -ENOMEM;
	(void)expand(text, v, expanded, size);
	*ret_text = expanded;
	return 0;
}

static bool is_same_name(const char *one, const char *two)
{
	size_t n = strcspn(one, "=");

	return strncmp(one, two, n + 1) == 0 && one[n] == '=';
}

/* Puts @variable, which is ours to give away, over one of its name, or at the end. */
static void put(char **envp, char *variable)
{
	size_t i = 0;

	while (envp[i] && !is_same_name(envp[i], variable))
		i++;
	free(envp[i]);
	envp[i] = variable;
}

static int __attribute__((format(printf, 2, 3))) put_own(char **envp, const char *format, ...)
{
	char *variable = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&variable, format, args);
	va_end(args);
	if (n < 0)
		return -ENOMEM;
	put(envp, variable);
	return 0;
}

static int put_identity(char **envp, const struct app_config *c, const struct worker_identity *who)
{
	uint16_t port = c->n_listen ? c->listen[0].port : 0;
	int r = put_own(envp, "BERTH_APP=%s", c->name);

	if (r == 0)
		r = put_own(envp, "BERTH_SLOT=%u", who->slot);
	if (r == 0)
		r = put_own(envp, "BERTH_WORKERS=%u", who->n_workers);
	if (r == 0)
		r = put_own(envp, "BERTH_GENERATION=%u", who->generation);
	if (r == 0)
		r = put_own(envp, "BERTH_RUN=%s", who->run);
	if (r == 0)
		r = put_own(envp, "NODE_APP_INSTANCE=%u", who->slot - 1);
	/* A PORT that the user has set means something to him. */
	if (r == 0 && port && !worker_args_env(envp, "PORT"))
		r = put_own(envp, "PORT=%u", port);
	return r;
}

static int make_argv(struct worker_args *w, const struct app_config *c, const struct expand_vars *v)
{
	size_t n = count(c->argv);
	int r = 0;

	w->argv = calloc(n + 1, sizeof(*w->argv));
	if (!w->argv)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = expand_new(c->argv[i], v, &w->argv[i]);
	return r;
}

static int make_envp(struct worker_args *w, const struct app_config *c, char *const *inherited,
		     const struct expand_vars *v)
{
	size_t n = count(inherited);
	size_t n_given = count(c->env);
	int r = 0;

	w->envp = calloc(n + n_given + OWN_VARIABLES_MAX + 1, sizeof(*w->envp));
	if (!w->envp)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		w->envp[i] = strdup(inherited[i]);
		if (!w->envp[i])
			return -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < n_given; i++) {
		char *variable;

		r = expand_new(c->env[i], v, &variable);
		if (r == 0)
			put(w->envp, variable);
	}
	return r;
}

int worker_args_init(struct worker_args *w, const struct app_config *c, char *const *inherited,
		     const struct worker_identity *who)
{
	const struct expand_vars v = { .slot = who->slot, .n_workers = who->n_workers };
	int r;

	memset(w, 0, sizeof(*w));
	r = make_argv(w, c, &v);
	if (r == 0)
		r = make_envp(w, c, inherited, &v);
	if (r == 0)
		r = put_identity(w->envp, c, who);
	return r;
}

void worker_args_done(struct worker_args *w)
{
	w->argv = free_strings(w->argv);
	w->envp = free_strings(w->envp);
}

const char *worker_args_env(char *const *envp, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; envp && envp[i]; i++)
		if (strncmp(envp[i], name, n) == 0 && envp[i][n] == '=')
			return envp[i] + n + 1;
	return NULL;
}
