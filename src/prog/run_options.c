/*
 * The command line of `berth run`: one table of options, from which they are
 * read and explained.
 */
#include "prog/run_options.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/number.h"
#include "base/strv.h"
#include "core/app_check.h"
#include "core/app_name.h"
#include "os/cpus.h"
#include "prog/option_values.h"
#include "prog/print_check.h"
#include "prog/run_steering.h"
#include "prog/run_supervision.h"

#define STOP_TIMEOUT_DEFAULT_MS  30000
#define READY_TIMEOUT_DEFAULT_MS 60000
#define DRAIN_DEFAULT_MS         30000
#define IDLE_CLOSE_DEFAULT_MS    5000
#define WATCH_DEFAULT_MS         10000
#define UNDO_DEFAULT_MS          300000
#define BACKLOG_DEFAULT          1024
#define UDP_FLOWS_DEFAULT        65536
#define UDP_FLOWS_MIN            1024
#define UDP_FLOWS_MAX            16777216
#define UDP_IDLE_DEFAULT_MS      60000

struct rule {
	const char *name;     /* after "--", or NULL */
	int letter;           /* after "-", or 0 */
	const char *argument; /* what help calls it; NULL: it takes none */
	const char *help;
	enum run_options_result (*set)(struct app_config *c, const char *value); /* NULL: help */
};

/* --- what is wrong ------------------------------------------------------------------- */

__attribute__((format(printf, 1, 2))) static enum run_options_result wrong(const char *format, ...)
{
	va_list arguments;

	(void)fputs("berth run: ", stderr);
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	(void)fputc('\n', stderr);
	return RUN_OPTIONS_WRONG;
}

enum run_options_result run_options_refuse(const char *text)
{
	return wrong("%s", text);
}

static enum run_options_result no_memory(void)
{
	(void)wrong("no memory is left");
	return RUN_OPTIONS_FAILED;
}

/* --- one option each ----------------------------------------------------------------- */

static enum run_options_result set_auto_workers(struct app_config *c)
{
	int err = cpus_usable(&c->n_workers);

	if (err < 0) {
		(void)wrong("cannot count the usable CPUs (%s): give a number with -n",
			    strerror(-err));
		return RUN_OPTIONS_FAILED;
	}
	if (c->n_workers > APP_WORKERS_MAX)
		c->n_workers = APP_WORKERS_MAX;
	return RUN_OPTIONS_OK;
}

static enum run_options_result read_workers(struct app_config *c, const char *source,
					    const char *value)
{
	uint64_t n;

	if (strcmp(value, "auto") == 0)
		return set_auto_workers(c);
	if (!number_parse(value, strlen(value), APP_WORKERS_MAX, &n) || n == 0)
		return wrong("%s must be a number from 1 to %d, or auto, not '%s'", source,
			     APP_WORKERS_MAX, value);
	c->n_workers = (unsigned)n;
	return RUN_OPTIONS_OK;
}

static enum run_options_result set_workers(struct app_config *c, const char *value)
{
	return read_workers(c, "-n", value);
}

static enum run_options_result set_name(struct app_config *c, const char *value)
{
	if (!app_name_is_valid(value))
		return wrong("the name '%s' must be 1 to %d of a-z, 0-9, '.', '_' and '-', and not "
			     "begin with '.' or '-'",
			     value, APP_NAME_MAX);
	free(c->name);
	c->name = strdup(value);
	return c->name ? RUN_OPTIONS_OK : no_memory();
}

static bool has_ending(const char *text, const char *ending)
{
	size_t size = strlen(text), ending_size = strlen(ending);

	return size >= ending_size && strcmp(text + size - ending_size, ending) == 0;
}

static enum run_options_result add_listen(struct app_config *c, const char *value)
{
	enum addr_error e;

	if (c->n_listen == APP_PORTS_MAX)
		return wrong("at most %d addresses may be given with --listen", APP_PORTS_MAX);
	e = addr_parse(value, &c->listen[c->n_listen]);
	if (e == ADDR_BAD_PORT && has_ending(value, "/udp"))
		return wrong("--listen '%s' names UDP: write udp:%.*s", value,
			     (int)(strlen(value) - strlen("/udp")), value);
	if (e != ADDR_OK)
		return wrong("--listen '%s' %s", value, addr_error_text(e));
	c->n_listen++;
	return RUN_OPTIONS_OK;
}

static enum run_options_result add_port(const char *option, const char *value, uint16_t *ports,
					size_t *n_ports)
{
	if (*n_ports == APP_PORTS_MAX)
		return wrong("at most %d ports may be given with %s", APP_PORTS_MAX, option);
	if (!option_port(value, &ports[*n_ports]))
		return wrong("%s '%s' must be a port from 1 to 65535", option, value);
	++*n_ports;
	return RUN_OPTIONS_OK;
}

static enum run_options_result add_unique(struct app_config *c, const char *value)
{
	return add_port("--unique", value, c->unique_ports, &c->n_unique);
}

static enum run_options_result add_private(struct app_config *c, const char *value)
{
	return add_port("--private", value, c->private_ports, &c->n_private);
}

static enum run_options_result add_quic(struct app_config *c, const char *value)
{
	return add_port("--quic", value, c->quic_ports, &c->n_quic);
}

/* What tells a worker who it is: see core/worker_args. */
static bool is_our_variable(const char *key, size_t size)
{
	static const char *const names[] = {
		"BERTH_APP",        "BERTH_SLOT", "BERTH_WORKERS",
		"BERTH_GENERATION", "BERTH_RUN",  "NODE_APP_INSTANCE"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == size && strncmp(names[i], key, size) == 0)
			return true;
	}
	return false;
}

static enum run_options_result add_env(struct app_config *c, const char *value)
{
	size_t key_size = strcspn(value, "=");

	if (key_size == 0 || value[key_size] == '\0')
		return wrong("--env '%s' must be of the form KEY=VALUE", value);
	if (is_our_variable(value, key_size))
		return wrong("--env '%s': berth sets %.*s itself, for every worker", value,
			     (int)key_size, value);
	return strv_set_variable(&c->env, value) ? RUN_OPTIONS_OK : no_memory();
}

static enum run_options_result set_stop_signal(struct app_config *c, const char *value)
{
	if (!option_signal(value, &c->stop_signal))
		return wrong("there is no signal '%s': write a name such as TERM, or a number from "
			     "1 to %d",
			     value, SIGRTMAX);
	return RUN_OPTIONS_OK;
}

static enum run_options_result read_time(const char *option, const char *value, uint32_t *ret_ms)
{
	if (option_duration_ms(value, ret_ms))
		return RUN_OPTIONS_OK;
	return wrong("%s '%s' must be a time such as 30s, 500ms or 2m", option, value);
}

static enum run_options_result set_stop_timeout(struct app_config *c, const char *value)
{
	return read_time("--stop-timeout", value, &c->stop_timeout_ms);
}

/* A time, or a word for 0. */
static enum run_options_result read_time_or_off(const char *option, const char *value,
						uint32_t *ret_ms)
{
	if (strcmp(value, "off") == 0) {
		*ret_ms = 0;
		return RUN_OPTIONS_OK;
	}
	if (option_duration_ms(value, ret_ms))
		return RUN_OPTIONS_OK;
	return wrong("%s '%s' must be a time such as 30s, 500ms or 2m, or off", option, value);
}

static enum run_options_result set_ready_timeout(struct app_config *c, const char *value)
{
	return read_time_or_off("--ready-timeout", value, &c->ready_timeout_ms);
}

static enum run_options_result set_drain(struct app_config *c, const char *value)
{
	return read_time("--drain", value, &c->drain_ms);
}

static enum run_options_result set_idle_close(struct app_config *c, const char *value)
{
	return read_time_or_off("--idle-close", value, &c->idle_close_ms);
}

static enum run_options_result set_watch(struct app_config *c, const char *value)
{
	return read_time_or_off("--watch", value, &c->watch_ms);
}

static enum run_options_result set_undo(struct app_config *c, const char *value)
{
	return read_time_or_off("--undo", value, &c->undo_ms);
}

static enum run_options_result set_probe(struct app_config *c, const char *value)
{
	enum probe_error e = probe_parse(value, &c->probe);

	return e == PROBE_OK ? RUN_OPTIONS_OK
			     : wrong("--probe '%s' %s", value, probe_error_text(e));
}

static enum run_options_result set_probe_interval(struct app_config *c, const char *value)
{
	enum run_options_result result =
		read_time("--probe-interval", value, &c->probe_timing.interval_ms);

	if (c->probe_timing.interval_ms < c->probe_timing.start_interval_ms)
		c->probe_timing.start_interval_ms = c->probe_timing.interval_ms;
	return result;
}

static enum run_options_result set_probe_timeout(struct app_config *c, const char *value)
{
	return read_time("--probe-timeout", value, &c->probe_timing.timeout_ms);
}

static enum run_options_result set_probe_failures(struct app_config *c, const char *value)
{
	uint64_t n;

	if (!number_parse(value, strlen(value), PROBE_FAILURES_MAX, &n) || n == 0)
		return wrong("--probe-failures '%s' must be a number from 1 to %d", value,
			     PROBE_FAILURES_MAX);
	c->probe_timing.n_failures = (unsigned)n;
	return RUN_OPTIONS_OK;
}

static enum run_options_result set_notify(struct app_config *c, const char *value)
{
	(void)value;
	c->must_notify = true;
	return RUN_OPTIONS_OK;
}

static enum run_options_result read_slots(const char *option, const char *value,
					  unsigned *ret_number)
{
	uint64_t n;

	if (!number_parse(value, strlen(value), APP_WORKERS_MAX, &n))
		return wrong("%s '%s' must be a number from 0 to %d", option, value,
			     APP_WORKERS_MAX);
	*ret_number = (unsigned)n;
	return RUN_OPTIONS_OK;
}

static enum run_options_result set_max_surge(struct app_config *c, const char *value)
{
	return read_slots("--max-surge", value, &c->max_surge);
}

static enum run_options_result set_max_unavailable(struct app_config *c, const char *value)
{
	return read_slots("--max-unavailable", value, &c->max_unavailable);
}

static enum run_options_result set_backlog(struct app_config *c, const char *value)
{
	uint64_t n;

	if (!number_parse(value, strlen(value), INT_MAX, &n))
		return wrong("--backlog '%s' must be a number from 0 to %d", value, INT_MAX);
	c->backlog_min = (unsigned)n;
	return RUN_OPTIONS_OK;
}

static enum run_options_result set_udp_flows(struct app_config *c, const char *value)
{
	uint64_t n;

	if (!number_parse(value, strlen(value), UDP_FLOWS_MAX, &n) || n < UDP_FLOWS_MIN)
		return wrong("--udp-flows '%s' must be a number from %d to %d", value,
			     UDP_FLOWS_MIN, UDP_FLOWS_MAX);
	c->udp_flows = (uint32_t)n;
	return RUN_OPTIONS_OK;
}

static enum run_options_result set_udp_hold(struct app_config *c, const char *value)
{
	(void)value;
	c->udp_hold = true;
	return RUN_OPTIONS_OK;
}

static enum run_options_result set_udp_idle(struct app_config *c, const char *value)
{
	return read_time("--udp-idle", value, &c->udp_idle_ms);
}

static enum run_options_result set_quiet(struct app_config *c, const char *value)
{
	(void)value;
	c->quiet = true;
	return RUN_OPTIONS_OK;
}

static enum run_options_result set_json(struct app_config *c, const char *value)
{
	(void)value;
	c->json = true;
	return RUN_OPTIONS_OK;
}

/* clang-format off */
static const struct rule rules[] = {
	{ NULL, 'n', "N|auto", "how many workers; default: WEB_CONCURRENCY, or auto", set_workers },
	{ "name", 0, "NAME", "the app's name; default: taken from COMMAND", set_name },
	{ "listen", 0, "ADDR", "listen at 0.0.0.0:8000, [::]:8000, unix:/path *", add_listen },
	{ "policy", 0, "POLICY", "who gets a connection: round-robin (default) *", run_steering_policy },
	{ "weights", 0, "N,N…", "of slot 1, slot 2, … for --policy weighted", run_steering_weights },
	{ "mode", 0, "MODE", "auto (default), steered or shared: see berth(1)", run_steering_mode },
	{ "unique", 0, "PORT", "a worker that binds PORT gets PORT + its slot *", add_unique },
	{ "private", 0, "PORT", "leave PORT to the worker that binds it *", add_private },
	{ "env", 0, "KEY=VALUE", "set a variable in every worker *", add_env },
	{ "stop-signal", 0, "SIGNAL", "asks a worker to stop; default: TERM", set_stop_signal },
	{ "stop-timeout", 0, "TIME", "then it is killed: 500ms, 30s (default), 2m", set_stop_timeout },
	{ "ready-timeout", 0, "TIME", "to serve, or a reload rolls back: 60s (default), off", set_ready_timeout },
	{ "probe", 0, "PROBE", "ask each worker: http:/path, tcp, exec:COMMAND", set_probe },
	{ "probe-interval", 0, "TIME", "from one probe to the next; default: 1s", set_probe_interval },
	{ "probe-timeout", 0, "TIME", "of one probe; default: 2s", set_probe_timeout },
	{ "probe-failures", 0, "N", "in a row, then it is replaced; default: 3", set_probe_failures },
	{ "notify", 0, NULL, "a worker is ready when it says so to NOTIFY_SOCKET", set_notify },
	{ "drain", 0, "TIME", "for a leaving worker's clients; default: 30s", set_drain },
	{ "idle-close", 0, "TIME", "then close those that are idle: 5s (default), off", set_idle_close },
	{ "watch", 0, "TIME", "before a reload is final; default: 10s; or off", set_watch },
	{ "undo", 0, "TIME", "keep the last generation; default: 5m; or off", set_undo },
	{ "max-surge", 0, "N", "how many new workers come up at once; default: 1", set_max_surge },
	{ "max-unavailable", 0, "N", "and those in the place of an old one; default: 0", set_max_unavailable },
	{ "max-memory", 0, "SIZE", "replace a worker that has more: 512M, 2G", run_supervision_max_memory },
	{ "max-age", 0, "TIME", "replace a worker that is older", run_supervision_max_age },
	{ "max-connections", 0, "N", "replace a worker that has had as many", run_supervision_max_connections },
	{ "hang-timeout", 0, "TIME", "replace one whose queue stands still: off (default)", run_supervision_hang_timeout },
	{ "max-restarts", 0, "N/TIME", "then its slot stays empty: 5/60s; default: never", run_supervision_max_restarts },
	{ "stop-exit-codes", 0, "CODES", "one that ends with these stays so: 0,77", run_supervision_stop_exit_codes },
	{ "backlog", 0, "N", "raise every listen backlog to N; default: 1024", set_backlog },
	{ "quic", 0, "PORT", "steer UDP port PORT by QUIC's connection ids *", add_quic },
	{ "udp-flows", 0, "N", "that the table of UDP flows holds; default: 65536", set_udp_flows },
	{ "udp-hold", 0, NULL, "keep a dead worker's UDP sockets for the next", set_udp_hold },
	{ "udp-idle", 0, "TIME", "then a flow leaves a draining worker; default: 60s", set_udp_idle },
	{ "quiet", 0, NULL, "print only what workers print, warnings, errors", set_quiet },
	{ "json", 0, NULL, "print each line as JSON, the workers' too", set_json },
	{ "help", 'h', NULL, "print this and end", NULL },
};
/* clang-format on */

#define N_RULES (sizeof(rules) / sizeof(rules[0]))

#define LETTERS   "+:hn:" /* stop at the command; tell a missing value apart */
#define LONG_CODE 256     /* getopt_long() returns this and the index of the rule */

/* --- all of them --------------------------------------------------------------------- */

static void print_rule(const struct rule *r)
{
	char names[64] = "  ";

	if (r->letter)
		(void)snprintf(names, sizeof(names), "-%c", r->letter);
	if (r->name)
		(void)snprintf(names + 2, sizeof(names) - 2, "%s --%s", r->letter ? "," : " ",
			       r->name);
	(void)printf("  %s %-*s %s\n", names, 24 - (int)strlen(names),
		     r->argument ? r->argument : "", r->help);
}

static enum run_options_result print_help(void)
{
	(void)puts("usage: berth run [OPTIONS] -- COMMAND [ARG...]\n\n"
		   "Runs copies of a server that has never heard of berth, and lets them share\n"
		   "the ports that they bind.\n");
	for (size_t i = 0; i < N_RULES; i++)
		print_rule(&rules[i]);
	(void)puts(
		"\n"
		"* may be repeated. With --listen 8000, a number alone, nobody else can have the\n"
		"port, but clients are refused until a worker says which address it means.\n"
		"In every ARG, and in VALUE, {slot}, {workers} and sums such as {8000+slot} are\n"
		"replaced for each worker.\n\n"
		"Examples:\n"
		"  berth run -n 4 -- node app.js\n"
		"  berth run --listen 0.0.0.0:8000 -- python3 -m http.server 8000");
	return print_check("berth run") ? RUN_OPTIONS_HELP : RUN_OPTIONS_FAILED;
}

static const struct rule *find_rule(int code)
{
	for (size_t i = 0; i < N_RULES; i++)
		if (code == LONG_CODE + (int)i || (code && code == rules[i].letter))
			return &rules[i];
	return NULL;
}

static enum run_options_result wrong_option(int code, int option, const char *text)
{
	const struct rule *r = find_rule(option);

	if (code == ':' && r)
		return wrong("%s needs a value: %s", text, r->argument);
	if (r)
		return wrong("--%s takes no value", r->name);
	if (option)
		return wrong("there is no option -%c: see berth run --help", option);
	return wrong("there is no option %s: see berth run --help", text);
}

static enum run_options_result read_options(int argc, char **argv, struct app_config *c)
{
	struct option names[N_RULES + 1] = { 0 };
	enum run_options_result result = RUN_OPTIONS_OK;
	size_t n_names = 0;

	for (size_t i = 0; i < N_RULES; i++) {
		if (!rules[i].name)
			continue;
		names[n_names].name = rules[i].name;
		names[n_names].has_arg = rules[i].argument ? required_argument : no_argument;
		names[n_names++].val = LONG_CODE + (int)i;
	}

	opterr = 0;
	optind = 0; /* glibc: begin anew */
	while (result == RUN_OPTIONS_OK) {
		int code = getopt_long(argc, argv, LETTERS, names, NULL);
		const struct rule *r;

		if (code == -1)
			break;
		if (code == '?' || code == ':')
			return wrong_option(code, optopt, argv[optind - 1]);
		r = find_rule(code);
		result = r->set ? r->set(c, optarg) : RUN_OPTIONS_HELP;
	}
	return result;
}

static enum run_options_result set_command(struct app_config *c, char **command)
{
	if (!command[0] || !command[0][0])
		return wrong("there is no command to run: "
			     "write berth run [OPTIONS] -- COMMAND [ARG...]");
	c->argv = strv_copy(command);
	return c->argv ? RUN_OPTIONS_OK : no_memory();
}

/* Fills in what was not given, and looks at all of it together. */
static enum run_options_result complete(struct app_config *c)
{
	const char *concurrency = getenv("WEB_CONCURRENCY");
	enum run_options_result result = RUN_OPTIONS_OK;
	char text[APP_CHECK_TEXT_MAX > APP_NAME_MAX ? APP_CHECK_TEXT_MAX : APP_NAME_MAX + 1];

	if (!c->n_workers)
		result = concurrency && *concurrency
				 ? read_workers(c, "WEB_CONCURRENCY", concurrency)
				 : set_auto_workers(c);
	if (result != RUN_OPTIONS_OK)
		return result;
	if (!c->name) {
		app_name_from_command(c->argv, text);
		c->name = strdup(text);
		if (!c->name)
			return no_memory();
	}
	if (probe_timing_check(&c->probe_timing) != PROBE_TIMING_OK)
		return wrong("a probe's %s",
			     probe_timing_error_text(probe_timing_check(&c->probe_timing)));
	if (c->policy == POLICY_SHARED && c->mode == MODE_STEERED)
		return wrong(
			"--policy shared is what --mode steered rules out: leave one of them out");
	if (c->policy == POLICY_SHARED)
		c->mode = MODE_SHARED;
	if (c->max_surge + c->max_unavailable == 0)
		return wrong("--max-surge 0 with --max-unavailable 0 lets no reload begin");
	return app_check(c, text) == APP_SOUND ? RUN_OPTIONS_OK : wrong("%s", text);
}

enum run_options_result run_options_parse(int argc, char **argv, struct app_config *ret_config)
{
	struct app_config c = {
		.stop_signal = SIGTERM,
		.stop_timeout_ms = STOP_TIMEOUT_DEFAULT_MS,
		.ready_timeout_ms = READY_TIMEOUT_DEFAULT_MS,
		.drain_ms = DRAIN_DEFAULT_MS,
		.idle_close_ms = IDLE_CLOSE_DEFAULT_MS,
		.watch_ms = WATCH_DEFAULT_MS,
		.undo_ms = UNDO_DEFAULT_MS,
		.max_surge = 1,
		.probe_timing = PROBE_TIMING_DEFAULT,
		.backlog_min = BACKLOG_DEFAULT,
		.udp_flows = UDP_FLOWS_DEFAULT,
		.udp_idle_ms = UDP_IDLE_DEFAULT_MS,
	};
	enum run_options_result result = read_options(argc, argv, &c);

	if (result == RUN_OPTIONS_HELP)
		result = print_help();
	if (result == RUN_OPTIONS_OK)
		result = set_command(&c, argv + optind);
	if (result == RUN_OPTIONS_OK)
		result = complete(&c);
	if (result == RUN_OPTIONS_OK)
		*ret_config = c;
	else
		app_config_done(&c);
	return result;
}
