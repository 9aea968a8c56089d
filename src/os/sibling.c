/*
 * Found from where the running program is, so that two builds never mix.
 */
#include "os/sibling.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PLACES 3

/* Where a program's siblings are: so many directories up, and then down. */
static const struct {
	unsigned n_up;
	const char *down;
} places[PLACES] = { { 0, "" }, { 1, "/libexec/berth" }, { 2, "/bin" } };

static int own_path(char *ret_path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", ret_path, size - 1);

	if (n < 0)
		return -errno;
	ret_path[n] = '\0';
	return 0;
}

/* Of "/usr/bin/berth", 1 is "/usr/bin", 2 is "/usr"; above the root is the root. */
static int size_above(const char *path, unsigned n_up)
{
	size_t size = strlen(path);

	for (; n_up > 0 && size > 0; n_up--)
		while (size > 0 && path[--size] != '/')
			;
	return (int)size;
}

/* Returns false where there is no room. */
static bool print_place(const char *of, size_t place, const char *name, char *ret_path, size_t size)
{
	int n = snprintf(ret_path, size, "%.*s%s/%s", size_above(of, places[place].n_up + 1), of,
			 places[place].down, name);

	return n > 0 && (size_t)n < size;
}

int sibling_path_of(const char *of, const char *name, char *ret_path, size_t size)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < PLACES; i++) {
		if (!print_place(of, i, name, path, sizeof(path)) || access(path, X_OK) < 0)
			continue;
		if (strlen(path) >= size)
			return -ENOENT;
		memcpy(ret_path, path, strlen(path) + 1);
		return 0;
	}
	return -ENOENT;
}

int sibling_path(const char *name, char *ret_path, size_t size)
{
	char self[PATH_MAX];
	int r = own_path(self, sizeof(self));

	return r < 0 ? r : sibling_path_of(self, name, ret_path, size);
}

int sibling_places(const char *name, char *ret_text, size_t size)
{
	char self[PATH_MAX], path[PATH_MAX];
	int r = own_path(self, sizeof(self));
	size_t used = 0;

	if (r < 0)
		return r;
	ret_text[0] = '\0';
	for (size_t i = 0; i < PLACES && used < size; i++) {
		if (print_place(self, i, name, path, sizeof(path)))
			used += (size_t)snprintf(ret_text + used, size - used, "%s%s",
						 used > 0 ? ", " : "", path);
	}
	return 0;
}
