/*
 * How many CPUs this process may use: those it may run on, and no more than its
 * cgroups let it have time for. A container that is given two CPUs of a large
 * host has two.
 */
#ifndef BERTH_OS_CPUS_H
#define BERTH_OS_CPUS_H

/*
 * cpus_usable - count the CPUs that are worth a worker each
 *
 * @ret_n_cpus:  at least 1; a part of a CPU counts as one
 *
 * Returns 0 or -errno. Any thread. Reads a few small files.
 */
int cpus_usable(unsigned *ret_n_cpus);

/*
 * cpus_limit - the least limit of a cgroup and of those around it
 *
 * @root:  where the cgroup v2 hierarchy is mounted
 * @path:  of the cgroup, from @root, beginning with '/'
 *
 * Returns CPUs, or UINT_MAX where nothing limits them. Any thread.
 */
unsigned cpus_limit(const char *root, const char *path);

#endif
