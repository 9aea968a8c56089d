/*
 * Prints a report for programs. Names never change their meaning; new ones may come.
 * Texts that others chose are escaped as they are for people: see escape.h.
 */
#include "prog/why_json.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "primary/holder_roles.h"
#include "prog/why_words.h"

#define MS_PER_S         1000
#define COMMAND_TEXT_MAX (4 * PROCFS_COMMAND_MAX)
#define TIME_TEXT_MAX    32

/* null for an empty text */
static json_t *text_json(const char *text)
{
	char escaped[COMMAND_TEXT_MAX];

	if (!text || text[0] == '\0')
		return json_null();
	return json_string(escape_text(text, strlen(text), escaped, sizeof(escaped)));
}

static json_t *user_json(uint32_t uid)
{
	char name[PROCFS_USER_MAX];

	return text_json(procfs_user_name(uid, name));
}

static json_t *addr_json(const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	/* A connection's peer may be missing; no local address ever is. */
	return a->family == AF_UNSPEC && a->port == 0 ? json_null() : text_json(addr_text(a, text));
}

static json_t *time_json(int64_t at_ms)
{
	time_t at_s = (time_t)(at_ms / MS_PER_S);
	char text[TIME_TEXT_MAX];
	struct tm utc;

	if (!gmtime_r(&at_s, &utc) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		return json_null();
	return json_string(text);
}

static const char *protocol_text(const struct addr *a)
{
	if (a->family == AF_UNIX)
		return "unix";
	return a->protocol == IPPROTO_UDP ? "udp" : "tcp";
}

static const char *effect_text(enum holders_effect effect)
{
	switch (effect) {
	case HOLDERS_PASSES: return "none";
	case HOLDERS_PASSES_IF_REUSEADDR: return "blocks-without-reuseaddr";
	case HOLDERS_PASSES_IF_REUSEPORT: return "blocks-without-reuseport";
	case HOLDERS_BLOCKS: return "blocks";
	}
	return "none";
}

static json_t *sharing_json(enum holder_sharing sharing)
{
	switch (sharing) {
	case HOLDER_SHARING_UNKNOWN: break;
	case HOLDER_SHARING_NO: return json_false();
	case HOLDER_SHARING_YES: return json_true();
	}
	return json_null();
}

static json_t *process_json(const struct holder_report *r, const struct holder_open *open)
{
	const struct holder_process *p = &r->processes[open->process];
	const struct procfs_process *process = &p->details.process;

	return json_pack("{s:i, s:i, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "pid",
			 process->pid, "parent", process->parent, "name", text_json(process->comm),
			 "command", text_json(p->command), "uid", (json_int_t)p->details.uid,
			 "user", user_json(p->details.uid), "since",
			 time_json(p->details.started_at_ms), "unit", text_json(p->cgroup.unit),
			 "container", text_json(p->cgroup.container), "role",
			 text_json(holder_role_text(open->role)), "berth",
			 p->kin.keeper ? json_integer(p->kin.keeper) : json_null(), "app",
			 text_json(p->kin.app));
}

static json_t *processes_json(const struct holder_report *r, size_t socket)
{
	json_t *array = json_array();
	size_t n;
	const struct holder_open *opens = holder_report_opens(r, socket, &n);

	for (size_t i = 0; i < n; i++) {
		if (json_array_append_new(array, process_json(r, &opens[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* The group of a socket that takes traffic; null for the others. */
static json_t *group_json(const struct holder_report *r, unsigned group)
{
	const struct holder_group *g = &r->groups[group];

	if (group == 0)
		return json_null();
	return json_pack("{s:i, s:I, s:o}", "number", (int)group, "sockets",
			 (json_int_t)g->n_sockets, "shareable", sharing_json(g->sharing));
}

static json_t *socket_json(const struct holder_report *r, size_t socket)
{
	const struct holder_socket *h = &r->search.sockets[socket];
	const struct socket_info *s = &h->info;

	return json_pack(
		"{s:o, s:o, s:s, s:s, s:b, s:I, s:s, s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:o, s:o}",
		"address", addr_json(&s->local), "peer", addr_json(&s->peer), "protocol",
		protocol_text(&s->local), "state", holders_state_text(s->state), "v6only",
		s->local.v6only, "device", (json_int_t)s->local.device, "effect",
		effect_text(h->verdict.effect), "because",
		holders_relation_text(h->verdict.relation), "uid", (json_int_t)s->uid, "user",
		s->state == SOCKET_TIME_WAIT ? json_null() : user_json(s->uid), "inode",
		(json_int_t)s->inode, "queued", (json_int_t)s->n_queued, "backlog",
		(json_int_t)s->n_queued_max, "ends_in_ms", (json_int_t)s->ends_in_ms, "group",
		group_json(r, h->group), "processes", processes_json(r, socket));
}

static json_t *sockets_json(const struct holder_report *r)
{
	json_t *array = json_array();

	for (size_t i = 0; i < r->search.n_sockets; i++) {
		if (json_array_append_new(array, socket_json(r, i)) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* How many sockets of each state may be in the way; not all of very many are listed. */
static json_t *counts_json(const struct holder_search *s)
{
	json_t *object = json_object();

	for (size_t state = 0; state < SOCKET_STATES; state++) {
		if (json_object_set_new(object, holders_state_text(state),
					json_integer((json_int_t)s->n_by_state[state])) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static void append_change(const char *sentence, void *arg)
{
	(void)json_array_append_new(arg, json_string(sentence));
}

static json_t *report_json(const struct holder_report *r)
{
	const struct addr *wanted = &r->search.wish.addr;
	const char *error = r->bind_error ? strerrorname_np(r->bind_error) : NULL;
	json_t *changes = json_array();
	char summary[WHY_TEXT_MAX];

	if (changes)
		why_changes(r, append_change, changes);
	return json_pack("{s:o, s:s, s:i, s:s, s:b, s:o, s:s, s:o, s:o, s:I, s:o}", "address",
			 addr_json(wanted), "protocol", protocol_text(wanted), "port", wanted->port,
			 "verdict", why_verdict(r->outcome), "bindable", r->bind_error == 0,
			 "error", text_json(error), "summary", why_summary(r, summary), "sockets",
			 sockets_json(r), "in_the_way", counts_json(&r->search), "hidden_processes",
			 (json_int_t)r->n_hidden, "changes", changes);
}

int why_json_print(const struct holder_report *r, FILE *out)
{
	json_t *report = report_json(r);
	int err = 0;

	if (!report)
		return -ENOMEM;
	if (json_dumpf(report, out, JSON_INDENT(2)) < 0 || fputc('\n', out) == EOF)
		err = -EIO;
	json_decref(report);
	return err;
}
