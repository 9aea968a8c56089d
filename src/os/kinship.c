/*
 * Reads in /proc what berth's workers are known by. See kinship.h.
 */
#include "os/kinship.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "base/own.h"
#include "os/procfs.h"
#include "os/spawn.h"

#define COMMAND_MAX 4352 /* a path and an option */
#define LIMITS_MAX  4096 /* more than /proc/PID/limits ever has */
#define FDINFO_MAX  1024 /* of a pidfd's, the line that we want is among the first */
#define LINK_MAX    32   /* "anon_inode:[pidfd]"; since Linux 6.9 "pidfd:[123]" */

static const char run_prefix[] = "BERTH_RUN=";
static const char app_prefix[] = "BERTH_APP=";

static int open_process(pid_t pid)
{
	char path[32];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static pid_t origin_of_mark(uint64_t mark)
{
	const uint64_t no_origin = spawn_mark(0, 0);
	uint64_t origin = (mark - no_origin) / SPAWN_RUNS_MAX;

	return mark >= no_origin && origin <= INT32_MAX ? (pid_t)origin : 0;
}

static pid_t marked_origin(pid_t pid)
{
	static const char name[] = "Max realtime timeout";
	own_fd process_fd = open_process(pid);
	char text[LIMITS_MAX];
	const char *line;

	if (process_fd < 0 || procfs_read_text(process_fd, "limits", text, sizeof(text)) < 0)
		return 0;
	line = strstr(text, name);
	line = line ? line + strlen(name) + strspn(line + strlen(name), " ") : "";
	return line[0] >= '0' && line[0] <= '9' ? origin_of_mark(strtoull(line, NULL, 10)) : 0;
}

/* Finds a variable whose name and '=' are @prefix. */
static bool find_variable(pid_t pid, const char *prefix, char *ret_value, size_t size)
{
	own_free char *variable = NULL;
	size_t room = 0;
	bool is_found = false;
	char path[32];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!is_found && getdelim(&variable, &room, '\0', file) > 0) {
		is_found = strncmp(variable, prefix, strlen(prefix)) == 0;
		if (is_found)
			(void)snprintf(ret_value, size, "%s", variable + strlen(prefix));
	}
	(void)fclose(file);
	return is_found;
}

pid_t kinship_origin(pid_t pid)
{
	pid_t marked = marked_origin(pid);
	char run[64];
	uint64_t origin;

	if (marked != 0)
		return marked;
	if (!find_variable(pid, run_prefix, run, sizeof(run)) ||
	    !number_parse(run, strcspn(run, "."), INT32_MAX, &origin))
		return 0;
	return (pid_t)origin;
}

bool kinship_app(pid_t pid, char *ret_app, size_t size)
{
	return find_variable(pid, app_prefix, ret_app, size);
}

bool kinship_was_adopted(pid_t keeper)
{
	static const char option[] = "--adopt";
	own_fd process_fd = open_process(keeper);
	char command[COMMAND_MAX];
	ssize_t size = -ESRCH;
	size_t name_size;

	if (process_fd >= 0)
		size = procfs_read_text(process_fd, "cmdline", command, sizeof(command));
	if (size <= 0)
		return false;
	name_size = strlen(command) + 1;
	return (size_t)size > name_size && strcmp(command + name_size, option) == 0;
}

static bool is_pidfd(int fds_fd, const char *name)
{
	char link[LINK_MAX + 1];
	ssize_t size = readlinkat(fds_fd, name, link, LINK_MAX);

	if (size < 0)
		return false;
	link[size] = '\0';
	return strstr(link, "pidfd") != NULL;
}

/* The process that descriptor @name is about; 0 when that has been reaped. */
static pid_t watched_pid(int process_fd, const char *name)
{
	static const char field[] = "\nPid:\t";
	char path[32], text[FDINFO_MAX];
	const char *at;
	uint64_t pid;

	(void)snprintf(path, sizeof(path), "fdinfo/%.16s", name);
	if (procfs_read_text(process_fd, path, text, sizeof(text)) < 0)
		return 0;
	at = strstr(text, field);
	if (!at)
		return 0;
	at += strlen(field);
	return number_parse(at, strcspn(at, "\n"), INT32_MAX, &pid) ? (pid_t)pid : 0;
}

int kinship_for_each_watched(pid_t pid, kinship_visit *visit, void *arg)
{
	own_fd process_fd = open_process(pid);
	own_fd fds_fd = NO_FD;
	const struct dirent *entry;
	DIR *fds;

	if (process_fd < 0)
		return process_fd;
	fds_fd = openat(process_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fds_fd < 0)
		return -errno;
	fds = fdopendir(fds_fd);
	if (!fds)
		return -errno;
	(void)take_fd(&fds_fd); /* closedir() closes it */
	while ((entry = readdir(fds))) {
		pid_t watched = 0;

		if (is_pidfd(dirfd(fds), entry->d_name))
			watched = watched_pid(process_fd, entry->d_name);
		if (watched != 0)
			visit(watched, arg);
	}
	(void)closedir(fds);
	return 0;
}
