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
		assert(strcmp(route->path, path) == 0 && route->right == ROUTES_READ);
	assert((result == ROUTES_NO_PATH) == (routes_allow(path, allow)[0] == '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct span body = { (const char *)bytes, size };
	char *line = strndup(body.at, size);

	check_scale(body);
	check_upgrade(body);
	if (line)
		check_route(line);
	free(line);
	return 0;
}
