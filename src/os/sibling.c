/*
 * Found from where the running program is, so that two builds never mix.
 */
#include "os/sibling.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int own_directory(char *ret_directory, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", ret_directory, size - 1);
	char *slash;

	if (n < 0)
		return -errno;
	ret_directory[n] = '\0';
	slash = strrchr(ret_directory, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return 0;
}

int sibling_path(const char *name, char *ret_path, size_t size)
{
	static const char *const places[] = { "", "/../libexec/berth", "/../../bin" };
	char directory[PATH_MAX];
	int r = own_directory(directory, sizeof(directory));

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int n = snprintf(ret_path, size, "%s%s/%s", directory, places[i], name);

		if (n > 0 && (size_t)n < size && access(ret_path, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}
