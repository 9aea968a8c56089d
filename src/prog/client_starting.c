/*
 * Looks for a young keeper, or a `berth run` that is to become one. See client_starting.h.
 */
#include "prog/client_starting.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "os/procfs.h"
#include "primary/kin.h"

#define YOUNG_MAX_S     3
#define ENVIRONMENT_MAX ((size_t)256 * 1024)

static const char *const directory_variables[] = { "BERTH_RUNTIME_DIR", "XDG_RUNTIME_DIR" };

struct starting {
	uint64_t since_ticks; /* who began later is young */
	char *environment;    /* room for one */
	bool is_found;
};

/* Its value among texts that end with NULs; NULL: it is not there. */
static const char *value_in(const char *texts, size_t size, const char *name)
{
	const size_t name_size = strlen(name);

	for (const char *at = texts; at < texts + size; at += strlen(at) + 1)
		if (strncmp(at, name, name_size) == 0 && at[name_size] == '=')
			return at + name_size + 1;
	return NULL;
}

static bool has_our_directories(struct starting *s, pid_t pid)
{
	char path[64];
	ssize_t size;

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	size = procfs_read_text(-1, path, s->environment, ENVIRONMENT_MAX);
	if (size <= 0)
		return false;
	for (size_t i = 0; i < sizeof(directory_variables) / sizeof(directory_variables[0]); i++) {
		const char *its = value_in(s->environment, (size_t)size, directory_variables[i]);
		const char *our = getenv(directory_variables[i]);

		if (strcmp(its ? its : "", our ? our : "") != 0)
			return false;
	}
	return true;
}

/* Before it has become a keeper. @s->environment is used. */
static bool is_run(struct starting *s, pid_t pid)
{
	char path[64];
	ssize_t size;
	size_t first;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	size = procfs_read_text(-1, path, s->environment, ENVIRONMENT_MAX);
	if (size <= 0)
		return false;
	first = strlen(s->environment) + 1;
	return first < (size_t)size && strcmp(s->environment + first, "run") == 0;
}

static int look(const struct procfs_process *process, void *arg)
{
	struct starting *s = arg;

	if (s->is_found || process->start_ticks < s->since_ticks || process->state == 'Z' ||
	    process->pid == getpid() || !kin_is_berth(process->comm))
		return 0;
	if (kin_is_keeper(process->comm) || is_run(s, process->pid))
		s->is_found = has_our_directories(s, process->pid);
	return 0;
}

bool client_starting(void)
{
	own_free char *environment = malloc(ENVIRONMENT_MAX);
	struct starting s = { .environment = environment };
	struct timespec now;

	if (!environment || clock_gettime(CLOCK_BOOTTIME, &now) < 0)
		return false;
	if (now.tv_sec > YOUNG_MAX_S)
		s.since_ticks =
			(uint64_t)(now.tv_sec - YOUNG_MAX_S) * (uint64_t)sysconf(_SC_CLK_TCK);
	(void)procfs_for_each_process(look, &s);
	return s.is_found;
}
