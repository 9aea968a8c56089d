/*
 * Small files of /proc and /sys, limits, attributes: each read once. See machine.h.
 */
#include "os/machine.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/own.h"
#include "os/cgroup.h"
#include "os/cpus.h"
#include "os/machine_text.h"
#include "os/procfs.h"
#include "os/sibling.h"
#include "os/worker_try.h"

#define TEXT_MAX      4096      /* of most files */
#define RESERVED_MAX  (1 << 16) /* of a list of ports; longer ones are as good as not known */
#define FILE_CAPS_MAX 64

static const char *const number_paths[MACHINE_NUMBERS] = {
	[MACHINE_SOMAXCONN] = "/proc/sys/net/core/somaxconn",
	[MACHINE_SYNCOOKIES] = "/proc/sys/net/ipv4/tcp_syncookies",
	[MACHINE_MIGRATE_REQ] = "/proc/sys/net/ipv4/tcp_migrate_req",
	[MACHINE_PORT_START] = "/proc/sys/net/ipv4/ip_unprivileged_port_start",
	[MACHINE_FILE_MAX] = "/proc/sys/fs/file-max",
	[MACHINE_NR_OPEN] = "/proc/sys/fs/nr_open",
	[MACHINE_UNPRIVILEGED_BPF] = "/proc/sys/kernel/unprivileged_bpf_disabled",
	[MACHINE_BPF_JIT] = "/proc/sys/net/core/bpf_jit_enable",
	[MACHINE_PTRACE_SCOPE] = "/proc/sys/kernel/yama/ptrace_scope",
};

static const int limit_numbers[MACHINE_LIMITS] = {
	[MACHINE_FILES_SOFT] = RLIMIT_NOFILE,
	[MACHINE_FILES_HARD] = RLIMIT_NOFILE,
	[MACHINE_PROCESSES] = RLIMIT_NPROC,
	[MACHINE_MEMLOCK] = RLIMIT_MEMLOCK,
};

/* Whether all of a file, or its first bytes, could be read. */
static bool read_file(const char *path, char *ret_text, size_t size)
{
	return procfs_read_text(AT_FDCWD, path, ret_text, size) > 0;
}

static void read_kernel(struct machine_info *info)
{
	char text[MACHINE_RELEASE_MAX];

	info->has_btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
	if (!read_file("/proc/sys/kernel/osrelease", text, sizeof(text)) ||
	    !machine_text_release(text, &info->kernel_major, &info->kernel_minor))
		return;
	(void)snprintf(info->release, sizeof(info->release), "%.*s", (int)strcspn(text, "\n"),
		       text);
}

static void read_file_caps(struct machine_info *info)
{
	uint8_t bytes[FILE_CAPS_MAX];
	struct statfs file_system;
	ssize_t size = getxattr(info->primary_path, "security.capability", bytes, sizeof(bytes));

	if (size > 0)
		(void)machine_text_file_caps(bytes, (size_t)size, &info->file_caps);
	if (statfs(info->primary_path, &file_system) == 0)
		info->is_nosuid = (unsigned long)file_system.f_flags & ST_NOSUID;
}

static void read_programs(struct machine_info *info)
{
	char keeper[PATH_MAX];

	info->keeper_error = -sibling_path("berth-keeper", keeper, sizeof(keeper));
	info->primary_error =
		-sibling_path("berthd", info->primary_path, sizeof(info->primary_path));
	if (info->primary_error)
		info->primary_path[0] = '\0';
	else
		read_file_caps(info);
}

static void read_numbers(struct machine_info *info)
{
	char text[TEXT_MAX];

	for (size_t i = 0; i < MACHINE_NUMBERS; i++) {
		info->numbers[i] = MACHINE_UNKNOWN;
		if (read_file(number_paths[i], text, sizeof(text)))
			(void)machine_text_number(text, &info->numbers[i]);
	}
	info->files_used = MACHINE_UNKNOWN;
	if (read_file("/proc/sys/fs/file-nr", text, sizeof(text)))
		(void)machine_text_files(text, &info->files_used);
}

static void read_limits(struct machine_info *info)
{
	for (size_t i = 0; i < MACHINE_LIMITS; i++) {
		struct rlimit limit;
		rlim_t value;

		info->limits[i] = MACHINE_UNKNOWN;
		if (getrlimit(limit_numbers[i], &limit) < 0)
			continue;
		value = i == MACHINE_FILES_HARD ? limit.rlim_max : limit.rlim_cur;
		info->limits[i] = value == RLIM_INFINITY ? MACHINE_UNLIMITED : value;
	}
}

static void read_caps(struct machine_info *info)
{
	char text[TEXT_MAX];

	info->uid = geteuid();
	if (read_file("/proc/self/status", text, sizeof(text)))
		(void)machine_text_caps(text, &info->caps);
}

static void read_ephemeral(struct machine_ephemeral *e)
{
	own_free char *text = malloc(RESERVED_MAX);
	ssize_t size;

	if (!text)
		return;
	if (read_file("/proc/sys/net/ipv4/ip_local_port_range", text, RESERVED_MAX))
		e->is_known = machine_text_range(text, &e->first, &e->last);
	size = procfs_read_text(AT_FDCWD, "/proc/sys/net/ipv4/ip_local_reserved_ports", text,
				RESERVED_MAX);
	if (size > 0)
		e->is_reserved_known = machine_text_reserved(text, e->reserved);
	if (e->is_reserved_known && (size_t)size <= sizeof(e->reserved_text))
		memcpy(e->reserved_text, text, (size_t)size - 1); /* but for its newline */
}

/* What a control group of version 2 has left; MACHINE_UNKNOWN where that is not limited. */
static uint64_t cgroup_bytes(const char *directory)
{
	static const char *const files[] = { "memory.max", "memory.current" };
	char path[sizeof(struct cgroup_place) + sizeof("/memory.current")], text[TEXT_MAX];
	uint64_t bytes[2];

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, files[i]);
		if (!read_file(path, text, sizeof(text)) || !machine_text_number(text, &bytes[i]))
			return MACHINE_UNKNOWN;
	}
	return bytes[0] > bytes[1] ? bytes[0] - bytes[1] : 0;
}

static void read_cgroup(struct machine_info *info)
{
	char directory[sizeof(struct cgroup_place)], text[TEXT_MAX];
	const char *root = cgroup_root();
	struct cgroup_place place;
	uint64_t left;

	info->available_bytes = MACHINE_UNKNOWN;
	if (read_file("/proc/meminfo", text, sizeof(text)))
		(void)machine_text_available(text, &info->available_bytes);
	if (!root) {
		info->cgroup = access("/sys/fs/cgroup/cpu", F_OK) == 0 ? MACHINE_CGROUP_V1
								       : MACHINE_CGROUP_NONE;
		return;
	}
	info->cgroup =
		strcmp(root, "/sys/fs/cgroup") == 0 ? MACHINE_CGROUP_V2 : MACHINE_CGROUP_HYBRID;
	if (cgroup_own(&place) < 0)
		return;
	(void)snprintf(directory, sizeof(directory), "%s%s", place.root, place.path);
	info->is_delegated = access(directory, W_OK) == 0;
	left = cgroup_bytes(directory);
	if (left < info->available_bytes)
		info->available_bytes = left;
}

void machine_read(struct machine_info *ret_info)
{
	*ret_info = (struct machine_info){ 0 };
	read_kernel(ret_info);
	read_programs(ret_info);
	read_numbers(ret_info);
	read_limits(ret_info);
	read_caps(ret_info);
	read_cgroup(ret_info);
	read_ephemeral(&ret_info->ephemeral);
	(void)cpus_usable(&ret_info->n_cpus);
	ret_info->worker.try_error = -worker_try(&ret_info->worker);
}
