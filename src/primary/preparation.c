/*
 * Each step either succeeds or says what is wrong, and with which code berth ends.
 */
#include "primary/preparation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/filter.h"
#include "primary/complaint.h"
#include "primary/port_remains.h"
#include "primary/primary_parts.h"
#include "primary/succession.h"
#include "primary/tier.h"

#define FILES_MIN 64u /* for one worker, and some ports */

static int fail(struct primary *p, int exit_code, const char *event, const char *text)
{
	output_say(p->output, MESSAGE_ERROR, event, "%s", text);
	return exit_code;
}

/* One that takes over needs no more than the one before, which had them. */
static int check_files(struct primary *p)
{
	const rlim_t n = p->fleet.home.inherited.files.rlim_max;
	char text[160];

	if (n >= FILES_MIN || p->n_primaries > 1)
		return PRIMARY_DONE;
	(void)snprintf(text, sizeof(text),
		       "only %u files may be open at a time (ulimit -Hn): berth needs %u, and more "
		       "with each worker",
		       (unsigned)n, FILES_MIN);
	return fail(p, PRIMARY_FAILED, "too_few_files", text);
}

static int find_command(struct primary *p)
{
	const char *command = p->config->argv[0];
	const char *search = worker_args_env(p->config->env, "PATH");
	char text[PRIMARY_PATH_MAX + 64];
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
		r = port_remains_take_steering(&p->ports, &steer);
		if (r < 0)
			return fail(p, PRIMARY_FAILED, "port_not_steered", strerror(-r));
	}
	p->ports.steer = steer;
	port_remains_store_steering(&p->ports);
	/* From the first port on there is no other program for a successor. */
	p->is_tiered |= steer != NULL;
	succession_save(p);
	r = ports_begin_steering(&p->ports, steer);
	if (r < 0)
		return fail(p, PRIMARY_FAILED, "port_not_steered", strerror(-r));
	p->is_tiered = true;
	succession_save(p);
	return PRIMARY_DONE;
}

/* Ports before anything that takes time: a port that is held must be told at once. */
int preparation_do(struct primary *p)
{
	int code = check_files(p);

	if (code == PRIMARY_DONE)
		code = find_command(p);
	if (code == PRIMARY_DONE)
		code = claim(p);
	if (code == PRIMARY_DONE)
		code = make_filter(p);
	if (code == PRIMARY_DONE)
		code = choose_tier(p);
	return code;
}
