/*
 * Puts a report into words. See why_words.h.
 */
#include "prog/why_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "primary/rights.h"

#define MS_PER_S  1000
#define NAMED_MAX 4 /* processes that are told to end; more are counted */

#define LEFT_OVER_MAX 64
#define PID_TEXT_MAX  11 /* " 4194304", or any other int */

#define NAME_TEXT_MAX (4 * PROCFS_COMM_MAX + 32)
#define UNIT_TEXT_MAX 512
#define SUBJECT_MAX   (ADVICE_SUBJECT_MAX + ADDR_TEXT_MAX)

unsigned why_seconds(uint32_t ms)
{
	return ms / MS_PER_S + (ms % MS_PER_S != 0);
}

const char *why_verdict(enum holders_outcome outcome)
{
	switch (outcome) {
	case HOLDERS_FREE: return "free";
	case HOLDERS_HELD:
	case HOLDERS_HELD_BY_UNKNOWN: return "held";
	case HOLDERS_NOT_PERMITTED: return "not-permitted";
	case HOLDERS_UNUSABLE:
	case HOLDERS_CHANGED: break;
	}
	return "unusable";
}

/* "port 8000/tcp", or with its address where one was asked about. */
static void subject_text(const struct addr *a, char ret_text[static SUBJECT_MAX])
{
	char subject[ADVICE_SUBJECT_MAX], address[ADDR_TEXT_MAX];
	bool has_address = a->family != AF_UNSPEC && a->family != AF_UNIX;

	(void)snprintf(ret_text, SUBJECT_MAX, "%s%s%s", advice_subject(a, subject),
		       has_address ? " at " : "", has_address ? addr_text(a, address) : "");
}

static const char *unknown_holder(const struct holder_search *s)
{
	const char *file = s->wish.addr.family == AF_UNIX ? holder_file_text(s) : NULL;

	return file ? file : "something that this kernel does not show";
}

const char *why_summary(const struct holder_report *r, char ret_text[static WHY_TEXT_MAX])
{
	const struct addr *wanted = &r->search.wish.addr;
	char subject[SUBJECT_MAX], user[PROCFS_USER_MAX];

	subject_text(wanted, subject);
	switch (r->outcome) {
	case HOLDERS_FREE:
		(void)snprintf(ret_text, WHY_TEXT_MAX,
			       "%s is free, and this berth process (user %s) may bind it", subject,
			       procfs_user_name(geteuid(), user));
		break;
	case HOLDERS_HELD: (void)snprintf(ret_text, WHY_TEXT_MAX, "%s is held", subject); break;
	case HOLDERS_HELD_BY_UNKNOWN:
		(void)snprintf(ret_text, WHY_TEXT_MAX, "%s is held by %s", subject,
			       unknown_holder(&r->search));
		break;
	case HOLDERS_NOT_PERMITTED:
	case HOLDERS_UNUSABLE:
	case HOLDERS_CHANGED:
		(void)rights_advice(r->bind_error, wanted, true, ret_text, WHY_TEXT_MAX);
		break;
	}
	return ret_text;
}

struct changes {
	const struct holder_report *report;
	why_emit *emit;
	void *arg;
};

__attribute__((format(printf, 2, 3))) static void say(const struct changes *c, const char *format,
						      ...)
{
	char text[WHY_TEXT_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	c->emit(text, c->arg);
}

static const char *name_text(const struct holder_process *p, char ret_text[static NAME_TEXT_MAX])
{
	const struct procfs_process *process = &p->details.process;
	char comm[4 * PROCFS_COMM_MAX];

	(void)snprintf(ret_text, NAME_TEXT_MAX, "%s (pid %d)",
		       escape_text(process->comm, strlen(process->comm), comm, sizeof(comm)),
		       process->pid);
	return ret_text;
}

/* What would start it again, so that it's no use to end the process alone. */
static void keeper_text(const struct holder_process *p, char ret_text[static UNIT_TEXT_MAX])
{
	const struct cgroup_name *c = &p->cgroup;
	char name[CGROUP_NAME_MAX];
	bool is_service = strstr(c->unit, ".service") != NULL;

	ret_text[0] = '\0';
	if (c->container[0])
		(void)snprintf(ret_text, UNIT_TEXT_MAX, ", or stop its container %s",
			       escape_text(c->container, strlen(c->container), name, sizeof(name)));
	else if (is_service)
		(void)snprintf(ret_text, UNIT_TEXT_MAX, ", or stop its unit %s",
			       escape_text(c->unit, strlen(c->unit), name, sizeof(name)));
}

static bool is_in_the_way(const struct holder_report *r, size_t socket)
{
	return r->search.sockets[socket].verdict.effect != HOLDERS_PASSES;
}

/* Finds how a process has its part in it; NULL where none of its sockets is in the way. */
static const struct holder_open *find_open(const struct holder_report *r, size_t process)
{
	for (size_t i = 0; i < r->n_opens; i++) {
		if (r->opens[i].process == process && is_in_the_way(r, r->opens[i].socket))
			return &r->opens[i];
	}
	return NULL;
}

/* Whether it's enough to end its berth, which an earlier process has told. */
static bool is_told_with_berth(const struct holder_report *r, size_t process)
{
	pid_t keeper = r->processes[process].kin.keeper;

	for (size_t i = 0; keeper != 0 && i < process; i++) {
		if (r->processes[i].kin.keeper == keeper && find_open(r, i))
			return true;
	}
	return false;
}

/* Whether its parent has a socket too: then the parent is the one to end. */
static bool has_parent_there(const struct holder_report *r, const struct holder_process *p)
{
	if (p->kin.keeper != 0)
		return false; /* it is to end with its berth, as the parent is */
	for (size_t i = 0; i < r->n_processes; i++) {
		if (r->processes[i].details.process.pid == p->details.process.parent)
			return true;
	}
	return false;
}

/* A worker would be started again: it's berth that must end. */
static void say_end(const struct changes *c, const struct holder_process *p, const char *before)
{
	const struct kin_berth *kin = &p->kin;
	char name[NAME_TEXT_MAX], keeper[UNIT_TEXT_MAX];

	keeper_text(p, keeper);
	if (kin->keeper)
		say(c, "%send %s (pid %d)%s%s%s: its workers end with it", before, kin->keeper_name,
		    kin->keeper, kin->app[0] ? ", berth app " : "", kin->app, keeper);
	else
		say(c, "%send %s%s", before, name_text(p, name), keeper);
}

/* Nobody is there who would end them together. */
static void say_left_over(const struct changes *c)
{
	const struct holder_report *r = c->report;
	char pids[LEFT_OVER_MAX * PID_TEXT_MAX + 1] = "";
	size_t n = 0, used = 0;

	for (size_t i = 0; i < r->n_processes; i++) {
		const struct holder_process *p = &r->processes[i];

		if (!p->kin.is_left_over || !find_open(r, i) || n++ >= LEFT_OVER_MAX)
			continue;
		used += (size_t)snprintf(pids + used, sizeof(pids) - used, " %d",
					 p->details.process.pid);
	}
	if (n > 0)
		say(c, "end what a berth that died has left over: kill%s%s", pids,
		    n > LEFT_OVER_MAX ? ", and ask again" : "");
}

static void say_whom_to_end(const struct changes *c)
{
	const struct holder_report *r = c->report;
	size_t n = 0;

	for (size_t i = 0; i < r->n_processes; i++) {
		const struct holder_process *p = &r->processes[i];

		if (!find_open(r, i) || p->kin.is_left_over || has_parent_there(r, p) ||
		    is_told_with_berth(r, i) || n++ >= NAMED_MAX)
			continue;
		say_end(c, p, n > 1 ? "and " : "");
	}
	if (n > NAMED_MAX)
		say(c, "and end %zu processes more", n - NAMED_MAX);
}

static void say_strangers(const struct changes *c)
{
	const struct holder_report *r = c->report;

	for (size_t i = 0; i < r->n_opens; i++) {
		const struct holder_open *open = &r->opens[i];
		char name[NAME_TEXT_MAX];

		if (open->role == HOLDER_ROLE_STRANGER)
			say(c,
			    "%s is a stranger in the reuseport group of berth's port: it has the "
			    "same user and SO_REUSEPORT; berth gives it no connection, but it "
			    "holds "
			    "the port too, and would get all connections if berth ended",
			    name_text(&r->processes[open->process], name));
	}
}

/* Whether nobody can be named for a socket that some process must have open. */
static bool has_unseen_process(const struct holder_report *r)
{
	for (size_t i = 0; i < r->search.n_sockets; i++) {
		size_t n_opens;

		(void)holder_report_opens(r, i, &n_opens);
		if (is_in_the_way(r, i) && r->search.sockets[i].info.inode != 0 && n_opens == 0)
			return true;
	}
	return false;
}

/* Connections hold a port even after the program that listened has ended. */
static void say_connections(const struct changes *c)
{
	const struct holder_search *s = &c->report->search;
	size_t n_open = s->n_by_state[SOCKET_CONNECTED] + s->n_by_state[SOCKET_CLOSING];
	size_t n_over = s->n_by_state[SOCKET_TIME_WAIT];

	if (n_open > 0)
		say(c, "wait until %zu open connection%s of this port %s ended", n_open,
		    n_open == 1 ? "" : "s", n_open == 1 ? "has" : "have");
	if (n_over > 0)
		say(c, "wait %u s, until the last of %zu closed connection%s is out of TIME_WAIT",
		    why_seconds(s->ends_in_ms), n_over, n_over == 1 ? "" : "s");
	if (n_open + n_over > 0)
		say(c, "set SO_REUSEADDR in the program that has or had them: its connections "
		       "will not hold the port again");
	if (s->n_by_state[SOCKET_CONNECTED] > 0)
		say(c,
		    "if it is a client, to which the kernel gave this port: reserve the port "
		    "(sysctl net.ipv4.ip_local_reserved_ports=%u)",
		    s->wish.addr.port);
}

static bool is_wildcard_held(const struct holder_search *s)
{
	for (size_t i = 0; i < s->n_sockets; i++) {
		if (s->sockets[i].verdict.effect != HOLDERS_PASSES &&
		    addr_is_wildcard(&s->sockets[i].info.local))
			return true;
	}
	return false;
}

static bool has_relation(const struct holder_search *s, enum holders_relation relation)
{
	for (size_t i = 0; i < s->n_sockets; i++) {
		if (s->sockets[i].verdict.relation == relation)
			return true;
	}
	return false;
}

static void say_what_else_to_bind(const struct changes *c)
{
	const struct holder_search *s = &c->report->search;

	if (s->wish.addr.family == AF_UNIX) {
		say(c, "bind another path");
		return;
	}
	if (addr_is_wildcard(&s->wish.addr) && !is_wildcard_held(s))
		say(c, "a program that binds every address (0.0.0.0 or [::]) could have one that "
		       "nobody has");
	if (has_relation(s, HOLDERS_OUR_DUAL_STACK))
		say(c, "bind [::] with IPV6_V6ONLY, which leaves IPv4 alone");
	say(c, "bind another port");
}

/* They all have SO_REUSEADDR, else the port would not be free. */
static void say_race(const struct changes *c)
{
	const struct holder_search *s = &c->report->search;

	for (size_t i = 0; i < s->n_sockets; i++) {
		if (s->sockets[i].info.state == SOCKET_BOUND &&
		    s->sockets[i].verdict.relation >= HOLDERS_SAME_ADDRESS) {
			say(c, "others have bound it, and do not listen: whoever calls listen() "
			       "first has it");
			return;
		}
	}
}

void why_changes(const struct holder_report *r, why_emit *emit, void *arg)
{
	struct changes c = { .report = r, .emit = emit, .arg = arg };
	const struct holder_search *s = &r->search;

	if (r->outcome == HOLDERS_FREE)
		say_race(&c);
	if (r->outcome != HOLDERS_HELD)
		return;
	say_whom_to_end(&c);
	say_left_over(&c);
	if (r->n_hidden > 0 && has_unseen_process(r))
		say(&c, "run `berth why` as root to see the processes of other users");
	if (s->n_by_state[SOCKET_LISTENING] == 0)
		say_connections(&c);
	say_what_else_to_bind(&c);
	say_strangers(&c);
}
