/*
 * All that a successor cannot ask the kernel or a descriptor for is in the state.
 */
#include "primary/succession.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "os/sibling.h"
#include "primary/port_remains.h"
#include "primary/primary_parts.h"
#include "primary/run_log.h"

/* --- what we leave --- */

static bool has_room(struct state *s, const struct primary *p)
{
	/* One more than needed: an empty list has memory, too. */
	s->workers = calloc(p->fleet.n_workers + 1, sizeof(*s->workers));
	s->ports = calloc(PORT_TABLE_MAX, sizeof(*s->ports));
	s->berths = calloc(port_remains_n_berths(&p->ports) + 1, sizeof(*s->berths));
	return s->workers && s->ports && s->berths;
}

/* Once for each time that it begins to fail. */
static void note_saved(struct primary *p, int r)
{
	if (r < 0 && !p->is_unsaved)
		output_say(p->output, MESSAGE_ERROR, "state_unsaved",
			   "the state could not be saved (%s): if this primary dies now, the next "
			   "one goes on from an older one",
			   strerror(-r));
	p->is_unsaved = r < 0;
}

void succession_save(void *data)
{
	struct primary *p = data;
	struct state s = { 0 };
	own_free void *blob = NULL;
	size_t size = 0;
	int r = -ENOMEM;

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
		reload_remains(&p->reload, &s.app);
		recycling_remains(&p->recycling, &s.app.recycling);
		drain_order_remains(&p->drain_order, &s.app.drain);
		port_remains(&p->ports, &s);
		size = state_write(&s, &blob);
		if (!size && !state_can_be_read(&s))
			r = -EOVERFLOW;
	}
	state_done(&s);
	note_saved(p, size ? keep_set_state(p->keep, blob, size) : r);
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
	if (r == 0)
		reload_resume(&p->reload, &s->app);
	if (r == 0)
		recycling_resume(&p->recycling, &s->app.recycling);
	if (r == 0)
		drain_order_resume(&p->drain_order, &s->app.drain);
	return r;
}

int succession_take_over(struct primary *p)
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
	const struct primary_api_place place = { &p->loop, p->config->name };
	char text[PRIMARY_API_TEXT] = "";
	int r;

	p->api_fd = keep_take(p->keep, "api");
	r = p->api->begin(p->api->data, p, &place, &p->api_fd, text);
	if (r == 0) {
		(void)keep_store(p->keep, p->api_fd, "api");
		if (text[0])
			output_say(p->output, MESSAGE_WARNING, "control_anew", "%s", text);
		return;
	}
	drop_fd(&p->api_fd); /* the keeper's copy stays: the next primary tries again */
	output_say(p->output, MESSAGE_WARNING, "no_control",
		   "no control socket, so `berth ps` and its like cannot reach this berth: %s",
		   text);
}

void succession_go_on(struct primary *p)
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
	reload_go_on(&p->reload);
	recycling_go_on(&p->recycling);
	drain_order_go_on(&p->drain_order);
	upgrade_resume(&p->upgrade); /* before the keeper thinks that it is done */
	keep_ready(p->keep);
	if (keep_begin(p->keep) < 0)
		_exit(PRIMARY_FAILED); /* deaf to the keeper: our successor tries again */
}

/* --- before there is a primary --- */

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
