/*
 * Puts the rest together: ports, workers and signals on one loop.
 */
#include "primary/primary.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/container_of.h"
#include "base/own.h"
#include "os/clock.h"
#include "os/filter.h"
#include "primary/complaint.h"
#include "primary/output.h"
#include "primary/tier.h"
#include "primary/worker.h"

#define PATH_TEXT_MAX     4096
#define UNSERVED_AFTER_MS 2000
#define LAST_WAIT_MS      1000

#define WATCHED_SIGNALS 8

struct primary;

/* What a signal to berth means. */
struct watched_signal {
	int number;
	void (*handle)(struct primary *p);
};

struct primary {
	const struct app_config *config;
	uv_loop_t loop;
	struct output *output;
	struct ports ports;
	struct broker broker;
	struct worker_home home;
	struct sock_fprog *filter;
	char path[PATH_TEXT_MAX]; /* of the program */
	struct worker *workers[APP_WORKERS_MAX];
	unsigned n_wanted; /* slots 1 .. n_wanted are to have a worker */
	unsigned n_workers;
	unsigned n_ready;
	bool has_said_ready;
	bool is_stopping;
	int64_t started_at_ms;
	bool has_ended;
	int exit_code;
	uv_timer_t unserved_check;
	uv_timer_t last_wait; /* for the dead of the last tree */
	uv_signal_t signals[WATCHED_SIGNALS];
	size_t n_signals;
};

/* --- workers --- */

static struct worker *find_by_pid(struct primary *p, pid_t pid)
{
	for (unsigned i = 0; i < APP_WORKERS_MAX; i++) {
		struct worker *w = p->workers[i];

		if (w && w->process && process_pid(w->process) == pid && !w->process->has_exited)
			return w;
	}
	return NULL;
}

static void start_worker(struct primary *p, unsigned slot)
{
	struct worker *w = worker_new(&p->home, slot);

	if (!w) {
		output_say(p->output, MESSAGE_ERROR, "worker_failed", "no memory for %s.%u",
			   p->config->name, slot);
		return;
	}
	p->workers[slot - 1] = w;
	p->n_workers++;
	worker_event(w, EV_START);
}

static void stop_worker(struct worker *w, bool is_now)
{
	worker_event(w, is_now ? EV_NOW : EV_STOP);
}

static void start_missing(struct primary *p)
{
	p->home.n_workers = p->n_wanted;
	for (unsigned slot = 1; slot <= p->n_wanted && !p->is_stopping; slot++)
		if (!p->workers[slot - 1])
			start_worker(p, slot);
}

/* The commonest mistake: the program listens somewhere else than --listen says. */
static void warn_of_unserved(uv_timer_t *timer)
{
	const struct primary *p = container_of(timer, struct primary, unserved_check);
	char text[ADDR_TEXT_MAX];

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		const struct port *port = p->ports.at[i];

		if (!port || !port->is_named || port->kind == PORT_SHARED || port->berths)
			continue;
		output_say(p->output, MESSAGE_WARNING, "port_unserved",
			   "no worker listens on %s, which --listen claims: does the program "
			   "listen on another address?",
			   addr_text(port_addr(port), text));
	}
}

static void on_ready(struct worker *w)
{
	struct primary *p = container_of(w->home, struct primary, home);

	p->n_ready++;
	if (p->has_said_ready || p->n_ready < p->n_wanted)
		return;
	p->has_said_ready = true;
	output_say(p->output, MESSAGE_INFO, "app_ready", "%s: %u worker%s ready after %lld ms",
		   p->config->name, p->n_wanted, p->n_wanted == 1 ? "" : "s",
		   (long long)(clock_ms() - p->started_at_ms));
	/* A program with several ports listens at one after the other. */
	(void)uv_timer_start(&p->unserved_check, warn_of_unserved, UNSERVED_AFTER_MS, 0);
}

/* Once for each port and run: a worker may listen again as often as it likes. */
static bool is_first_time(struct process *process, const struct port *port)
{
	uint64_t *word = &process->ports[port->id / 64];
	uint64_t bit = 1ULL << port->id % 64;
	bool is_first = !(*word & bit);

	*word |= bit;
	return is_first;
}

static void on_listening(struct broker *b, unsigned slot, const struct port *port)
{
	struct primary *p = container_of(b, struct primary, broker);
	struct worker *w = p->workers[slot - 1];
	char text[ADDR_TEXT_MAX];

	if (!w || !w->process)
		return;
	if (is_first_time(w->process, port))
		output_say_worker(p->output, &w->process->client.source, MESSAGE_INFO,
				  "worker_listening", "listens on %s",
				  addr_text(port_addr(port), text));
	worker_event(w, EV_LISTENING);
}

static void end(struct primary *p)
{
	if (p->has_ended)
		return;
	p->has_ended = true;
	uv_close((uv_handle_t *)&p->last_wait, NULL);
	uv_close((uv_handle_t *)&p->unserved_check, NULL);
	for (size_t i = 0; i < p->n_signals; i++)
		uv_close((uv_handle_t *)&p->signals[i], NULL);
	p->n_signals = 0;
	ports_done(&p->ports);
	p->output = output_free(p->output);
}

static void on_waited(uv_timer_t *timer)
{
	end(container_of(timer, struct primary, last_wait));
}

/*
 * A tree is gone when none of its processes runs; the dead among them are ours
 * to reap. They follow at once, unless something else was left to us that lives.
 */
static void end_if_alone(struct primary *p)
{
	pid_t pid;

	if (p->n_workers > 0)
		return;
	do
		pid = waitpid(-1, NULL, WNOHANG);
	while (pid > 0);
	if (pid < 0)
		end(p);
	else if (!p->has_ended && !uv_is_active((uv_handle_t *)&p->last_wait))
		(void)uv_timer_start(&p->last_wait, on_waited, LAST_WAIT_MS, 0);
}

static void stop_all(struct primary *p, bool is_now)
{
	p->is_stopping = true;
	ports_stop_catching(&p->ports);
	for (unsigned i = 0; i < APP_WORKERS_MAX; i++)
		if (p->workers[i])
			stop_worker(p->workers[i], is_now);
}

static void on_gone(struct worker *w)
{
	struct primary *p = container_of(w->home, struct primary, home);
	int code = w->give_up_code;

	p->workers[w->slot - 1] = NULL;
	p->n_workers--;
	(void)worker_free(w);
	if (code && !p->exit_code) {
		p->exit_code = code;
		output_say(p->output, MESSAGE_ERROR, "gave_up", "giving up: %s cannot run",
			   p->config->name);
		stop_all(p, false);
	}
	if (p->is_stopping)
		end_if_alone(p);
	else
		start_missing(p);
}

/* --- signals --- */

/* Reaps our children: leaders of workers, and what was left to us by their trees. */
static void on_child(struct primary *p)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct worker *w = find_by_pid(p, pid);

		if (w)
			process_exited(w->process, status);
	}
	if (p->is_stopping)
		end_if_alone(p);
}

static void on_stop(struct primary *p)
{
	if (!p->is_stopping)
		output_say(p->output, MESSAGE_INFO, "stopping",
			   "stopping %u worker%s; once more to stop at once", p->n_workers,
			   p->n_workers == 1 ? "" : "s");
	else
		output_say(p->output, MESSAGE_INFO, "stopping", "stopping at once");
	stop_all(p, p->is_stopping);
}

static void on_one_more(struct primary *p)
{
	if (p->n_wanted == APP_WORKERS_MAX || p->is_stopping)
		return;
	p->n_wanted++;
	output_say(p->output, MESSAGE_INFO, "scaled", "%s: one worker more, %u now",
		   p->config->name, p->n_wanted);
	start_missing(p);
}

static void on_one_fewer(struct primary *p)
{
	struct worker *last = p->workers[p->n_wanted - 1];

	if (p->n_wanted == 1)
		output_say(p->output, MESSAGE_WARNING, "not_scaled",
			   "%s has one worker only, and keeps it", p->config->name);
	if (p->n_wanted == 1 || p->is_stopping)
		return;
	p->n_wanted--;
	p->home.n_workers = p->n_wanted;
	output_say(p->output, MESSAGE_INFO, "scaled", "%s: one worker fewer, %u now",
		   p->config->name, p->n_wanted);
	if (last)
		stop_worker(last, false);
}

static void on_not_yet(struct primary *p)
{
	output_say(p->output, MESSAGE_WARNING, "signal_ignored",
		   "this version cannot reload or upgrade by signal: nothing is changed");
}

static const struct watched_signal watched_signals[WATCHED_SIGNALS] = {
	{ SIGCHLD, on_child },  { SIGTERM, on_stop },     { SIGINT, on_stop },
	{ SIGQUIT, on_stop },   { SIGTTIN, on_one_more }, { SIGTTOU, on_one_fewer },
	{ SIGHUP, on_not_yet }, { SIGUSR2, on_not_yet },
};

static void on_signal(uv_signal_t *handle, int number)
{
	for (size_t i = 0; i < WATCHED_SIGNALS; i++)
		if (watched_signals[i].number == number)
			watched_signals[i].handle(handle->data);
}

static int watch_signals(struct primary *p)
{
	for (size_t i = 0; i < WATCHED_SIGNALS; i++) {
		uv_signal_t *s = &p->signals[i];
		int r = uv_signal_init(&p->loop, s);

		if (r < 0)
			return r;
		s->data = p;
		p->n_signals++;
		r = uv_signal_start(s, on_signal, watched_signals[i].number);
		if (r < 0)
			return r;
	}
	/* No logs to reopen yet, and no reader's end should be ours. */
	(void)signal(SIGUSR1, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	return 0;
}

/* --- start --- */

static int fail(struct primary *p, int exit_code, const char *event, const char *text)
{
	output_say(p->output, MESSAGE_ERROR, event, "%s", text);
	return exit_code;
}

static int find_command(struct primary *p)
{
	const char *command = p->config->argv[0];
	const char *search = worker_args_env(p->config->env, "PATH");
	char text[PATH_TEXT_MAX + 64];
	int r = spawn_find(command, search ? search : getenv("PATH"), p->path, sizeof(p->path));

	if (r == 0)
		return PRIMARY_DONE;
	(void)snprintf(text, sizeof(text), "cannot run %s: %s", command,
		       r == -ENOENT ? "command not found" : strerror(-r));
	return fail(p, r == -ENOENT ? PRIMARY_NOT_FOUND : PRIMARY_NOT_EXECUTABLE, "command_not_run",
		    text);
}

static int claim(struct primary *p)
{
	char text[COMPLAINT_TEXT_MAX];
	size_t failed = 0;
	int r = ports_claim_listed(&p->ports, &failed);

	if (r == 0)
		return PRIMARY_DONE;
	(void)complaint_text(-r, &p->config->listen[failed], text);
	if (r == -EADDRINUSE)
		return fail(p, PRIMARY_PORT_HELD, "port_held", text);
	return fail(p, r == -EACCES || r == -EPERM ? PRIMARY_NOT_PERMITTED : PRIMARY_FAILED,
		    "port_not_claimed", text);
}

static int choose_tier(struct primary *p)
{
	char text[TIER_TEXT_MAX];
	struct steer *steer;
	int r = tier_choose(p->config, &steer, text);

	if (r < 0)
		return fail(p, r == -EPERM || r == -EACCES ? PRIMARY_NOT_PERMITTED : PRIMARY_FAILED,
			    "tier_failed", text);
	output_say(p->output, MESSAGE_INFO, "tier", "%s", text);
	r = ports_begin_steering(&p->ports, steer);
	return r < 0 ? fail(p, PRIMARY_FAILED, "port_not_steered", strerror(-r)) : PRIMARY_DONE;
}

static int make_filter(struct primary *p)
{
	int r = filter_new(&p->filter);

	if (r == 0)
		return PRIMARY_DONE;
	return fail(p, PRIMARY_FAILED, "filter_failed",
		    r == -EOPNOTSUPP
			    ? "this kernel cannot trap a worker's calls safely: berth needs "
			      "Linux 5.19 or later, with seccomp"
			    : strerror(-r));
}

/* Ports before anything that takes time: a port that is held must be told at once. */
static int prepare(struct primary *p)
{
	int code = find_command(p);

	if (code == PRIMARY_DONE)
		code = claim(p);
	if (code == PRIMARY_DONE)
		code = make_filter(p);
	if (code == PRIMARY_DONE)
		code = choose_tier(p);
	return code;
}

static int init(struct primary *p, const struct app_config *config)
{
	const struct output_options options = {
		.stdout_fd = STDOUT_FILENO,
		.stderr_fd = STDERR_FILENO,
		.is_json = config->json,
		.is_quiet = config->quiet,
	};
	sigset_t none;
	int r;

	spawn_note_inherited(&p->home.inherited); /* before we change any of it */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* whoever started us may have blocked some */
	r = uv_loop_init(&p->loop);

	if (r == 0)
		r = uv_timer_init(&p->loop, &p->last_wait);
	if (r == 0)
		r = uv_timer_init(&p->loop, &p->unserved_check);
	if (r == 0)
		r = watch_signals(p);
	if (r == 0)
		r = output_new(&p->loop, &options, &p->output);
	if (r == 0)
		r = ports_init(&p->ports, &p->loop, config,
			       config->mode != MODE_SHARED && steer_is_permitted());
	if (r == 0)
		r = sock_own_netns(&p->broker.netns_cookie);
	if (r < 0)
		return r;
	output_fit(p->output, config->name, config->n_workers);
	p->broker.ports = &p->ports;
	p->broker.config = config;
	p->broker.output = p->output;
	p->broker.on_listening = on_listening;
	p->home.loop = &p->loop;
	p->home.config = config;
	p->home.broker = &p->broker;
	p->home.path = p->path;
	p->home.on_ready = on_ready;
	p->home.on_gone = on_gone;
	spawn_raise_files();
	/* What a worker's tree leaves behind becomes our child, and is ended with the worker. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	return 0;
}

int primary_run(const struct app_config *config)
{
	struct primary *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return PRIMARY_FAILED;
	p->config = config;
	p->n_wanted = config->n_workers;
	p->started_at_ms = clock_ms();
	r = init(p, config);
	if (r < 0) {
		(void)fprintf(stderr, "berth: cannot start: %s\n", strerror(-r));
		free(p);
		return PRIMARY_FAILED;
	}
	p->exit_code = prepare(p);
	p->home.filter = p->filter;
	if (p->exit_code == PRIMARY_DONE)
		start_missing(p);
	else
		end(p);
	(void)uv_run(&p->loop, UV_RUN_DEFAULT);
	r = p->exit_code;
	(void)uv_loop_close(&p->loop);
	(void)filter_free(p->filter);
	free(p);
	return r;
}
