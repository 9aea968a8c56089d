/*
 * Puts the rest together on one loop: what the keeper has, ports, workers, orders.
 */
#include "primary/primary.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/container_of.h"
#include "base/own.h"
#include "os/clock.h"
#include "os/filter.h"
#include "primary/orders.h"
#include "primary/preparation.h"
#include "primary/primary_parts.h"
#include "primary/renewal.h"
#include "primary/run_log.h"
#include "primary/succession.h"

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
		p->api->end(p->api->data, p->config->name, p->api_fd);
	drop_fd(&p->api_fd);
	uv_close((uv_handle_t *)&p->renew, NULL);
	hang_watch_done(&p->hang_watch);
	recycling_done(&p->recycling);
	reload_done(&p->reload);
	p->drain = drain_free(p->drain);
	p->notify = notify_socket_free(p->notify);
	orders_done(p);
	fleet_done(&p->fleet);
	ports_done(&p->ports);
	p->output = output_free(p->output);
	p->events = event_log_free(p->events);
	keep_finish(p->keep, p->fleet.exit_code);
	p->keep = keep_free(p->keep);
}

/* --- what happens to workers --- */

static void on_worker_listening(struct fleet *f, const struct worker *w)
{
	reload_note_listening(&container_of(f, struct primary, fleet)->reload, w);
}

static void on_worker_ready(struct fleet *f, struct worker *w)
{
	struct primary *p = container_of(f, struct primary, fleet);

	(void)w;
	reload_note_news(&p->reload);
	recycling_note_news(&p->recycling);
}

static void on_worker_failed(struct fleet *f, struct worker *w, const char *why)
{
	struct primary *p = container_of(f, struct primary, fleet);

	reload_note_failed(&p->reload, w, why);
	recycling_note_failed(&p->recycling, w, why);
}

static void on_worker_drain(struct fleet *f, struct worker *w)
{
	struct primary *p = container_of(f, struct primary, fleet);

	if (w->state == WORKER_READY)
		drain_call_off(p->drain, w);
	else
		drain_note(p->drain);
	reload_note_news(&p->reload);
}

static bool on_worker_cut(struct fleet *f, const struct worker *w)
{
	return drain_cut(container_of(f, struct primary, fleet)->drain, w);
}

static void on_worker_left(struct fleet *f)
{
	struct primary *p = container_of(f, struct primary, fleet);

	reload_note_news(&p->reload);
	recycling_note_news(&p->recycling);
	drain_order_note_left(&p->drain_order);
}

static void on_empty(struct fleet *f)
{
	end(container_of(f, struct primary, fleet));
}

/* --- what the keeper and the broker tell --- */

static void on_signalled(void *data, int signal)
{
	orders_obey(data, signal);
}

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

static const struct keep_events keep_events = {
	.signalled = on_signalled,
	.exited = on_exited,
	.refused = on_refused,
	.lost = renewal_begin,
	.save = succession_save,
};

static void on_listening(struct broker *b, struct broker_client *client, const struct port *port)
{
	fleet_note_listening(&container_of(b, struct primary, broker)->fleet, client->run, port);
}

/* --- start --- */

static void on_stream_ended(void *data, const struct message_source *source, uint64_t id)
{
	struct primary *p = data;

	run_log_drop(p->keep, source, id);
}

static void on_note(void *data, const struct message_note *note)
{
	struct primary *p = data;

	event_log_note(p->events, note);
}

static int init_events(struct primary *p)
{
	own_fd fd = keep_take(p->keep, PRIMARY_EVENTS_NAME);
	int r = event_log_new(fd, &p->events);

	if (r < 0)
		return r;
	output_tell_notes(p->output, on_note, p);
	return event_log_fd(p->events) < 0
		       ? 0
		       : keep_store(p->keep, event_log_fd(p->events), PRIMARY_EVENTS_NAME);
}

static int init_output(struct primary *p)
{
	own_fd journal_fd = keep_take(p->keep, PRIMARY_JOURNAL_NAME);
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
		       : keep_store(p->keep, output_journal_fd(p->output), PRIMARY_JOURNAL_NAME);
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
	p->fleet.on_listening = on_worker_listening;
	p->fleet.on_ready = on_worker_ready;
	p->fleet.on_failed = on_worker_failed;
	p->fleet.on_drain = on_worker_drain;
	p->fleet.on_cut = on_worker_cut;
	p->fleet.on_left = on_worker_left;
	p->fleet.home.loop = &p->loop;
	p->fleet.home.config = p->config;
	p->fleet.home.broker = &p->broker;
	p->fleet.home.keep = p->keep;
	p->fleet.home.path = p->path;
	return fleet_init(&p->fleet, &p->loop);
}

static void on_told(void *data, const struct notify_told *told)
{
	struct primary *p = data;
	struct worker *w;

	/* Much of what the protocol knows is nothing to us. */
	if (told->verdict == NOTIFY_NOTHING ||
	    (told->verdict == NOTIFY_OK && !told->message->is_ready))
		return;
	w = fleet_find_process(&p->fleet, told->sender.pid);
	if (w && told->verdict == NOTIFY_OK)
		worker_note_notified(w);
	else if (w)
		output_say_worker(p->output, &w->process->client.source, MESSAGE_WARNING,
				  "notify_ignored", "%s", notify_verdict_text(told->verdict));
}

static const struct notify_events notify_events = { .told = on_told };

/* Where workers say that they are ready; a predecessor's goes on. */
static int init_notify(struct primary *p)
{
	own_fd fd = keep_take(p->keep, "notify/socket");
	int r = 0;

	if (!p->config->must_notify)
		return 0;
	if (fd < 0) {
		r = notify_socket_open(p->config->name, &fd);
		if (r == 0)
			r = keep_store(p->keep, fd, "notify/socket");
	}
	if (r == 0)
		r = notify_socket_new(&p->loop, fd, &notify_events, p, &p->notify);
	if (r < 0)
		return r;
	(void)take_fd(&fd);
	p->fleet.home.notify_name = notify_socket_name(p->notify);
	return 0;
}

static int init_reload(struct primary *p)
{
	int r = drain_new(&p->loop, &p->fleet, &p->drain);

	p->reload.config = p->config;
	p->reload.fleet = &p->fleet;
	p->reload.output = p->output;
	p->reload.keep = p->keep;
	return r < 0 ? r : reload_init(&p->reload, &p->loop);
}

static int init_recycling(struct primary *p)
{
	int r;

	p->recycling.config = p->hang_watch.config = p->config;
	p->recycling.fleet = p->hang_watch.fleet = &p->fleet;
	p->recycling.output = p->hang_watch.output = p->output;
	p->recycling.keep = p->keep;
	p->recycling.reload = &p->reload;
	p->hang_watch.recycling = p->drain_order.recycling = &p->recycling;
	p->drain_order.fleet = &p->fleet;
	p->drain_order.output = p->output;
	p->drain_order.keep = p->keep;
	drain_order_init(&p->drain_order);
	r = recycling_init(&p->recycling, &p->loop);
	return r < 0 ? r : hang_watch_init(&p->hang_watch, &p->loop);
}

static int init(struct primary *p, int link_fd)
{
	int r;

	spawn_note_inherited(&p->fleet.home.inherited); /* before we change any of it */
	orders_ignore_signals();
	spawn_raise_files();
	r = uv_loop_init(&p->loop);
	if (r == 0)
		r = uv_timer_init(&p->loop, &p->renew);
	if (r == 0)
		r = keep_new(&p->loop, link_fd, &keep_events, p, &p->keep);
	if (r == 0)
		r = init_output(p);
	if (r == 0)
		r = init_events(p);
	if (r == 0)
		r = ports_init(&p->ports, &p->loop, p->keep, p->config,
			       p->config->mode != MODE_SHARED && steer_is_permitted());
	if (r == 0)
		r = init_broker(p);
	if (r == 0)
		r = init_fleet(p);
	if (r == 0)
		r = init_reload(p);
	if (r == 0)
		r = init_recycling(p);
	if (r == 0)
		r = init_notify(p);
	if (r < 0)
		return r;
	p->ports.origin = p->fleet.home.origin = keep_pid(p->keep);
	p->upgrade.loop = &p->loop;
	p->upgrade.keep = p->keep;
	p->upgrade.output = p->output;
	return succession_take_over(p);
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
	p->wall_ms = clock_wall_ms() - clock_ms();
	/* Started by descriptor, we may have got that one's number for a name. */
	(void)prctl(PR_SET_NAME, "berthd", 0, 0, 0);
	r = init(p, start->link_fd);
	if (r < 0) {
		(void)fprintf(stderr, "berth: cannot start: %s\n", strerror(-r));
		return PRIMARY_FAILED; /* with all that we have: our successor tries again */
	}
	p->may_save = true;
	code = preparation_do(p);
	if (code == PRIMARY_DONE) {
		succession_go_on(p);
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
