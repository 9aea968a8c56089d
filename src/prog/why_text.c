/*
 * Prints a report for people: the answer, then every socket with its processes,
 * then what would have to change. Sockets that share an address are one entry.
 */
#include "prog/why_text.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "primary/holder_roles.h"
#include "prog/why_words.h"

#define MS_PER_S         1000
#define COMMAND_TEXT_MAX 256 /* what is shown of a command line, with its NUL */
#define TIME_TEXT_MAX    32

static const char *time_text(int64_t at_ms, char ret_text[static TIME_TEXT_MAX])
{
	time_t at_s = (time_t)(at_ms / MS_PER_S);
	struct tm local;

	if (!localtime_r(&at_s, &local) ||
	    strftime(ret_text, TIME_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &local) == 0)
		ret_text[0] = '\0';
	return ret_text;
}

static void print_escaped(const char *before, const char *text, FILE *out)
{
	char escaped[COMMAND_TEXT_MAX];

	if (text[0])
		(void)fprintf(out, "%s%s", before,
			      escape_text(text, strlen(text), escaped, sizeof(escaped)));
}

static void print_role(const struct holder_process *p, enum holder_role role, FILE *out)
{
	const char *app = p->kin.app[0] ? " app " : "";

	switch (role) {
	case HOLDER_ROLE_NONE: break;
	case HOLDER_ROLE_BERTH:
		if (app[0])
			(void)fprintf(out, ", berth%s%s", app, p->kin.app);
		break;
	case HOLDER_ROLE_WORKER:
		(void)fprintf(out, ", a worker of berth%s%s", app, p->kin.app);
		break;
	case HOLDER_ROLE_LEFT_OVER:
		(void)fprintf(out, ", left over from berth%s%s, which died", app, p->kin.app);
		break;
	case HOLDER_ROLE_STRANGER: (void)fputs(", a stranger to berth", out); break;
	}
}

static void print_process(const struct holder_report *r, const struct holder_open *open,
			  size_t n_sockets, FILE *out)
{
	const struct holder_process *p = &r->processes[open->process];
	char user[PROCFS_USER_MAX], since[TIME_TEXT_MAX];

	print_escaped("    ", p->details.process.comm, out);
	(void)fprintf(out, " (pid %d, user %s)", p->details.process.pid,
		      procfs_user_name(p->details.uid, user));
	print_role(p, open->role, out);
	(void)fprintf(out, ", since %s", time_text(p->details.started_at_ms, since));
	if (n_sockets > 1)
		(void)fprintf(out, ", %zu sockets", n_sockets);
	print_escaped(", unit ", p->cgroup.unit, out);
	print_escaped(", container ", p->cgroup.container, out);
	print_escaped("\n        ", p->command, out);
	(void)fputc('\n', out);
}

/* The sockets of one entry: @first and all of its group. */
static bool is_of_entry(const struct holder_report *r, size_t first, size_t socket)
{
	unsigned group = r->search.sockets[first].group;

	return socket == first || (group != 0 && r->search.sockets[socket].group == group);
}

/* Each process once, however many of the sockets it has. */
static void print_processes(const struct holder_report *r, size_t first, FILE *out)
{
	size_t n_printed = 0;

	for (size_t process = 0; process < r->n_processes; process++) {
		const struct holder_open *found = NULL;
		size_t n_sockets = 0;

		for (size_t i = 0; i < r->n_opens; i++) {
			if (r->opens[i].process != process ||
			    !is_of_entry(r, first, r->opens[i].socket))
				continue;
			found = &r->opens[i];
			n_sockets++;
		}
		if (!found)
			continue;
		print_process(r, found, n_sockets, out);
		n_printed++;
	}
	if (n_printed == 0 && r->search.sockets[first].info.inode != 0)
		(void)fprintf(out, "    %s\n",
			      r->n_hidden > 0 ? "a process that only root can see"
					      : "no process in /proc: the kernel itself, or one "
						"outside of this container");
}

static const char *stack_text(const struct socket_info *s)
{
	if (s->local.family != AF_INET6 || !addr_is_wildcard(&s->local) || s->state > SOCKET_BOUND)
		return "";
	return s->local.v6only ? " (IPv6 only)" : " (IPv6 and IPv4)";
}

static void print_sharing(const struct holder_group *g, uint16_t protocol, FILE *out)
{
	if (g->n_sockets > 1) {
		(void)fprintf(out, ", %zu sockets that share it%s", g->n_sockets,
			      protocol == IPPROTO_TCP ? " (a reuseport group)" : "");
		return;
	}
	switch (g->sharing) {
	case HOLDER_SHARING_UNKNOWN: break;
	case HOLDER_SHARING_NO: (void)fprintf(out, ", shares it with no other socket"); break;
	case HOLDER_SHARING_YES:
		(void)fprintf(out, ", shares it with any socket of its user (SO_REUSEPORT)");
		break;
	}
}

static const char *protocol_text(const struct addr *a)
{
	if (a->family == AF_UNIX)
		return "";
	return a->protocol == IPPROTO_UDP ? "/udp" : "/tcp";
}

/* What all sockets of an entry have in common. */
static void print_entry_head(const struct holder_report *r, const struct holder_socket *h,
			     FILE *out)
{
	const struct socket_info *s = &h->info;
	char address[ADDR_TEXT_MAX], user[PROCFS_USER_MAX];

	(void)fprintf(out, "%s %s %s%s%s", holders_state_text(s->state),
		      s->state > SOCKET_BOUND ? "from" : "on", addr_text(&s->local, address),
		      protocol_text(&s->local), stack_text(s));
	if (s->peer.family != AF_UNSPEC)
		(void)fprintf(out, " to %s", addr_text(&s->peer, address));
	if (s->state != SOCKET_TIME_WAIT)
		(void)fprintf(out, ", user %s", procfs_user_name(s->uid, user));
	else
		(void)fprintf(out, ", for %u s more", why_seconds(s->ends_in_ms));
	if (h->group != 0)
		print_sharing(&r->groups[h->group], s->local.protocol, out);
}

static void print_entry(const struct holder_report *r, size_t first, FILE *out)
{
	size_t n_queued = 0;

	print_entry_head(r, &r->search.sockets[first], out);
	for (size_t i = first; i < r->search.n_sockets; i++) {
		if (is_of_entry(r, first, i))
			n_queued += r->search.sockets[i].info.n_queued;
	}
	if (n_queued > 0)
		(void)fprintf(out, ", %zu waiting to be accepted", n_queued);
	(void)fputc('\n', out);
	print_processes(r, first, out);
}

/* Under a listening socket, connections are what one expects: a number will do. */
static bool is_counted_only(const struct holder_search *s, const struct socket_info *info)
{
	return info->state > SOCKET_BOUND && s->n_by_state[SOCKET_LISTENING] > 0;
}

static void print_entries(const struct holder_report *r, bool are_in_the_way, FILE *out)
{
	const struct holder_search *s = &r->search;
	const char *title = are_in_the_way ? "" : "not in the way:\n";

	for (size_t i = 0; i < s->n_sockets; i++) {
		const struct holder_socket *h = &s->sockets[i];

		if ((h->verdict.effect != HOLDERS_PASSES) != are_in_the_way)
			continue;
		if (h->group != 0 && r->groups[h->group].first != i)
			continue;
		if (is_counted_only(s, &h->info))
			continue;
		(void)fprintf(out, "\n%s", title);
		title = "";
		print_entry(r, i, out);
	}
}

static size_t count_entries(const struct holder_search *s, enum socket_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_sockets; i++) {
		const struct holder_socket *h = &s->sockets[i];

		n += h->info.state == state && h->verdict.effect != HOLDERS_PASSES &&
		     !is_counted_only(s, &h->info);
	}
	return n;
}

/* What there is beside the entries: connections mostly. */
static void print_counts(const struct holder_search *s, FILE *out)
{
	for (enum socket_state state = 0; state < SOCKET_STATES; state++) {
		size_t n_entries = count_entries(s, state);
		size_t n = s->n_by_state[state] - n_entries;

		if (n > 0)
			(void)fprintf(out, "and %zu %s%s%s (%s)\n", n, n_entries > 0 ? "more " : "",
				      state > SOCKET_BOUND ? "connection" : "socket",
				      n == 1 ? "" : "s", holders_state_text(state));
	}
}

struct list {
	FILE *out;
	const char *title;
};

static void print_change(const char *sentence, void *arg)
{
	struct list *list = arg;

	(void)fprintf(list->out, "%s  - %s\n", list->title, sentence);
	list->title = "";
}

int why_text_print(const struct holder_report *r, FILE *out)
{
	char summary[WHY_TEXT_MAX];
	struct list list = {
		.out = out,
		.title = r->outcome == HOLDERS_HELD ? "\nwhat would change that:\n" : "\n",
	};

	(void)fprintf(out, "%s\n", why_summary(r, summary));
	print_entries(r, true, out);
	print_counts(&r->search, out);
	print_entries(r, false, out);
	why_changes(r, print_change, &list);
	return ferror(out) ? -EIO : 0;
}
