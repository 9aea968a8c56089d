/*
 * A list without order: names come and go with workers and ports.
 */
#include "primary/keep_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * What a primary needs beside what is kept: its loop, its own files, a worker that is being
 * started, and a descriptor more for a worker whose keeper has died. The keeper needs less.
 */
#define FILES_SPARE 32

/* A run has its process, its two streams, its trapped calls, and a berth. */
#define NAMES_OF_RUN 5

/* What follows them is one name more, of a run: "log/journal" is of none. */
static const char *const prefixes_of_run[] = { "channel/", "log/", "notify/" };

#define PREFIX_OF_BERTH "berth/"

#define PREFIX_OF_EACH_RUN "worker/"

void keep_names_init(struct keep_names *k, size_t n_files)
{
	size_t n = n_files > FILES_SPARE ? n_files - FILES_SPARE : 0;

	*k = (struct keep_names){ .n_max = n < KEEPER_ITEMS_MAX ? n : KEEPER_ITEMS_MAX };
}

void keep_names_done(struct keep_names *k)
{
	free(k->at);
	*k = (struct keep_names){ .n_max = k->n_max };
}

static size_t find(const struct keep_names *k, const char *name)
{
	size_t i = 0;

	while (i < k->n && strcmp(k->at[i], name) != 0)
		i++;
	return i;
}

int keep_names_add(struct keep_names *k, const char *name)
{
	if (find(k, name) < k->n)
		return 0;
	if (k->n >= k->n_max)
		return -EMFILE;
	if (k->n == k->n_room) {
		size_t n_room = k->n_room ? 2 * k->n_room : 64;
		char(*more)[KEEPER_NAME_SIZE] = reallocarray(k->at, n_room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		k->at = more;
		k->n_room = n_room;
	}
	memcpy(k->at[k->n++], name, strlen(name) + 1);
	return 0;
}

void keep_names_drop(struct keep_names *k, const char *name)
{
	size_t i = find(k, name);

	if (i < k->n && i != --k->n)
		memcpy(k->at[i], k->at[k->n], KEEPER_NAME_SIZE);
}

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool is_of_run(const char *name)
{
	for (size_t i = 0; i < sizeof(prefixes_of_run) / sizeof(prefixes_of_run[0]); i++)
		if (has_prefix(name, prefixes_of_run[i]))
			return strchr(name + strlen(prefixes_of_run[i]), '/');
	return has_prefix(name, PREFIX_OF_EACH_RUN) || has_prefix(name, PREFIX_OF_BERTH);
}

bool keep_names_has_room(const struct keep_names *k)
{
	size_t n_of_runs = 0;
	size_t n_runs = 0;
	size_t n_others;

	for (size_t i = 0; i < k->n; i++) {
		n_of_runs += is_of_run(k->at[i]);
		n_runs += has_prefix(k->at[i], PREFIX_OF_EACH_RUN);
	}
	n_others = k->n - n_of_runs;
	if (n_of_runs < n_runs * NAMES_OF_RUN)
		n_of_runs = n_runs * NAMES_OF_RUN;
	return n_others + n_of_runs + NAMES_OF_RUN <= k->n_max;
}
