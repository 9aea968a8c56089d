/*
 * Names of streams, and back.
 */
#include "primary/run_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/own.h"
#include "core/app_config.h"

#define PREFIX "log/"

static const char *const streams[2] = { "stdout", "stderr" };

uint64_t run_log_id(uint64_t run, unsigned i)
{
	return run * 2 + i + 2; /* never 0 */
}

static const char *name_of(const struct message_source *source, uint64_t id,
			   char ret_name[static KEEPER_NAME_SIZE])
{
	(void)snprintf(ret_name, KEEPER_NAME_SIZE, PREFIX "%s.%u/%" PRIu64 "/%s", source->app,
		       source->slot, id / 2 - 1, streams[id % 2]);
	return ret_name;
}

int run_log_store(struct keep *k, const struct message_source *source, uint64_t id, int fd)
{
	char name[KEEPER_NAME_SIZE];

	return keep_store(k, fd, "%s", name_of(source, id, name));
}

int run_log_take(struct keep *k, const struct message_source *source, uint64_t id)
{
	char name[KEEPER_NAME_SIZE];

	return keep_take(k, "%s", name_of(source, id, name));
}

void run_log_drop(struct keep *k, const struct message_source *source, uint64_t id)
{
	char name[KEEPER_NAME_SIZE];

	keep_drop(k, "%s", name_of(source, id, name));
}

/* Reads a name that begins with ours; false if the rest is none that name_of() makes. */
static bool parse(const char *name, const char *app, unsigned *ret_slot, uint64_t *ret_id)
{
	const char *slot_at = name + strlen(PREFIX) + strlen(app) + 1;
	const char *run_at = slot_at + strcspn(slot_at, "/") + 1;
	const char *stream_at = run_at + strcspn(run_at, "/") + 1;
	uint64_t slot;
	uint64_t run;

	if (!number_parse(slot_at, (size_t)(run_at - slot_at) - 1, APP_WORKERS_MAX, &slot) ||
	    !number_parse(run_at, (size_t)(stream_at - run_at) - 1, UINT64_MAX / 2 - 1, &run))
		return false;
	*ret_slot = (unsigned)slot;
	*ret_id = run_log_id(run, strcmp(stream_at, streams[1]) == 0);
	return true;
}

static void resume(struct output *o, const struct message_source *source, uint64_t id, int *fd)
{
	const struct output_stream_name name = { .id = id, .is_stderr = id % 2 };
	struct output_stream *stream;

	if (output_stream_open(o, source, &name, *fd, &stream) < 0)
		return;
	(void)take_fd(fd);
	output_stream_finish(stream);
}

void run_log_resume_rest(struct keep *k, struct output *o, const char *app)
{
	char prefix[KEEPER_NAME_SIZE];
	char name[KEEPER_NAME_SIZE];

	(void)snprintf(prefix, sizeof(prefix), PREFIX "%s.", app);
	while (keep_find(k, prefix, name)) {
		struct message_source source = { .app = app, .generation = 1 };
		own_fd fd = keep_take(k, "%s", name);
		uint64_t id;

		if (parse(name, app, &source.slot, &id))
			resume(o, &source, id, &fd);
		if (fd >= 0)
			keep_drop(k, "%s", name);
	}
}
