/*
 * Gathers what can be known about who holds an address. See holder_report.h.
 */
#include "primary/holder_report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/bind_try.h"
#include "os/sock_diag.h"
#include "primary/holder_roles.h"

#define TRIES       3  /* sockets come and go between two questions */
#define TRY_SHARING 16 /* groups; for more, nobody reads it */
#define ALL_STATES  (SOCK_DIAG_LISTENING | SOCK_DIAG_BOUND | SOCK_DIAG_CONNECTIONS)

/* UDP does not stand in the way of TCP, but whoever asks about a port wants to know. */
static int search_everything(struct holder_search *s)
{
	uint16_t protocol = s->wish.addr.protocol;
	uint16_t other = protocol == IPPROTO_UDP ? IPPROTO_TCP : IPPROTO_UDP;
	int err = holder_search_run(s, protocol, ALL_STATES);

	if (!err && s->wish.addr.family != AF_UNIX)
		err = holder_search_run(s, other, SOCK_DIAG_LISTENING | SOCK_DIAG_BOUND);
	return err;
}

/* Asks both the kernel's list and bind() until they agree. */
static int find_sockets(const struct addr *wanted, struct holder_report *r)
{
	struct socket_wish wish = holder_wish(wanted);

	for (int i = 0; i < TRIES; i++) {
		int err;

		holder_search_done(&r->search);
		holder_search_init(&wish, &r->search);
		r->bind_error = -bind_try(&wish);
		err = search_everything(&r->search);
		/* Of a path that cannot be looked up, bind() has said all there is to say. */
		if (err && (wanted->family != AF_UNIX || r->bind_error == 0))
			return err;
		r->outcome = holders_conclude(r->search.count, r->bind_error);
		if (r->outcome != HOLDERS_CHANGED && r->outcome != HOLDERS_HELD_BY_UNKNOWN)
			break;
	}
	if (r->outcome == HOLDERS_CHANGED) /* bind() is the one to believe */
		r->outcome = HOLDERS_FREE;
	if (r->outcome == HOLDERS_FREE)
		holder_search_absolve(&r->search);
	holder_search_sort(&r->search);
	return 0;
}

static unsigned find_group(const struct holder_report *r, const struct socket_info *s)
{
	for (size_t g = 1; g < r->n_groups; g++) {
		if (holders_share_group(&r->search.sockets[r->groups[g].first].info, s))
			return (unsigned)g;
	}
	return 0;
}

static int find_groups(struct holder_report *r)
{
	r->n_groups = 1;
	r->groups = calloc(r->search.n_sockets + 1, sizeof(*r->groups));
	if (!r->groups)
		return -ENOMEM;
	for (size_t i = 0; i < r->search.n_sockets; i++) {
		struct holder_socket *s = &r->search.sockets[i];

		if (!holders_share_group(&s->info, &s->info)) /* it takes no traffic */
			continue;
		s->group = find_group(r, &s->info);
		if (s->group == 0) {
			s->group = (unsigned)r->n_groups++;
			r->groups[s->group].first = i;
		}
		r->groups[s->group].n_sockets++;
	}
	return 0;
}

/*
 * A bind with SO_REUSEPORT by the same user succeeds if they all have it. Not with
 * UDP, where the socket would get datagrams meant for them.
 */
static enum holder_sharing try_sharing(const struct socket_info *s)
{
	struct socket_wish wish = {
		.addr = s->local,
		.uid = s->uid,
		.reuseport = true,
	};

	if (s->local.protocol != IPPROTO_TCP)
		return HOLDER_SHARING_UNKNOWN;
	switch (bind_try(&wish)) {
	case 0: return HOLDER_SHARING_YES;
	case -EADDRINUSE: return HOLDER_SHARING_NO;
	default: return HOLDER_SHARING_UNKNOWN;
	}
}

static void find_sharing(struct holder_report *r)
{
	for (size_t g = 1; g < r->n_groups && g <= TRY_SHARING; g++) {
		struct holder_group *group = &r->groups[g];
		const struct socket_info *first = &r->search.sockets[group->first].info;

		if (group->n_sockets > 1 && first->local.protocol == IPPROTO_TCP)
			group->sharing = HOLDER_SHARING_YES;
		else
			group->sharing = try_sharing(first);
	}
}

struct inode_of {
	uint32_t inode;
	size_t socket;
};

/* Which inodes to look for, and which sockets have them. */
struct process_search {
	struct holder_report *report;
	struct inode_of *all; /* by rising inode; with MPTCP, sockets may have one in common */
	uint32_t *inodes;     /* each once */
	size_t *first;        /* for each of @inodes, the first of @all that has it */
	size_t n_all, n_inodes;
	size_t processes_size, opens_size;
};

static int compare_inodes(const void *a, const void *b)
{
	const struct inode_of *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return (x->socket > y->socket) - (x->socket < y->socket);
}

static void list_inodes(struct process_search *p)
{
	const struct holder_search *search = &p->report->search;

	for (size_t i = 0; i < search->n_sockets; i++) {
		uint32_t inode = search->sockets[i].info.inode;

		if (inode != 0) /* else no process has it */
			p->all[p->n_all++] = (struct inode_of){ inode, i };
	}
	qsort(p->all, p->n_all, sizeof(*p->all), compare_inodes);
	for (size_t i = 0; i < p->n_all; i++) {
		if (i > 0 && p->all[i].inode == p->all[i - 1].inode)
			continue;
		p->first[p->n_inodes] = i;
		p->inodes[p->n_inodes++] = p->all[i].inode;
	}
}

/* Makes room for one element more in an array that doubles. */
static int make_room(void **array, size_t n, size_t element_size, size_t *size)
{
	size_t new_size = *size ? 2 * *size : 16;
	void *more;

	if (n < *size)
		return 0;
	more = reallocarray(*array, new_size, element_size);
	if (!more)
		return -ENOMEM;
	*array = more;
	*size = new_size;
	return 0;
}

static int add_process(const struct procfs_hit *hit, struct process_search *p)
{
	struct holder_report *r = p->report;
	struct holder_process *process;
	char cgroup[PROCFS_CGROUP_MAX];
	int err;

	if (r->n_processes > 0 && r->processes[r->n_processes - 1].details.process.pid == hit->pid)
		return 0; /* it has another of the sockets, too */
	err = make_room((void **)&r->processes, r->n_processes, sizeof(*r->processes),
			&p->processes_size);
	if (err)
		return err;
	process = &r->processes[r->n_processes];
	err = procfs_read_details(hit->proc_fd, &process->details);
	if (err)
		return err;
	procfs_read_command(hit->proc_fd, process->command);
	procfs_read_cgroup(hit->proc_fd, cgroup);
	cgroup_name_parse(cgroup, &process->cgroup);
	r->n_processes++;
	return 0;
}

static int add_opens(const struct procfs_hit *hit, void *arg)
{
	struct process_search *p = arg;
	struct holder_report *r = p->report;
	int err = add_process(hit, p);

	for (size_t i = p->first[hit->index];
	     !err && i < p->n_all && p->all[i].inode == p->inodes[hit->index]; i++) {
		err = make_room((void **)&r->opens, r->n_opens, sizeof(*r->opens), &p->opens_size);
		if (!err)
			r->opens[r->n_opens++] = (struct holder_open){
				.socket = p->all[i].socket,
				.process = r->n_processes - 1,
			};
	}
	return err == -ESRCH ? 0 : err; /* it has ended just now */
}

static int compare_opens(const void *a, const void *b)
{
	const struct holder_open *x = a, *y = b;

	if (x->socket != y->socket)
		return x->socket < y->socket ? -1 : 1;
	return (x->process > y->process) - (x->process < y->process);
}

static int find_processes(struct holder_report *r)
{
	size_t n = r->search.n_sockets + 1; /* calloc(0) may give NULL */
	struct process_search p = {
		.report = r,
		.all = calloc(n, sizeof(*p.all)),
		.inodes = calloc(n, sizeof(*p.inodes)),
		.first = calloc(n, sizeof(*p.first)),
	};
	int err = -ENOMEM;

	if (p.all && p.inodes && p.first) {
		list_inodes(&p);
		err = procfs_find_sockets(p.inodes, p.n_inodes, add_opens, &p, &r->n_hidden);
	}
	if (!err && r->n_opens > 0)
		qsort(r->opens, r->n_opens, sizeof(*r->opens), compare_opens);
	free(p.all);
	free(p.inodes);
	free(p.first);
	return err;
}

const struct holder_open *holder_report_opens(const struct holder_report *r, size_t socket,
					      size_t *ret_n_opens)
{
	size_t first = 0, n = 0;

	while (first < r->n_opens && r->opens[first].socket < socket)
		first++;
	while (first + n < r->n_opens && r->opens[first + n].socket == socket)
		n++;
	*ret_n_opens = n;
	return n > 0 ? &r->opens[first] : NULL;
}

int holder_report_init(const struct addr *wanted, struct holder_report *ret_report)
{
	struct holder_report r = { 0 };
	int err = find_sockets(wanted, &r);

	if (!err)
		err = find_groups(&r);
	if (!err) {
		find_sharing(&r);
		err = find_processes(&r);
	}
	if (!err)
		err = holder_roles_find(&r);
	if (err)
		holder_report_done(&r);
	else
		*ret_report = r;
	return err;
}

void holder_report_done(struct holder_report *r)
{
	holder_search_done(&r->search);
	free(r->groups);
	free(r->processes);
	free(r->opens);
	*r = (struct holder_report){ 0 };
}
