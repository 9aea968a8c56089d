/*
 * Counts the CPUs that this process may use.
 */
#include "os/cpus.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "os/cgroup.h"

#define CPUS_MAX    (1 << 16) /* more than any kernel is built for */
#define CPU_MAX_MAX 64        /* "18446744073709551615 18446744073709551615" and a bit */

/* Reads at most @size - 1 bytes and ends them with a NUL. */
static int read_text(const char *path, char *ret_text, size_t size)
{
	own_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return -errno;
	length = read(fd, ret_text, size - 1);
	if (length < 0)
		return -errno;
	ret_text[length] = '\0';
	return 0;
}

static int count_affinity(unsigned *ret_n_cpus)
{
	/* The kernel says EINVAL to a set that is smaller than its own. */
	for (size_t n = CPU_SETSIZE; n <= CPUS_MAX; n *= 2) {
		cpu_set_t *set = CPU_ALLOC(n);
		size_t size = CPU_ALLOC_SIZE(n);
		int err;

		if (!set)
			return -ENOMEM;
		err = sched_getaffinity(0, size, set) < 0 ? -errno : 0;
		if (!err)
			*ret_n_cpus = (unsigned)CPU_COUNT_S(size, set);
		CPU_FREE(set);
		if (err != -EINVAL)
			return err;
	}
	return -EINVAL;
}

/* A cgroup's cpu.max: "max 100000", or microseconds of CPU time and in how many. */
static unsigned limit_of(const char *directory)
{
	char path[PATH_MAX + sizeof("/cpu.max")];
	char text[CPU_MAX_MAX] = "";
	unsigned long long quota_us, period_us, n_cpus;
	char *end;

	(void)snprintf(path, sizeof(path), "%s/cpu.max", directory);
	if (read_text(path, text, sizeof(text)) < 0)
		return UINT_MAX; /* the root has none, nor a cgroup without this controller */
	if (text[0] < '0' || text[0] > '9')
		return UINT_MAX;
	quota_us = strtoull(text, &end, 10);
	period_us = strtoull(end, NULL, 10);
	if (quota_us == 0 || period_us == 0)
		return UINT_MAX;
	n_cpus = quota_us / period_us + (quota_us % period_us != 0);
	return n_cpus < UINT_MAX ? (unsigned)n_cpus : UINT_MAX;
}

unsigned cpus_limit(const char *root, const char *path)
{
	char directory[PATH_MAX];
	size_t root_size = strlen(root);
	unsigned least = UINT_MAX;
	int size = snprintf(directory, sizeof(directory), "%s%s", root, path);

	if (size < 0 || (size_t)size >= sizeof(directory))
		return UINT_MAX;
	for (;;) {
		unsigned limit = limit_of(directory);
		char *slash = strrchr(directory + root_size, '/');

		if (limit < least)
			least = limit;
		if (!slash)
			return least;
		*slash = '\0';
	}
}

static unsigned limit_of_own_cgroup(void)
{
	struct cgroup_place place;

	return cgroup_own(&place) < 0 ? UINT_MAX : cpus_limit(place.root, place.path);
}

int cpus_usable(unsigned *ret_n_cpus)
{
	unsigned limit = limit_of_own_cgroup();
	unsigned n_cpus = 0;
	int err = count_affinity(&n_cpus);

	if (err < 0)
		return err;
	*ret_n_cpus = n_cpus < limit ? n_cpus : limit;
	return 0;
}
