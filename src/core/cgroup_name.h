/*
 * What a process's control groups say about who runs it: a systemd unit, a
 * container. Reads the text of /proc/PID/cgroup.
 */
#ifndef BERTH_CORE_CGROUP_NAME_H
#define BERTH_CORE_CGROUP_NAME_H

#include <stddef.h>

#define CGROUP_NAME_MAX 256 /* a directory's name, with its NUL */

struct cgroup_name {
	char unit[CGROUP_NAME_MAX];      /* "nginx.service"; empty: none */
	char container[CGROUP_NAME_MAX]; /* its id or name, as its tools know it; empty: none */
};

/*
 * cgroup_name_parse - find a unit and a container
 *
 * @text:      of /proc/PID/cgroup, cut or not
 * @ret_name:  as the names stand there, systemd's escapes included
 *
 * The innermost of each kind counts. A unit is what `systemctl` and `journalctl -u`
 * take. Any thread. Never blocks.
 */
void cgroup_name_parse(const char *text, struct cgroup_name *ret_name);

#endif
