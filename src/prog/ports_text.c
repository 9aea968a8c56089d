/*
 * Each row has the same columns; what isn't known, or makes no sense there, is a dash.
 */
#include "prog/ports_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "prog/words.h"

#define CELL_MAX 32

/* What a row shows beside its port: a berth, or what stands for several. */
struct row {
	const char *name;
	const char *state;
	const json_t *steered, *live, *queue, *queue_limit, *dropped, *in, *out;
};

static const char *cell(const json_t *number, char ret_text[static CELL_MAX])
{
	if (json_is_integer(number))
		(void)snprintf(ret_text, CELL_MAX, "%" JSON_INTEGER_FORMAT,
			       json_integer_value(number));
	else
		(void)snprintf(ret_text, CELL_MAX, "-");
	return ret_text;
}

static void print_row(const char *port, const struct row *row, FILE *out)
{
	char steered[CELL_MAX], live[CELL_MAX], depth[CELL_MAX], limit[CELL_MAX];
	char dropped[CELL_MAX], moved_in[CELL_MAX], moved_out[CELL_MAX];
	char queue[2 * CELL_MAX] = "-";

	if (json_is_integer(row->queue))
		(void)snprintf(queue, sizeof(queue), "%s/%s", cell(row->queue, depth),
			       cell(row->queue_limit, limit));
	(void)fprintf(out, "%-24s %6s  %-7s %10s %7s %9s %8s %7s %7s\n", port, row->name,
		      row->state, cell(row->steered, steered), cell(row->live, live), queue,
		      cell(row->dropped, dropped), cell(row->in, moved_in),
		      cell(row->out, moved_out));
}

/* One of several berths, and where it stands in the answer. */
struct line {
	const json_t *berth;
	size_t place;
};

static int compare_lines(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	const json_int_t slots[] = { words_number(x->berth, "slot"),
				     words_number(y->berth, "slot") };

	if (slots[0] != slots[1])
		return slots[0] < slots[1] ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

static bool is_berth(const json_t *berth)
{
	return json_is_integer(json_object_get(berth, "slot")) &&
	       json_is_string(json_object_get(berth, "state")) &&
	       json_is_integer(json_object_get(berth, "steered"));
}

static void print_berth(const char *port, const json_t *berth, FILE *out)
{
	const bool is_udp = json_object_get(berth, "flows");
	char slot[CELL_MAX], state[WORDS_SHOWN_MAX];
	const struct row row = {
		.name = cell(json_object_get(berth, "slot"), slot),
		.state = words_shown(words_text(berth, "state"), state),
		.steered = json_object_get(berth, "steered"),
		.live = json_object_get(berth, is_udp ? "flows" : "live"),
		.queue = json_object_get(berth, "queue"),
		.queue_limit = json_object_get(berth, "queue_limit"),
		.dropped = json_object_get(berth, "dropped"),
		.in = json_object_get(berth, "migrated_in"),
		.out = json_object_get(berth, "migrated_out"),
	};

	print_row(port, &row, out);
}

/* By rising slot, those of one slot in the order of their opening. */
static bool print_berths(const char *port, const json_t *berths, FILE *out)
{
	const size_t n = json_array_size(berths);
	own_free struct line *lines = calloc(n + 1, sizeof(*lines));

	if (!lines)
		return false;
	for (size_t i = 0; i < n; i++) {
		lines[i] = (struct line){ json_array_get(berths, i), i };
		if (!is_berth(lines[i].berth))
			return false;
	}
	qsort(lines, n, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < n; i++)
		print_berth(port, lines[i].berth, out);
	return true;
}

/* What is in the totals and in no berth's line: that of the anchor, and of berths that have gone. */
static void print_totals(const char *port, const json_t *totals, size_t n_berths, FILE *out)
{
	struct row row = {
		.state = "-",
		.steered = json_object_get(totals, "to_anchor"),
		.out = json_object_get(totals, "from_anchor"),
	};

	if (json_integer_value(row.steered) > 0) {
		row.name = "anchor";
		print_row(port, &row, out);
	}
	row.name = "gone";
	row.steered = json_object_get(totals, "gone_steered");
	row.in = json_object_get(totals, "gone_migrated_in");
	row.out = json_object_get(totals, "gone_migrated_out");
	if (json_integer_value(row.steered) > 0 || json_integer_value(row.in) > 0 ||
	    json_integer_value(row.out) > 0)
		print_row(port, &row, out);
	else if (n_berths < 2)
		return;
	row = (struct row){
		.name = "all",
		.state = "-",
		.steered = json_object_get(totals, "steered"),
		.live = json_object_get(totals, "live"),
		.in = json_object_get(totals, "migrated"),
		.out = json_object_get(totals, "migrated"),
	};
	print_row(port, &row, out);
}

static bool print_port(const json_t *port, FILE *out)
{
	char address[WORDS_SHOWN_MAX], kind[WORDS_SHOWN_MAX], slot[CELL_MAX];
	const json_t *berths = json_object_get(port, "berths");
	const json_t *totals = json_object_get(port, "totals");
	const struct row none = {
		.name = cell(json_object_get(port, "slot"), slot),
		.state = words_shown(words_text(port, "kind"), kind),
	};

	if (!json_is_string(json_object_get(port, "address")) || !json_is_array(berths))
		return false;
	(void)words_shown(words_text(port, "address"), address);
	if (json_array_size(berths) == 0)
		print_row(address, &none, out);
	if (!print_berths(address, berths, out))
		return false;
	if (totals)
		print_totals(address, totals, json_array_size(berths), out);
	return true;
}

static void print_flows(const json_t *flows, FILE *out)
{
	if (flows)
		(void)fprintf(out,
			      "UDP flows: %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
			      ", %" JSON_INTEGER_FORMAT " ever, %" JSON_INTEGER_FORMAT
			      " of them evicted\n",
			      words_number(flows, "present"), words_number(flows, "limit"),
			      words_number(flows, "made"), words_number(flows, "evicted"));
}

bool ports_text_print(const json_t *answer, FILE *out)
{
	const json_t *ports = json_object_get(answer, "ports");
	json_t *port;
	size_t i;

	if (!json_is_array(ports))
		return false;
	if (json_array_size(ports) > 0)
		(void)fprintf(out, "%-24s %6s  %-7s %10s %7s %9s %8s %7s %7s\n", "PORT", "SLOT",
			      "STATE", "STEERED", "LIVE", "QUEUE", "DROPPED", "IN", "OUT");
	json_array_foreach(ports, i, port)
	{
		if (!print_port(port, out))
			return false;
	}
	print_flows(json_object_get(answer, "flows"), out);
	return true;
}
