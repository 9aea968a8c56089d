/*
 * The steered tier where it can be had, the shared one where it cannot.
 */
#include "primary/tier.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "primary/rights.h"

static const char *why_not(int error, char *text, size_t size)
{
	char berthd[PATH_MAX];

	if (error == EPERM || error == EACCES)
		(void)snprintf(text, size,
			       "CAP_BPF and CAP_NET_ADMIN are missing: run berth as root, or give "
			       "%s its rights with setcap, see berth(1)",
			       rights_berthd(berthd));
	else
		(void)snprintf(text, size, "the kernel could not load the steering program (%s)",
			       strerror(error));
	return text;
}

/* What the program cannot see of what the policy looks at, and why. */
static void say_unseen(const struct app_config *config, const struct steer *steer, char *ret_text)
{
	const int error = steer_queue_error(steer);
	size_t n = strlen(ret_text);

	if (steer_sees_queues(steer))
		n += (size_t)snprintf(ret_text + n, TIER_TEXT_MAX - n, ", accept queues seen");
	else
		n += (size_t)snprintf(ret_text + n, TIER_TEXT_MAX - n,
				      ", accept queues not seen (%s)",
				      error == EPERM || error == EACCES
					      ? "CAP_PERFMON is missing"
					      : "it takes Linux 6.2 or later, with BTF");
	if (config->policy == POLICY_BALANCED && !steer_counts_connections(steer))
		(void)snprintf(ret_text + n, TIER_TEXT_MAX - n,
			       ", connections not counted (%s): round-robin in its place",
			       steer_count_error(steer) == ENOENT
				       ? "no cgroup of version 2 that we are in can be seen"
				       : strerror(steer_count_error(steer)));
}

static void say_steered(const struct app_config *config, const struct steer *steer, char *ret_text)
{
	(void)snprintf(ret_text, TIER_TEXT_MAX,
		       "steered: the kernel hands each connection to a worker, %s",
		       app_policy_text(config->policy));
	say_unseen(config, steer, ret_text);
}

int tier_choose(const struct app_config *config, struct steer **ret_steer,
		char ret_text[static TIER_TEXT_MAX])
{
	char text[PATH_MAX + 128];
	int r;

	*ret_steer = NULL;
	if (config->mode == MODE_SHARED) {
		(void)snprintf(ret_text, TIER_TEXT_MAX, "shared: asked for by %s",
			       config->policy == POLICY_SHARED ? "--policy shared"
							       : "--mode shared");
		return 0;
	}
	r = steer_new(config->policy == POLICY_BALANCED, ret_steer);
	if (r == 0) {
		say_steered(config, *ret_steer, ret_text);
		return 0;
	}
	if (config->mode == MODE_STEERED) {
		(void)snprintf(ret_text, TIER_TEXT_MAX, "cannot steer: %s",
			       why_not(-r, text, sizeof(text)));
		return r;
	}
	(void)snprintf(ret_text, TIER_TEXT_MAX,
		       "shared: workers wait at one socket, the kernel wakes whom it likes; %s",
		       why_not(-r, text, sizeof(text)));
	return 0;
}
