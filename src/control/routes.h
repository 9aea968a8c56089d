/*
 * Which request leads where, and who may make it: one table.
 */
#ifndef BERTH_CONTROL_ROUTES_H
#define BERTH_CONTROL_ROUTES_H

#include <stddef.h>

#include "control/answers.h"

#define ROUTES_ALLOW_MAX 32 /* the methods of any path, with the NUL */

/* What a client may do, as bits. */
enum routes_right {
	ROUTES_READ = 1 << 0,
	ROUTES_CHANGE = 1 << 1,
};

struct route {
	const char *method;
	const char *path;        /* where it ends with "{id}", what may stand there is one word */
	enum routes_right right; /* that it needs */
	answers_give *give;
	enum control_document document; /* where that is what it gives */
};

enum routes_result {
	ROUTES_FOUND = 0,
	ROUTES_NO_PATH,
	ROUTES_NO_METHOD, /* the path is there for others: see routes_allow() */
	ROUTES_FORBIDDEN, /* the client lacks the right */
};

/*
 * routes_find - find what answers a request
 *
 * @method, @path:  as the client sent them; the path without its query
 * @rights:         of the client, ROUTES_ bits
 * @ret_route:      static; written on ROUTES_FOUND only
 *
 * Any thread. Never blocks.
 */
enum routes_result routes_find(const char *method, const char *path, unsigned rights,
			       const struct route **ret_route);

/* The word that stands for the {id} of @route in @path, which has led to it; else "". */
const char *routes_id(const struct route *route, const char *path);

/* The methods that a path has, "GET, POST"; "" for a path that is none. Returns @ret_allow. */
const char *routes_allow(const char *path, char ret_allow[static ROUTES_ALLOW_MAX]);

/* The table, for those who look at all of it. Static. */
const struct route *routes_all(size_t *ret_n);

#endif
