/*
 * Everything that can be known about who holds an address: every socket, every
 * process that has one open, and what a bind that was tried has said.
 */
#ifndef BERTH_PRIMARY_HOLDER_REPORT_H
#define BERTH_PRIMARY_HOLDER_REPORT_H

#include "core/cgroup_name.h"
#include "os/procfs.h"
#include "primary/holder_search.h"
#include "primary/kin.h"

/* What a process is to berth. */
enum holder_role {
	HOLDER_ROLE_NONE, /* berth has nothing to do with this socket */
	HOLDER_ROLE_BERTH,
	HOLDER_ROLE_WORKER,    /* a worker, or a descendant of one; at its own port, too */
	HOLDER_ROLE_LEFT_OVER, /* a worker, but its berth has died */
	HOLDER_ROLE_STRANGER,  /* in berth's reuseport group: of the same user, with SO_REUSEPORT */
};

/* Whether a socket lets others of its user share its address. */
enum holder_sharing {
	HOLDER_SHARING_UNKNOWN, /* only its user, or root, can try */
	HOLDER_SHARING_NO,
	HOLDER_SHARING_YES, /* it has SO_REUSEPORT */
};

struct holder_process {
	struct procfs_details details;
	char command[PROCFS_COMMAND_MAX];
	struct cgroup_name cgroup;
	struct kin_berth kin;
};

/* A process has a socket open. */
struct holder_open {
	size_t socket;  /* index into search.sockets */
	size_t process; /* index into processes */
	enum holder_role role;
};

/* Sockets that share an address: search.sockets[].group is an index, from 1 on. */
struct holder_group {
	size_t first; /* socket */
	size_t n_sockets;
	enum holder_sharing sharing;
};

struct holder_report {
	struct holder_search search; /* its sockets in the order in which they matter */
	enum holders_outcome outcome;
	int bind_error;              /* of the bind that was tried: 0 or errno */
	struct holder_group *groups; /* groups[0] is for sockets without one */
	size_t n_groups;
	struct holder_process *processes; /* by rising pid */
	size_t n_processes;
	struct holder_open *opens; /* by socket, then process */
	size_t n_opens;
	size_t n_hidden; /* processes that we may not look into */
};

/*
 * holder_report_init - learn all about an address
 *
 * @wanted:      as for holder_sentence()
 * @ret_report:  holder_report_done() releases what is in it
 *
 * The address is bound for a moment, to learn whether it can be: see bind_try().
 * Returns 0 or -errno, and then there is nothing to release. May block where
 * users are looked up or a process's memory is waited for: for the command line.
 */
int holder_report_init(const struct addr *wanted, struct holder_report *ret_report);
void holder_report_done(struct holder_report *r);

/* The first process that has socket @socket open, or NULL where none can be seen. */
const struct holder_open *holder_report_opens(const struct holder_report *r, size_t socket,
					      size_t *ret_n_opens);

#endif
