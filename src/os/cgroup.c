/*
 * Finds our own cgroup of version 2, in the places where it is mounted.
 */
#include "os/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/own.h"

#define TEXT_MAX (PATH_MAX + 1024) /* beside ours a line for each controller of version 1 */

const char *cgroup_root(void)
{
	static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		struct statfs file_system;

		if (statfs(roots[i], &file_system) == 0 &&
		    file_system.f_type == CGROUP2_SUPER_MAGIC)
			return roots[i];
	}
	return NULL;
}

static int read_own(char ret_text[static TEXT_MAX])
{
	own_fd fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return -errno;
	length = read(fd, ret_text, TEXT_MAX - 1);
	if (length < 0)
		return -errno;
	ret_text[length] = '\0';
	return 0;
}

int cgroup_own(struct cgroup_place *ret_place)
{
	const char *root = cgroup_root();
	char text[TEXT_MAX];
	const char *path;
	size_t length;
	int r;

	if (!root)
		return -ENOENT;
	r = read_own(text);
	if (r < 0)
		return r;
	/* The line "0::/path" is the place in this hierarchy; what follows a cut one is missing. */
	path = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
	path = path ? strchr(path, '/') : NULL;
	if (!path || !strchr(path, '\n'))
		return -ENOENT;
	length = strcspn(path, "\n");
	if (length >= sizeof(ret_place->path))
		return -ENAMETOOLONG;
	ret_place->root = root;
	memcpy(ret_place->path, path, length);
	ret_place->path[length] = '\0';
	return 0;
}

int cgroup_open(int *ret_fd)
{
	char directory[PATH_MAX + 64];
	struct cgroup_place place;
	int r = cgroup_own(&place);
	int fd;

	if (r < 0)
		return r;
	(void)snprintf(directory, sizeof(directory), "%s%s", place.root, place.path);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}
