/*
 * The table of routes. See routes.h.
 */
#include "control/routes.h"

#include <string.h>

/* clang-format off */
static const struct route routes[] = {
	{ "GET",  "/v1/app",             ROUTES_READ,   answers_document, CONTROL_APP },
	{ "GET",  "/v1/apps",            ROUTES_READ,   answers_document, CONTROL_APPS },
	{ "GET",  "/v1/workers",         ROUTES_READ,   answers_document, CONTROL_WORKERS },
	{ "GET",  "/v1/ports",           ROUTES_READ,   answers_document, CONTROL_PORTS },
	{ "GET",  "/v1/berths",          ROUTES_READ,   answers_document, CONTROL_BERTHS },
	{ "GET",  "/v1/generations",     ROUTES_READ,   answers_document, CONTROL_GENERATIONS },
	{ "GET",  "/v1/operations",      ROUTES_READ,   answers_document, CONTROL_OPERATIONS },
	{ "GET",  "/v1/operations/{id}", ROUTES_READ,   answers_operation, CONTROL_NO_DOCUMENT },
	{ "GET",  "/v1/connections",     ROUTES_READ,   answers_document, CONTROL_CONNECTIONS },
	{ "GET",  "/v1/events",          ROUTES_READ,   answers_events, CONTROL_NO_DOCUMENT },
	{ "POST", "/v1/app/scale",       ROUTES_CHANGE, answers_scale, CONTROL_NO_DOCUMENT },
	{ "GET",  "/v1/reload",          ROUTES_READ,   answers_document, CONTROL_RELOAD },
	{ "POST", "/v1/reload",          ROUTES_CHANGE, answers_reload, CONTROL_NO_DOCUMENT },
	{ "POST", "/v1/undo",            ROUTES_CHANGE, answers_undo, CONTROL_NO_DOCUMENT },
	{ "GET",  "/v1/upgrade",         ROUTES_READ,   answers_document, CONTROL_UPGRADE },
	{ "POST", "/v1/upgrade",         ROUTES_CHANGE, answers_upgrade, CONTROL_NO_DOCUMENT },
	{ "POST", "/v1/stop",            ROUTES_CHANGE, answers_stop, CONTROL_NO_DOCUMENT },
	{ "POST", "/v1/restart",         ROUTES_CHANGE, answers_restart, CONTROL_NO_DOCUMENT },
	{ "GET",  "/v1/drain",           ROUTES_READ,   answers_document, CONTROL_DRAIN },
	{ "POST", "/v1/drain",           ROUTES_CHANGE, answers_drain, CONTROL_NO_DOCUMENT },
	{ "POST", "/v1/kill",            ROUTES_CHANGE, answers_kill, CONTROL_NO_DOCUMENT },
	{ "GET",  "/v1/openapi.json",    ROUTES_READ,   answers_openapi, CONTROL_NO_DOCUMENT },
};
/* clang-format on */

#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

/* How long the part of a path is that must be there letter by letter. */
static size_t fixed_size(const char *pattern)
{
	return strcspn(pattern, "{");
}

static bool is_path_of(const char *pattern, const char *path)
{
	const size_t size = fixed_size(pattern);

	if (!pattern[size])
		return strcmp(pattern, path) == 0;
	return strncmp(pattern, path, size) == 0 && path[size] && !strchr(path + size, '/');
}

const char *routes_id(const struct route *route, const char *path)
{
	const size_t size = fixed_size(route->path);

	return route->path[size] ? path + size : "";
}

/* HEAD is GET without the body, which libmicrohttpd leaves out. */
static bool is_method_of(const struct route *route, const char *method)
{
	return strcmp(route->method, strcmp(method, "HEAD") == 0 ? "GET" : method) == 0;
}

enum routes_result routes_find(const char *method, const char *path, unsigned rights,
			       const struct route **ret_route)
{
	enum routes_result result = ROUTES_NO_PATH;

	for (size_t i = 0; i < N_ROUTES; i++) {
		if (!is_path_of(routes[i].path, path))
			continue;
		result = ROUTES_NO_METHOD;
		if (!is_method_of(&routes[i], method))
			continue;
		if (!(rights & routes[i].right))
			return ROUTES_FORBIDDEN;
		*ret_route = &routes[i];
		return ROUTES_FOUND;
	}
	return result;
}

const char *routes_allow(const char *path, char ret_allow[static ROUTES_ALLOW_MAX])
{
	ret_allow[0] = '\0';
	for (size_t i = 0; i < N_ROUTES; i++) {
		if (!is_path_of(routes[i].path, path))
			continue;
		if (ret_allow[0])
			(void)strncat(ret_allow, ", ", ROUTES_ALLOW_MAX - strlen(ret_allow) - 1);
		if (strcmp(routes[i].method, "GET") == 0)
			(void)strncat(ret_allow, "HEAD, ",
				      ROUTES_ALLOW_MAX - strlen(ret_allow) - 1);
		(void)strncat(ret_allow, routes[i].method,
			      ROUTES_ALLOW_MAX - strlen(ret_allow) - 1);
	}
	return ret_allow;
}

const struct route *routes_all(size_t *ret_n)
{
	*ret_n = N_ROUTES;
	return routes;
}
