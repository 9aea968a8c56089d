/*
 * Finds out who belongs to berth. See holder_roles.h.
 */
#include "primary/holder_roles.h"

#include <errno.h>
#include <stdlib.h>

static bool is_berth(const struct holder_report *r, const struct holder_open *open)
{
	return kin_is_berth(r->processes[open->process].details.process.comm);
}

/* Whether this berth has one of the sockets that share @group's address. */
static bool is_at_group(const struct holder_report *r, unsigned group, pid_t keeper)
{
	for (size_t i = 0; i < r->n_opens; i++) {
		const struct holder_open *open = &r->opens[i];

		if (r->search.sockets[open->socket].group == group && is_berth(r, open) &&
		    r->processes[open->process].kin.keeper == keeper)
			return true;
	}
	return false;
}

static void find_berth(struct holder_report *r, bool *ret_has_berth)
{
	for (size_t i = 0; i < r->n_opens; i++) {
		struct holder_open *open = &r->opens[i];

		if (!is_berth(r, open))
			continue;
		open->role = HOLDER_ROLE_BERTH;
		ret_has_berth[r->search.sockets[open->socket].group] = true;
	}
}

/* Of a port that a berth shares, only its own workers are no strangers. */
static void find_others(struct holder_report *r, const bool *has_berth)
{
	for (size_t i = 0; i < r->n_opens; i++) {
		struct holder_open *open = &r->opens[i];
		const struct kin_berth *kin = &r->processes[open->process].kin;
		unsigned group = r->search.sockets[open->socket].group;
		bool is_shared = group != 0 && has_berth[group];

		if (open->role == HOLDER_ROLE_BERTH)
			continue;
		if (kin->is_left_over)
			open->role = HOLDER_ROLE_LEFT_OVER;
		else if (kin->keeper && (!is_shared || is_at_group(r, group, kin->keeper)))
			open->role = HOLDER_ROLE_WORKER;
		else if (is_shared)
			open->role = HOLDER_ROLE_STRANGER;
	}
}

static int find_kin(struct holder_report *r)
{
	struct kin kin;
	int err = kin_init(&kin);

	if (err)
		return err;
	for (size_t i = 0; i < r->n_processes; i++)
		kin_find(&kin, r->processes[i].details.process.pid, &r->processes[i].kin);
	kin_done(&kin);
	return 0;
}

int holder_roles_find(struct holder_report *r)
{
	bool *has_berth = calloc(r->n_groups, sizeof(*has_berth));
	int err = 0;

	if (!has_berth)
		return -ENOMEM;
	if (r->n_processes > 0)
		err = find_kin(r);
	if (!err) {
		find_berth(r, has_berth);
		find_others(r, has_berth);
	}
	free(has_berth);
	return err;
}

const char *holder_role_text(enum holder_role role)
{
	switch (role) {
	case HOLDER_ROLE_NONE: return NULL;
	case HOLDER_ROLE_BERTH: return "berth";
	case HOLDER_ROLE_WORKER: return "worker";
	case HOLDER_ROLE_LEFT_OVER: return "left-over";
	case HOLDER_ROLE_STRANGER: return "stranger";
	}
	return NULL;
}
