/*
 * The table of routes. See routes.h.
 */
#include "control/routes.h"

#include <string.h>

/* clang-format off */
static const struct route routes[] = {
	{ "GET",  "/v1/app",          ROUTES_READ,   answers_app },
	{ "POST", "/v1/app/scale",    ROUTES_CHANGE, answers_scale },
	{ "GET",  "/v1/reload",       ROUTES_READ,   answers_reload_state },
	{ "POST", "/v1/reload",       ROUTES_CHANGE, answers_reload },
	{ "POST", "/v1/undo",         ROUTES_CHANGE, answers_undo },
	{ "GET",  "/v1/upgrade",      ROUTES_READ,   answers_upgrade_state },
	{ "POST", "/v1/upgrade",      ROUTES_CHANGE, answers_upgrade },
	{ "GET",  "/v1/openapi.json", ROUTES_READ,   answers_openapi },
};
/* clang-format on */

#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

enum routes_result routes_find(const char *method, const char *path, unsigned rights,
			       const struct route **ret_route)
{
	enum routes_result result = ROUTES_NO_PATH;

	for (size_t i = 0; i < N_ROUTES; i++) {
		if (strcmp(routes[i].path, path) != 0)
			continue;
		result = ROUTES_NO_METHOD;
		if (strcmp(routes[i].method, method) != 0)
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
		if (strcmp(routes[i].path, path) != 0)
			continue;
		if (ret_allow[0])
			(void)strncat(ret_allow, ", ", ROUTES_ALLOW_MAX - strlen(ret_allow) - 1);
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
