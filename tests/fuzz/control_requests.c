/*
 * Requests to the control API: whatever a body holds, what is understood of it is in its
 * bounds; whatever a path is, it is one of the table's or none.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/requests.h"
#include "control/routes.h"
#include "core/app_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_scale(struct span body)
{
	struct control_scale scale;
	char text[CONTROL_TEXT_MAX] = "";

	if (requests_read_scale(body, &scale, text)) {
		assert(scale.workers != 0 && scale.workers <= APP_WORKERS_MAX);
		assert(scale.workers >= (scale.is_change ? -APP_WORKERS_MAX : 1));
	} else {
		assert(text[0] && memchr(text, '\0', sizeof(text)));
	}
}

static void check_upgrade(struct span body)
{
	struct requests_upgrade upgrade;
	char text[CONTROL_TEXT_MAX] = "";

	if (requests_read_upgrade(body, &upgrade, text)) {
		assert(memchr(upgrade.binary, '\0', sizeof(upgrade.binary)));
		assert(upgrade.binary[0] == '\0' || upgrade.binary[0] == '/');
	} else {
		assert(text[0] && memchr(text, '\0', sizeof(text)));
	}
}

static void check_others(struct span body)
{
	char text[CONTROL_TEXT_MAX] = "";
	struct control_restart restart;
	struct control_reload reload;
	struct control_drain drain;
	struct control_kill kill;
	bool is_now;

	if (requests_read_drain(body, &drain, text))
		assert(drain.slot >= 1 && drain.slot <= APP_WORKERS_MAX);
	else
		assert(text[0]);
	text[0] = '\0';
	if (requests_read_kill(body, &kill, text))
		assert(kill.slot >= 1 && kill.slot <= APP_WORKERS_MAX && kill.signal >= 1 &&
		       kill.signal <= 64);
	else
		assert(text[0]);
	text[0] = '\0';
	if (requests_read_restart(body, &restart, text))
		assert(restart.is_all || memchr(restart.slots, true, sizeof(restart.slots)));
	else
		assert(text[0]);
	text[0] = '\0';
	assert(requests_read_stop(body, &is_now, text) || text[0]);
	text[0] = '\0';
	if (requests_read_reload(body, &reload, text))
		assert(reload.canary_percent <= 99);
	else
		assert(text[0]);
	text[0] = '\0';
	assert(requests_read_nothing(body, text) || text[0]);
}

/* "NAME=VALUE&NAME=VALUE" */
static void check_query(char *line)
{
	struct requests_query query = { 0 };
	struct requests_events events;
	char text[CONTROL_TEXT_MAX] = "";
	char *word;

	while ((word = strsep(&line, "&"))) {
		char *value = word + strcspn(word, "=");

		if (*value)
			*value++ = '\0';
		query.is_too_long = query.n == REQUESTS_QUERY_MAX;
		if (query.is_too_long)
			break;
		query.at[query.n].name = word;
		query.at[query.n++].value = value;
	}
	if (requests_read_events(&query, &events, text))
		assert(events.after <= INT64_MAX && query.n <= 2);
	else
		assert(text[0] && memchr(text, '\0', sizeof(text)));
}

/* "METHOD PATH" */
static void check_route(char *line)
{
	char *path = line + strcspn(line, " ");
	const struct route *route = NULL;
	char allow[ROUTES_ALLOW_MAX];
	enum routes_result result;

	if (*path)
		*path++ = '\0';
	result = routes_find(line, path, ROUTES_READ, &route);
	assert((result == ROUTES_FOUND) == (route != NULL));
	if (route)
		assert(route->right == ROUTES_READ &&
		       (strcmp(route->path, path) == 0 || routes_id(route, path)[0]));
	assert((result == ROUTES_NO_PATH) == (routes_allow(path, allow)[0] == '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct span body = { (const char *)bytes, size };
	char *line = strndup(body.at, size);

	check_scale(body);
	check_upgrade(body);
	check_others(body);
	if (line)
		check_route(line);
	free(line);
	line = strndup(body.at, size);
	if (line)
		check_query(line);
	free(line);
	return 0;
}
