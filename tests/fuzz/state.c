/*
 * The blob that a primary finds with its keeper, whoever wrote it: what is accepted is
 * within all bounds, and comes out again as it went in. Its seeds are written by
 * tests/unit/state.c.
 */
#include "core/state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/worker_fsm.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_bounds(const struct state *s)
{
	assert(s->app.n_wanted >= 1 && s->app.n_wanted <= APP_WORKERS_MAX);
	assert(s->n_workers <= APP_WORKERS_MAX && s->n_ports <= PORT_TABLE_MAX &&
	       s->n_berths <= STATE_BERTHS_MAX);
	for (size_t i = 0; i < s->n_workers; i++) {
		assert(s->workers[i].slot >= 1 && s->workers[i].slot <= APP_WORKERS_MAX);
		assert(s->workers[i].state < WORKER_STATES && s->workers[i].pid >= 0);
	}
	for (size_t i = 0; i < s->n_ports; i++) {
		assert(s->ports[i].id < PORT_TABLE_MAX && s->ports[i].any_port <= PORT_NONE);
		assert(s->ports[i].anchor < STATE_BERTHS_MAX);
		assert(s->ports[i].path_owner.n_groups <= STATE_GROUPS_MAX);
		if (s->ports[i].addr.family == AF_UNIX)
			assert(s->ports[i].addr.unix_len <= ADDR_UNIX_MAX);
	}
	for (size_t i = 0; i < s->n_berths; i++)
		assert(s->berths[i].port < PORT_TABLE_MAX && s->berths[i].index < STATE_BERTHS_MAX);
}

/* What was read, written, read and written: both times the same. */
static void check_round(const struct state *s)
{
	char refusal[STATE_REFUSAL_MAX];
	struct state again;
	void *first = NULL;
	void *second = NULL;
	size_t size = state_write(s, &first);

	assert(size > 0);
	assert(state_read(first, size, &again, refusal) == 0);
	assert(state_write(&again, &second) == size);
	assert(memcmp(first, second, size) == 0);
	state_done(&again);
	free(first);
	free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char refusal[STATE_REFUSAL_MAX] = "";
	struct state s;

	if (state_read(bytes, size, &s, refusal) < 0) {
		assert(refusal[0] && memchr(refusal, '\0', sizeof(refusal)));
		return 0;
	}
	check_bounds(&s);
	check_round(&s);
	state_done(&s);
	return 0;
}
