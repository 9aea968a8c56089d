/*
 * Names the file that lacks a right. See rights.h.
 */
#include "primary/rights.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>

#include "os/file_caps.h"
#include "os/procfs.h"
#include "os/sibling.h"

const char *rights_berthd(char ret_path[static PATH_MAX])
{
	if (sibling_path("berthd", ret_path, PATH_MAX) < 0)
		(void)snprintf(ret_path, PATH_MAX, "berthd");
	return ret_path;
}

const char *rights_advice(int error, const struct addr *a, bool is_asking, char *ret_text,
			  size_t size)
{
	unsigned port_start = procfs_unprivileged_port_start();
	char subject[ADVICE_SUBJECT_MAX], berthd[PATH_MAX];

	if (error != EACCES || a->family == AF_UNIX || a->port >= port_start)
		return advice_for_bind(error, a, port_start, ret_text);
	(void)advice_subject(a, subject);
	(void)rights_berthd(berthd);
	if (is_asking && file_caps_gives(berthd, CAP_NET_BIND_SERVICE))
		(void)snprintf(ret_text, size,
			       "%s is below %u and this berth process may not bind it, but "
			       "`berth run` may: setcap gave the right to %s; no other socket is "
			       "seen to hold it",
			       subject, port_start, berthd);
	else
		(void)snprintf(ret_text, size,
			       "%s is below %u and this berth process may not bind it: run berth "
			       "as root, give %s the right (setcap with cap_net_bind_service and "
			       "all others that it is to have, see berth(1)), or choose a port "
			       "from %u on",
			       subject, port_start, berthd, port_start);
	return ret_text;
}
