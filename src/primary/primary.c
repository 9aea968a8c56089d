/*
 * Puts the rest together on one loop: what the keeper has, ports, workers, orders.
 */
#include "primary/primary.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "base/container_of.h"
#include "base/own.h"
#include "os/clock.h"
#include "os/filter.h"
#include "os/sibling.h"
#include "primary/complaint.h"
#include "primary/describe.h"
#include "primary/fleet.h"
#include "primary/new_keeper.h"
#include "primary/output.h"
#include "primary/port_remains.h"
#include "primary/run_log.h"
#include "primary/tier.h"
#include "primary/upgrade.h"

#define PATH_TEXT_MAX 4096
#define JOURNAL_NAME  "log/journal"

/* The pause before another keeper, when one has died soon after it was started. */
#define RENEW_MAX_MS   5000
#define RENEW_RESET_MS 1000

struct primary {
	const struct app_config *config;
	char *const *argv;
	const struct primary_api *api;
	int api_fd; /* NO_FD where nobody can ask */
	uv_loop_t loop;
	struct keep *keep;
	struct output *output;
	struct ports ports;
	struct broker broker;
	struct fleet fleet;
	struct upgrade upgrade;
	struct sock_fprog *filter;
	int record_fd;    /* of the trapped call */
	uv_timer_t renew; /* of the keeper */
	uint64_t renew_ms;
	int64_t renewed_at_ms;
	char path[PATH_TEXT_MAX]; /* of the program */
	unsigned n_primaries;     /* this one included */
	bool is_tiered;
	bool may_save; /* what a predecessor has left is all here */
	bool has_ended;
};

/* --- the state --- */

static bool has_room(struct state *s, const struct primary *p)
{
	/* One more than needed: an empty list has memory, too. */
	s->workers = calloc(p->fleet.n_workers + 1, sizeof(*s->workers));
	s->ports = calloc(PORT_TABLE_MAX, sizeof(*s->ports));
	s->berths = calloc(port_remains_n_berths(&p->ports) + 1, sizeof(*s->berths));
	return s->workers && s->ports && s->berths;
}

static void save(void *data)
{
	struct primary *p = data;
	struct state s = { 0 };
	own_free void *blob = NULL;
	size_t size = 0;

	if (!p->may_save)
		return;
	if (has_room(&s, p)) {
		s.app.done = keep_done(p->keep);
		s.app.origin = p->ports.origin;
		s.app.n_primaries = p->n_primaries;
		s.app.upgrade = p->upgrade.number;
		s.app.upgrade_result = p->upgrade.state;
		s.app.flags |= p->is_tiered ? STATE_APP_TIERED : 0;
		s.app.flags |= p->ports.steer ? 0 : STATE_APP_SHARED;
		fleet_remains(&p->fleet, &s);
		port_remains(&p->ports, &s);
		size = state_write(&s, &blob);
	}
	state_done(&s);
	if (size)
		keep_set_state(p->keep, blob, size);
}

/* --- the end --- */

static void end(struct primary *p)
{
	if (p->has_ended)
		return;
	p->has_ended = true;
	p->may_save = false;
	keep_end(p->keep);
	upgrade_done(&p->upgrade);
	if (p->api_fd >= 0)
		p->api->end(p, p->config->name, p->api_fd);
	drop_fd(&p->api_fd);
	uv_close((uv_handle_t *)&p->renew, NULL);
	fleet_done(&p->fleet);
	ports_done(&p->ports);
	p->output = output_free(p->output);
	keep_finish(p->keep, p->fleet.exit_code);
	p->keep = keep_free(p->keep);
}

static void on_empty(struct fleet *f)
{
	end(container_of(f, struct primary, fleet));
}

/* --- orders --- */

static void on_stop(struct primary *p)
{
	struct fleet *f = &p->fleet;
	bool is_second = f->is_stopping;

	if (!is_second)
		output_say(p->output, MESSAGE_INFO, "stopping",
			   "stopping %u worker%s; once more to stop at once", f->n_workers,
			   f->n_workers == 1 ? "" : "s");
	else
		output_say(p->output, MESSAGE_INFO, "stopping", "stopping at once");
	fleet_stop(f, is_second);
}

static void on_one_more(struct primary *p)
{
	struct fleet *f = &p->fleet;

	if (f->n_wanted == APP_WORKERS_MAX || f->is_stopping)
		return;
	output_say(p->output, MESSAGE_INFO, "scaled", "%s: one worker more, %u now",
		   p->config->name, f->n_wanted + 1);
	fleet_scale(f, f->n_wanted + 1);
}

static void on_one_fewer(struct primary *p)
{
	struct fleet *f = &p->fleet;

	if (f->n_wanted == 1)
		output_say(p->output, MESSAGE_WARNING, "not_scaled",
			   "%s has one worker only, and keeps it", p->config->name);
	if (f->n_wanted == 1 || f->is_stopping)
		return;
	output_say(p->output, MESSAGE_INFO, "scaled", "%s: one worker fewer, %u now",
		   p->config->name, f->n_wanted - 1);
	fleet_scale(f, f->n_wanted - 1);
}

static void on_upgrade(struct primary *p)
{
	uint64_t number;
	int r = primary_upgrade(p, NULL, &number);

	if (r < 0)
		output_say(p->output, MESSAGE_ERROR, "not_upgraded", "cannot upgrade: %s",
			   strerror(-r));
}

static void on_reload(struct primary *p)
{
	output_say(p->output, MESSAGE_WARNING, "signal_ignored",
		   "this version cannot reload by signal: nothing is changed");
}

/* What a signal to berth means. */
static const struct {
	int number;
	void (*handle)(struct primary *p); /* NULL: nothing, and no reader's end should be ours */
} orders[] = {
	{ SIGTERM, on_stop },     { SIGINT, on_stop },       { SIGQUIT, on_stop },
	{ SIGTTIN, on_one_more }, { SIGTTOU, on_one_fewer }, { SIGHUP, on_reload },
	{ SIGUSR2, on_upgrade },  { SIGUSR1, NULL },         { SIGPIPE, NULL },
	{ SIGXFSZ, NULL },
};

#define N_ORDERS (sizeof(orders) / sizeof(orders[0]))

static void on_signalled(void *data, int signal)
{
	for (size_t i = 0; i < N_ORDERS; i++)
		if (orders[i].number == signal && orders[i].handle)
			orders[i].handle(data);
}

/* They come from the keeper, which is whom users send them to. */
static void ignore_signals(void)
{
	sigset_t none;

	for (size_t i = 0; i < N_ORDERS; i++)
		(void)signal(orders[i].number, SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* --- the API --- */

json_t *primary_describe(struct primary *p)
{
	const struct described d = {
		.fleet = &p->fleet,
		.upgrade = &p->upgrade,
		.keeper = keep_pid(p->keep),
	};

	return describe_app(&d);
}

json_t *primary_describe_upgrade(struct primary *p)
{
	return describe_upgrade(&p->upgrade);
}

unsigned primary_n_wanted(const struct primary *p)
{
	return p->fleet.n_wanted;
}

int primary_scale(struct primary *p, int n_workers)
{
	if (n_workers < 1 || n_workers > APP_WORKERS_MAX)
		return -EINVAL;
	if (p->fleet.is_stopping)
		return -EBUSY;
	output_say(p->output, MESSAGE_INFO, "scaled", "%s: from %u to %d workers", p->config->name,
		   p->fleet.n_wanted, n_workers);
	fleet_scale(&p->fleet, (unsigned)n_workers);
	return 0;
}

int primary_upgrade(struct primary *p, const char *binary, uint64_t *ret_number)
{
	return p->fleet.is_stopping ? -EBUSY : upgrade_start(&p->upgrade, binary, ret_number);
}

/* --- what the keeper tells --- */

static void on_exited(void *data, pid_t pid, int status)
{
	struct primary *p = data;

	fleet_note_exit(&p->fleet, pid, status);
}

static void on_refused(void *data, const char *name, int error)
{
	struct primary *p = data;

	if (!name[0] && !upgrade_fail(&p->upgrade, "rolled back: the keeper has no room for it"))
		name = "a child";
	output_say(p->output, MESSAGE_ERROR, "keeper_refused",
		   "the keeper could not keep %s (%s): it would be lost with this primary",
		   name[0] ? name : "a program", strerror(error));
}

static void store_steering(struct primary *p)
{
	const struct steer_fds *fds;

	if (!p->ports.steer)
		return;
	fds = steer_fds(p->ports.steer);
	(void)keep_store(p->keep, fds->program, "steer/program");
	(void)keep_store(p->keep, fds->sockets, "steer/sockets");
	(void)keep_store(p->keep, fds->keys, "steer/keys");
	(void)keep_store(p->keep, fds->ports, "steer/ports");
	(void)keep_store(p->keep, fds->berths, "steer/berths");
	(void)keep_store(p->keep, fds->news, "steer/news");
	if (fds->holders >= 0)
		(void)keep_store(p->keep, fds->holders, "steer/holders");
}

static void store_stream(void *data, const struct message_source *source, uint64_t id, int fd)
{
	struct primary *p = data;

	(void)run_log_store(p->keep, source, id, fd);
}

static void store_everything(struct primary *p)
{
	port_remains_store(&p->ports); /* first: without the copies no berth gets a client */
	store_steering(p);
	(void)keep_store(p->keep, p->record_fd, "trapped");
	if (p->api_fd >= 0)
		(void)keep_store(p->keep, p->api_fd, "api");
	if (output_journal_fd(p->output) >= 0)
		(void)keep_store(p->keep, output_journal_fd(p->output), JOURNAL_NAME);
	fleet_store(&p->fleet);
	output_each_stream(p->output, store_stream, p);
	save(p);
}

static void renew_later(struct primary *p);

static void on_renew(uv_timer_t *timer)
{
	struct primary *p = container_of(timer, struct primary, renew);
	int link_fd;
	pid_t pid;
	int r = new_keeper_start(p->argv, &p->fleet.home.inherited, &link_fd, &pid);

	if (r == 0)
		r = keep_renew(p->keep, link_fd, pid);
	if (r < 0) {
		output_say(p->output, MESSAGE_ERROR, "keeper_lost",
			   "the keeper has died, and another cannot be started (%s): workers go "
			   "on, but if this primary (pid %d) dies, nobody takes over",
			   strerror(-r), (int)getpid());
		fleet_store(&p->fleet); /* they have to be watched, all the same */
		renew_later(p);
		return;
	}
	p->renewed_at_ms = clock_ms();
	store_everything(p);
	keep_ready(p->keep);
	port_remains_go_on(&p->ports);
	output_say(p->output, MESSAGE_WARNING, "keeper_lost",
		   "the keeper has died: another one (pid %d) has everything, workers go on",
		   (int)pid);
}

/* At once, but if the last new keeper died at once as well, after a pause that grows. */
static void renew_later(struct primary *p)
{
	(void)uv_timer_start(&p->renew, on_renew, p->renew_ms, 0);
	p->renew_ms = p->renew_ms < RENEW_MAX_MS / 2 ? 2 * p->renew_ms : RENEW_MAX_MS;
}

static void on_lost(void *data)
{
	struct primary *p = data;

	if (clock_ms() - p->renewed_at_ms > RENEW_RESET_MS)
		p->renew_ms = 1;
	upgrade_fail(&p->upgrade, "rolled back: the keeper died meanwhile, try again");
	renew_later(p);
}

static const struct keep_events keep_events = {
	.signalled = on_signalled,
	.exited = on_exited,
	.refused = on_refused,
	.lost = on_lost,
	.save = save,
};

static void on_listening(struct broker *b, unsigned slot, const struct port *port)
{
	fleet_note_listening(&container_of(b, struct primary, broker)->fleet, slot, port);
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
	(void)fail(p, 0, "command_not_run", text);
	if (p->n_primaries > 1) {
		/* Workers run: that none can be started now is said each time one should be. */
		(void)snprintf(p->path, sizeof(p->path), "%s", command);
		return PRIMARY_DONE;
	}
	return r == -ENOENT ? PRIMARY_NOT_FOUND : PRIMARY_NOT_EXECUTABLE;
}

static int claim(struct primary *p)
{
	char text[COMPLAINT_TEXT_MAX];
	size_t failed = 0;
	int r = 0;

	ports_drop_unclaimed(&p->ports);
	if (!p->fleet.is_stopping)
		r = ports_claim_listed(&p->ports, &failed);
	if (r == 0)
		return PRIMARY_DONE;
	(void)complaint_text(-r, &p->config->listen[failed], text);
	if (r == -EADDRINUSE)
		return fail(p, PRIMARY_PORT_HELD, "port_held", text);
	return fail(p, r == -EACCES || r == -EPERM ? PRIMARY_NOT_PERMITTED : PRIMARY_FAILED,
		    "port_not_claimed", text);
}

static int make_filter(struct primary *p)
{
	int r = filter_new(&p->filter);

	p->fleet.home.filter = p->filter;
	if (r == 0)
		return PRIMARY_DONE;
	return fail(p, PRIMARY_FAILED, "filter_failed",
		    r == -EOPNOTSUPP
			    ? "this kernel cannot trap a worker's calls safely: berth needs "
			      "Linux 5.19 or later, with seccomp"
			    : strerror(-r));
}

static int take_steering(struct primary *p, struct steer **ret_steer)
{
	struct steer_fds fds = {
		.program = keep_take(p->keep, "steer/program"),
		.sockets = keep_take(p->keep, "steer/sockets"),
		.keys = keep_take(p->keep, "steer/keys"),
		.ports = keep_take(p->keep, "steer/ports"),
		.berths = keep_take(p->keep, "steer/berths"),
		.news = keep_take(p->keep, "steer/news"),
		.holders = keep_take(p->keep, "steer/holders"),
	};

	return steer_resume(&fds, ret_steer);
}

static int choose_tier(struct primary *p)
{
	char text[TIER_TEXT_MAX];
	struct steer *steer = NULL;
	int r;

	if (!p->is_tiered) {
		r = tier_choose(p->config, &steer, text);
		if (r < 0)
			return fail(p,
				    r == -EPERM || r == -EACCES ? PRIMARY_NOT_PERMITTED
								: PRIMARY_FAILED,
				    "tier_failed", text);
		output_say(p->output, MESSAGE_INFO, "tier", "%s", text);
	} else if (p->ports.will_steer) {
		r = take_steering(p, &steer);
		if (r < 0)
			return fail(p, PRIMARY_FAILED, "port_not_steered", strerror(-r));
	}
	p->ports.steer = steer;
	store_steering(p);
	/* From the first port on there is no other program for a successor. */
	p->is_tiered |= steer != NULL;
	save(p);
	r = ports_begin_steering(&p->ports, steer);
	if (r < 0)
		return fail(p, PRIMARY_FAILED, "port_not_steered", strerror(-r));
	p->is_tiered = true;
	save(p);
	return PRIMARY_DONE;
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

/* --- what a predecessor has left --- */

static int resume(struct primary *p, const struct state *s)
{
	int r;

	p->n_primaries = s->app.n_primaries + 1;
	p->is_tiered = s->app.flags & STATE_APP_TIERED;
	p->upgrade.number = s->app.upgrade;
	p->upgrade.state = s->app.upgrade_result < UPGRADE_STATES
				   ? (enum upgrade_state)s->app.upgrade_result
				   : UPGRADE_NONE;
	if (p->is_tiered)
		p->ports.will_steer = !(s->app.flags & STATE_APP_SHARED);
	p->ports.origin = p->fleet.home.origin = s->app.origin;
	keep_skip(p->keep, s->app.done);
	r = port_remains_resume(&p->ports, s);
	if (r == 0)
		fleet_resume(&p->fleet, s);
	return r;
}

/* Reads the state, and takes it over where there is one. */
static int take_over(struct primary *p)
{
	char refusal[STATE_REFUSAL_MAX];
	struct state s = { 0 };
	struct span blob;
	int r;

	keep_state(p->keep, &blob);
	if (!blob.at)
		return 0;
	r = state_read(blob.at, blob.size, &s, refusal);
	if (r < 0) {
		(void)fprintf(stderr, "berth: cannot take over: %s\n", refusal);
		return r;
	}
	r = resume(p, &s);
	state_done(&s);
	return r;
}

static struct broker_client *find_client(void *data, uint64_t run)
{
	struct primary *p = data;
	struct worker *w = fleet_find_run(&p->fleet, run);

	return w ? &w->process->client : NULL;
}

static void begin_api(struct primary *p)
{
	int r;

	p->api_fd = keep_take(p->keep, "api");
	r = p->api->begin(p, &p->loop, p->config->name, &p->api_fd);
	if (r == 0) {
		(void)keep_store(p->keep, p->api_fd, "api");
		return;
	}
	drop_fd(&p->api_fd);
	output_say(p->output, MESSAGE_INFO, "no_control",
		   "no control socket, so `berth ps` and its like cannot reach this berth: %s",
		   r == -EADDRINUSE ? "another berth has this name, --name gives it its own"
		   : r == -ENOENT
			   ? "neither BERTH_RUNTIME_DIR nor XDG_RUNTIME_DIR names a directory"
			   : strerror(-r));
}

/* Everything is known again: what was under way goes on, and what waits for us is done. */
static void go_on(struct primary *p)
{
	port_remains_go_on(&p->ports);
	run_log_resume_rest(p->keep, p->output, p->config->name);
	output_adopted(p->output);
	begin_api(p);
	keep_drop_rest(p->keep); /* before anything new is stored, perhaps under a name of these */
	broker_resume(&p->broker, find_client, p);
	fleet_go_on(&p->fleet);
	if (p->has_ended)
		return;
	upgrade_resume(&p->upgrade); /* before the keeper thinks that it is done */
	keep_ready(p->keep);
	if (keep_begin(p->keep) < 0)
		_exit(PRIMARY_FAILED); /* deaf to the keeper: our successor tries again */
}

static void on_stream_ended(void *data, const struct message_source *source, uint64_t id)
{
	struct primary *p = data;

	run_log_drop(p->keep, source, id);
}

static int init_output(struct primary *p)
{
	own_fd journal_fd = keep_take(p->keep, JOURNAL_NAME);
	const struct output_options options = {
		.stdout_fd = STDOUT_FILENO,
		.stderr_fd = STDERR_FILENO,
		.is_json = p->config->json,
		.is_quiet = p->config->quiet,
		.journal_fd = journal_fd,
	};
	int r = output_new(&p->loop, &options, &p->output);

	if (r < 0)
		return r;
	output_fit(p->output, p->config->name, p->config->n_workers);
	output_tell_ends(p->output, on_stream_ended, p);
	return output_journal_fd(p->output) < 0
		       ? 0
		       : keep_store(p->keep, output_journal_fd(p->output), JOURNAL_NAME);
}

static int init_broker(struct primary *p)
{
	int r;

	p->record_fd = keep_take(p->keep, "trapped");
	r = notif_record_new(&p->record_fd, &p->broker.record);
	if (r == 0)
		r = keep_store(p->keep, p->record_fd, "trapped");
	if (r == 0)
		r = sock_own_netns(&p->broker.netns_cookie);
	p->broker.ports = &p->ports;
	p->broker.config = p->config;
	p->broker.output = p->output;
	p->broker.on_listening = on_listening;
	return r;
}

static int init_fleet(struct primary *p)
{
	p->fleet.config = p->config;
	p->fleet.output = p->output;
	p->fleet.ports = &p->ports;
	p->fleet.keep = p->keep;
	p->fleet.on_empty = on_empty;
	p->fleet.home.loop = &p->loop;
	p->fleet.home.config = p->config;
	p->fleet.home.broker = &p->broker;
	p->fleet.home.keep = p->keep;
	p->fleet.home.path = p->path;
	return fleet_init(&p->fleet, &p->loop);
}

static int init(struct primary *p, int link_fd)
{
	int r;

	spawn_note_inherited(&p->fleet.home.inherited); /* before we change any of it */
	ignore_signals();
	spawn_raise_files();
	r = uv_loop_init(&p->loop);
	if (r == 0)
		r = uv_timer_init(&p->loop, &p->renew);
	if (r == 0)
		r = keep_new(&p->loop, link_fd, &keep_events, p, &p->keep);
	if (r == 0)
		r = init_output(p);
	if (r == 0)
		r = ports_init(&p->ports, &p->loop, p->keep, p->config,
			       p->config->mode != MODE_SHARED && steer_is_permitted());
	if (r == 0)
		r = init_broker(p);
	if (r == 0)
		r = init_fleet(p);
	if (r < 0)
		return r;
	p->ports.origin = p->fleet.home.origin = keep_pid(p->keep);
	p->upgrade.loop = &p->loop;
	p->upgrade.keep = p->keep;
	p->upgrade.output = p->output;
	return take_over(p);
}

int primary_run(const struct primary_start *start)
{
	struct primary *p = calloc(1, sizeof(*p));
	int code;
	int r;

	if (!p)
		return PRIMARY_FAILED;
	p->config = start->config;
	p->argv = start->argv;
	p->api = start->api;
	p->api_fd = NO_FD;
	p->n_primaries = 1;
	p->record_fd = NO_FD;
	/* Started by descriptor, we may have got that one's number for a name. */
	(void)prctl(PR_SET_NAME, "berthd", 0, 0, 0);
	r = init(p, start->link_fd);
	if (r < 0) {
		(void)fprintf(stderr, "berth: cannot start: %s\n", strerror(-r));
		return PRIMARY_FAILED; /* with all that we have: our successor tries again */
	}
	p->may_save = true;
	code = prepare(p);
	if (code == PRIMARY_DONE) {
		go_on(p);
	} else if (p->n_primaries > 1) {
		_exit(code); /* workers run: our successor tries again, with all that is there */
	} else {
		p->fleet.exit_code = code;
		end(p);
	}
	(void)uv_run(&p->loop, UV_RUN_DEFAULT);
	code = p->fleet.exit_code;
	(void)uv_loop_close(&p->loop);
	(void)filter_free(p->filter);
	(void)notif_record_free(p->broker.record);
	drop_fd(&p->record_fd);
	free(p);
	return code;
}

int primary_check_state(int fd)
{
	char keeper[PATH_MAX];
	char refusal[STATE_REFUSAL_MAX];
	struct state s = { 0 };
	own_free void *blob = NULL;
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size <= 0 || (size_t)st.st_size > STATE_SIZE_MAX) {
		(void)printf("there is no state to read\n");
		return PRIMARY_FAILED;
	}
	blob = malloc((size_t)st.st_size);
	if (!blob || pread(fd, blob, (size_t)st.st_size, 0) != st.st_size) {
		(void)printf("the state cannot be read\n");
		return PRIMARY_FAILED;
	}
	if (state_read(blob, (size_t)st.st_size, &s, refusal) < 0) {
		(void)printf("%s\n", refusal);
		return PRIMARY_FAILED;
	}
	state_done(&s);
	if (sibling_path("berth-keeper", keeper, sizeof(keeper)) < 0) {
		(void)printf("berth-keeper does not stand beside this berthd\n");
		return PRIMARY_FAILED;
	}
	(void)printf(UPGRADE_CAN "%s\n", BERTH_VERSION);
	return PRIMARY_DONE;
}
