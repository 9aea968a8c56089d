/*
 * Prints an app for people: one line about it, then its workers, then the berths at its
 * ports. See ps_text.h.
 */
#include "prog/ps_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "prog/ports_text.h"
#include "prog/words.h"

#define LABEL_MAX (WORDS_SHOWN_MAX + 24)

static bool print_app(json_t *app, FILE *out)
{
	char name_shown[WORDS_SHOWN_MAX], tier_shown[WORDS_SHOWN_MAX],
		version_shown[WORDS_SHOWN_MAX];
	char since_shown[WORDS_SHOWN_MAX];
	const char *name, *tier, *version, *since;
	json_int_t generation, n_workers, primary, keeper;

	if (json_unpack(app, "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "name", &name, "tier",
			&tier, "version", &version, "started_at", &since, "generation", &generation,
			"workers", &n_workers, "primary_pid", &primary, "keeper_pid", &keeper) < 0)
		return false;
	(void)fprintf(out,
		      "%s: %" JSON_INTEGER_FORMAT
		      " worker%s wanted, generation %" JSON_INTEGER_FORMAT
		      ", %s tier, since %s\nberth %s: primary %" JSON_INTEGER_FORMAT
		      ", keeper %" JSON_INTEGER_FORMAT "\n",
		      words_shown(name, name_shown), n_workers, n_workers == 1 ? "" : "s",
		      generation, words_shown(tier, tier_shown), words_shown(since, since_shown),
		      words_shown(version, version_shown), primary, keeper);
	return true;
}

static void print_upgrade(json_t *app, FILE *out)
{
	char state_shown[WORDS_SHOWN_MAX], message_shown[WORDS_SHOWN_MAX];
	const char *state, *message;
	json_int_t id;

	if (json_unpack(app, "{s:{s:I, s:s, s:s}}", "upgrade", "id", &id, "state", &state,
			"message", &message) < 0 ||
	    id == 0)
		return;
	(void)fprintf(out, "upgrade %" JSON_INTEGER_FORMAT ": %s%s%s\n", id,
		      words_shown(state, state_shown), message[0] ? ", " : "",
		      words_shown(message, message_shown));
}

/* Of one that drains: who holds it, and for how long at most. */
static void print_leave(const json_t *worker, FILE *out)
{
	const json_t *n = json_object_get(worker, "connections");
	const json_t *left = json_object_get(worker, "left_ms");
	const bool is_unseen = json_is_true(json_object_get(worker, "unseen"));
	char time[WORDS_TIME_MAX];

	if (n)
		(void)fprintf(out, "  %" JSON_INTEGER_FORMAT " connection%s", json_integer_value(n),
			      json_integer_value(n) == 1 ? "" : "s");
	else if (is_unseen)
		(void)fputs("  connections unknown", out);
	if (left)
		(void)fprintf(out, "%s %s left", n || is_unseen ? "," : " ",
			      words_time(json_integer_value(left), time));
}

static bool print_slot(const char *app_name, json_t *worker, FILE *out)
{
	char state_shown[WORDS_SHOWN_MAX], label[LABEL_MAX], up[WORDS_TIME_MAX];
	json_int_t slot, pid, generation, n_restarts, uptime_ms;
	const char *state;

	if (json_unpack(worker, "{s:I, s:I, s:s, s:I, s:I, s:I}", "slot", &slot, "pid", &pid,
			"state", &state, "generation", &generation, "restarts", &n_restarts,
			"uptime_ms", &uptime_ms) < 0)
		return false;
	(void)snprintf(label, sizeof(label), "%s.%" JSON_INTEGER_FORMAT, app_name, slot);
	(void)fprintf(out,
		      "%-16s %8" JSON_INTEGER_FORMAT "  %-10s %5" JSON_INTEGER_FORMAT
		      " %8" JSON_INTEGER_FORMAT "  %8s",
		      label, pid, words_shown(state, state_shown), generation, n_restarts,
		      words_time(uptime_ms, up));
	print_leave(worker, out);
	(void)fputc('\n', out);
	return true;
}

/* Members, then those who come or leave; both by slot, the elder first. */
static int compare_workers(const void *a, const void *b)
{
	static const char *const numbers[] = { "slot", "generation", "pid" };
	json_t *const *x = a, *const *y = b;
	const bool is_member = strcmp(words_text(*x, "role"), "member") == 0;

	if (is_member != (strcmp(words_text(*y, "role"), "member") == 0))
		return is_member ? -1 : 1;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const json_int_t m = words_number(*x, numbers[i]), n = words_number(*y, numbers[i]);

		if (m != n)
			return m < n ? -1 : 1;
	}
	return 0;
}

/* Borrowed from @slots, which is an array. NULL without memory. */
static json_t **sorted_workers(const json_t *slots)
{
	json_t **all = calloc(json_array_size(slots) + 1, sizeof(json_t *));
	json_t *worker;
	size_t i;

	if (!all)
		return NULL;
	json_array_foreach(slots, i, worker) all[i] = worker;
	qsort(all, json_array_size(slots), sizeof(json_t *), compare_workers);
	return all;
}

static bool print_slots(json_t *app, FILE *out)
{
	const json_t *slots = json_object_get(app, "slots");
	own_free json_t **workers = sorted_workers(slots);
	const char *name = json_string_value(json_object_get(app, "name"));
	char name_shown[WORDS_SHOWN_MAX];

	if (!name || !json_is_array(slots) || !workers)
		return false;
	(void)fprintf(out, "\n%-16s %8s  %-10s %5s %8s  %8s\n", "WORKER", "PID", "STATE", "GEN",
		      "RESTARTS", "UP");
	(void)words_shown(name, name_shown);
	for (size_t i = 0; i < json_array_size(slots); i++)
		if (!print_slot(name_shown, workers[i], out))
			return false;
	return true;
}

bool ps_text_print(json_t *app, FILE *out)
{
	if (!print_app(app, out))
		return false;
	print_upgrade(app, out);
	if (!print_slots(app, out))
		return false;
	if (json_array_size(json_object_get(app, "ports")) > 0)
		(void)fputc('\n', out);
	return ports_text_print(app, out);
}

static bool print_connection(json_t *connection, FILE *out)
{
	char peer_shown[WORDS_SHOWN_MAX], port_shown[WORDS_SHOWN_MAX], quiet[WORDS_TIME_MAX];
	json_int_t slot, pid, quiet_ms, n_in, n_out;
	const char *peer, *port;
	int is_idle;

	if (json_unpack(connection, "{s:I, s:I, s:s, s:s, s:b, s:I, s:I, s:I}", "slot", &slot,
			"pid", &pid, "peer", &peer, "port", &port, "idle", &is_idle, "quiet_ms",
			&quiet_ms, "bytes_in", &n_in, "bytes_out", &n_out) < 0)
		return false;
	(void)fprintf(out,
		      "%4" JSON_INTEGER_FORMAT " %8" JSON_INTEGER_FORMAT
		      "  %-28s %-24s %-5s %8s %12" JSON_INTEGER_FORMAT " %12" JSON_INTEGER_FORMAT
		      "\n",
		      slot, pid, words_shown(peer, peer_shown), words_shown(port, port_shown),
		      is_idle ? "idle" : "busy", words_time(quiet_ms, quiet), n_in, n_out);
	return true;
}

bool ps_text_drain(json_t *answer, FILE *out)
{
	const json_t *connections = json_object_get(answer, "connections");
	const json_int_t n_all = words_number(answer, "total");
	json_t *connection;
	size_t i;

	if (!json_is_array(connections))
		return false;
	if (json_array_size(connections) == 0)
		(void)fprintf(out, "no connection holds a worker that leaves\n");
	else
		(void)fprintf(out, "%4s %8s  %-28s %-24s %-5s %8s %12s %12s\n", "SLOT", "PID",
			      "PEER", "PORT", "STATE", "QUIET", "BYTES-IN", "BYTES-OUT");
	json_array_foreach(connections, i,
			   connection) if (!print_connection(connection, out)) return false;
	if (n_all > (json_int_t)json_array_size(connections))
		(void)fprintf(out, "and %" JSON_INTEGER_FORMAT " more\n",
			      n_all - (json_int_t)json_array_size(connections));
	return true;
}
