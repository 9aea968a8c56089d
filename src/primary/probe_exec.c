/*
 * A command, its exit code and the end of what it has printed.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/container_of.h"
#include "base/escape.h"
#include "base/own.h"
#include "base/strv.h"
#include "os/command.h"
#include "primary/probe_ways.h"

#define SHELL      "/bin/sh"
#define TAIL_SIZE  1024 /* of what it prints, to find its last line in */
#define READ_SIZE  4096 /* at a time */
#define READS_LAST 32   /* when it has ended; a pipe holds 16 unless somebody has changed that */

struct probe_exec {
	void (*over)(void *owner, enum probe_outcome outcome, const char *text);
	void *owner; /* NULL once nobody waits: its child may have to be reaped, still */
	struct command command;
	uv_poll_t end;
	uv_poll_t output;
	unsigned n_handles;
	bool is_reading;
	bool is_ended;
	size_t tail_size;
	char tail[TAIL_SIZE];
};

/* --- what it prints --- */

static void keep_tail(struct probe_exec *x, const char *bytes, size_t size)
{
	size_t kept = x->tail_size;

	if (size > TAIL_SIZE) {
		bytes += size - TAIL_SIZE;
		size = TAIL_SIZE;
	}
	if (kept > TAIL_SIZE - size)
		kept = TAIL_SIZE - size;
	memmove(x->tail, x->tail + x->tail_size - kept, kept);
	memcpy(x->tail + kept, bytes, size);
	x->tail_size = kept + size;
}

/* Returns how much it was, 0 at the end, or -errno. */
static ssize_t read_some(struct probe_exec *x)
{
	char bytes[READ_SIZE];
	ssize_t n = read(x->command.output_fd, bytes, sizeof(bytes));

	if (n < 0)
		return -errno;
	keep_tail(x, bytes, (size_t)n);
	return n;
}

/* Prints the last line that isn't empty, as it may be shown; "" if there is none. */
static const char *last_line(const struct probe_exec *x, char ret_text[static PROBE_SHOWN_MAX])
{
	size_t end = x->tail_size;
	size_t begin;

	while (end > 0 && strchr("\n\r \t", x->tail[end - 1]) && x->tail[end - 1])
		end--;
	for (begin = end; begin > 0 && x->tail[begin - 1] != '\n';)
		begin--;
	return escape_text(x->tail + begin, end - begin, ret_text, PROBE_SHOWN_MAX);
}

/* --- handles --- */

static void on_closed(uv_handle_t *handle)
{
	struct probe_exec *x = handle->data;

	if (--x->n_handles == 0)
		free(x);
}

static void stop_reading(struct probe_exec *x)
{
	if (!x->is_reading)
		return;
	x->is_reading = false;
	uv_close((uv_handle_t *)&x->output, on_closed);
	drop_fd(&x->command.output_fd);
}

static void on_output(uv_poll_t *poll, int status, int events)
{
	struct probe_exec *x = container_of(poll, struct probe_exec, output);
	ssize_t n = read_some(x);

	(void)status;
	(void)events;
	if (n == 0 || (n < 0 && n != -EAGAIN && n != -EINTR))
		stop_reading(x);
}

/* --- its end --- */

static enum probe_outcome judge(const struct probe_exec *x, int status,
				char ret_text[static PROBE_SENTENCE_MAX])
{
	char line[PROBE_SHOWN_MAX];
	const char *colon = last_line(x, line)[0] ? ": " : "";

	if (WIFSIGNALED(status)) {
		const char *name = sigabbrev_np(WTERMSIG(status));

		(void)snprintf(ret_text, PROBE_SENTENCE_MAX, "ended by signal %d (%s)%s%s",
			       WTERMSIG(status), name ? name : "?", colon, line);
		return PROBE_FAILED;
	}
	(void)snprintf(ret_text, PROBE_SENTENCE_MAX, "exit code %d%s%s", WEXITSTATUS(status), colon,
		       line);
	return WEXITSTATUS(status) == 0 ? PROBE_PASSED : PROBE_FAILED;
}

static void on_end(uv_poll_t *poll, int status, int events)
{
	struct probe_exec *x = container_of(poll, struct probe_exec, end);
	char text[PROBE_SENTENCE_MAX] = "its exit code is lost: somebody else has reaped it";
	enum probe_outcome outcome = PROBE_UNMADE;
	int code = 0;
	int r = command_reap(&x->command, &code);

	(void)status;
	(void)events;
	if (r == -EAGAIN)
		return;
	/* Its group is dead by now: what's in the pipe is all of it. */
	for (int n = 0; x->is_reading && n < READS_LAST && read_some(x) > 0; n++)
		;
	stop_reading(x);
	x->is_ended = true;
	if (r == 0)
		outcome = judge(x, code, text);
	uv_close((uv_handle_t *)&x->end, on_closed);
	drop_fd(&x->command.pidfd);
	if (x->owner)
		x->over(x->owner, outcome, text);
}

void probe_exec_late(const struct probe_exec *x, const char *limit,
		     char ret_text[static PROBE_SENTENCE_MAX])
{
	char line[PROBE_SHOWN_MAX];
	const char *before = last_line(x, line)[0] ? ", its last line is: " : "";

	(void)snprintf(ret_text, PROBE_SENTENCE_MAX, "no end within %s%s%s", limit, before, line);
}

/* --- its beginning --- */

static bool __attribute__((format(printf, 2, 3)))
set_variable(char ***envp, const char *format, ...)
{
	char variable[ADDR_TEXT_MAX + 32]; /* the longest is an address */
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(variable, sizeof(variable), format, args);
	va_end(args);
	return n > 0 && (size_t)n < sizeof(variable) && strv_set_variable(envp, variable);
}

static char **make_environment(const struct probe_request *r)
{
	char **envp = strv_copy(environ);
	char address[ADDR_TEXT_MAX];

	if (envp && set_variable(&envp, "BERTH_APP=%s", r->app) &&
	    set_variable(&envp, "BERTH_SLOT=%u", r->slot) &&
	    set_variable(&envp, "BERTH_GENERATION=%u", r->generation) &&
	    set_variable(&envp, "BERTH_PID=%d", r->pid) &&
	    (r->port.port == 0 || set_variable(&envp, "BERTH_PORT=%u", r->port.port)) &&
	    set_variable(&envp, "BERTH_ADDRESS=%s", addr_text(&r->port, address)))
		return envp;
	return strv_free(envp);
}

static int start_command(const struct probe_ask *ask, struct command *ret_command)
{
	char shell[] = SHELL;
	char option[] = "-c";
	char what[PROBE_WHAT_MAX];
	char *argv[] = { shell, option, what, NULL };
	struct command_request request = {
		.path = SHELL,
		.argv = argv,
		.inherited = ask->request->inherited,
	};
	char **envp = make_environment(ask->request);
	int r;

	if (!envp)
		return -ENOMEM;
	memcpy(what, ask->probe->what, sizeof(what));
	request.envp = envp;
	r = command_start(&request, ret_command);
	(void)strv_free(envp);
	return r;
}

static int watch(uv_loop_t *loop, struct probe_exec *x)
{
	int r = uv_poll_init(loop, &x->end, x->command.pidfd);

	if (r < 0)
		return r;
	x->n_handles++;
	r = uv_poll_init(loop, &x->output, x->command.output_fd);
	if (r == 0) {
		x->n_handles++;
		x->is_reading = true;
		r = uv_poll_start(&x->end, UV_READABLE, on_end);
	}
	if (r == 0)
		r = uv_poll_start(&x->output, UV_READABLE, on_output);
	if (r < 0) { /* handles go before their descriptors, and @x with the last of them */
		stop_reading(x);
		uv_close((uv_handle_t *)&x->end, on_closed);
	}
	return r;
}

int probe_exec_new(const struct probe_ask *ask, struct probe_exec **ret_exec)
{
	struct probe_exec *x = calloc(1, sizeof(*x));
	int r;

	if (!x)
		return -ENOMEM;
	r = start_command(ask, &x->command);
	if (r < 0) {
		free(x);
		return r;
	}
	x->end.data = x->output.data = x;
	x->over = ask->over;
	x->owner = ask->owner;
	r = watch(ask->request->loop, x);
	if (r < 0) {
		/* Nobody sees its end: the keeper reaps it after ours. */
		command_kill(&x->command);
		drop_fd(&x->command.pidfd);
		drop_fd(&x->command.output_fd);
		x->owner = NULL;
		if (x->n_handles == 0)
			free(x);
		return r;
	}
	*ret_exec = x;
	return 0;
}

struct probe_exec *probe_exec_free(struct probe_exec *x)
{
	if (!x)
		return NULL;
	x->owner = NULL;
	stop_reading(x);
	if (x->is_ended)
		return NULL;
	command_kill(&x->command);
	/* One that even so doesn't end is no reason for us to stay: the keeper reaps it then. */
	uv_unref((uv_handle_t *)&x->end);
	return NULL;
}
