/*
 * Two texts of /proc tell of memory: a cheap one, and an exact one.
 */
#include "os/proc_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "base/number.h"
#include "os/procfs.h"

#define TREE_MAX      4096 /* processes that are counted */
#define TEXT_MAX      8192
#define PROC_PATH_MAX 40
#define KIB           1024ULL

/* Reads "Name:   123 kB" where the line @name stands. */
static bool read_line(const char *text, const char *name, uint64_t *ret_bytes)
{
	const size_t size = strlen(name);
	const char *line = text;
	uint64_t kib;

	while (line && (strncmp(line, name, size) != 0 || line[size] != ':')) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return false;
	line += size + 1;
	line += strspn(line, " \t");
	if (!number_parse(line, strspn(line, "0123456789"), UINT64_MAX / KIB / 4, &kib))
		return false;
	*ret_bytes = kib * KIB;
	return true;
}

bool proc_memory_parse(const char *text, const char *first, const char *second, uint64_t *ret_bytes)
{
	uint64_t bytes, more = 0;

	if (!read_line(text, first, &bytes))
		return false;
	(void)read_line(text, second, &more);
	*ret_bytes = bytes + more;
	return true;
}

static bool read_text(pid_t pid, const char *name, char *ret_text, size_t size)
{
	char path[PROC_PATH_MAX];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return procfs_read_text(AT_FDCWD, path, ret_text, size) > 0;
}

/* A process that has ended meanwhile has none. */
static uint64_t resident(pid_t pid)
{
	char text[TEXT_MAX];
	uint64_t bytes = 0;

	if (read_text(pid, "status", text, sizeof(text)))
		(void)proc_memory_parse(text, "VmRSS", "VmSwap", &bytes);
	return bytes;
}

static uint64_t share(pid_t pid)
{
	char text[TEXT_MAX];
	uint64_t bytes;

	if (read_text(pid, "smaps_rollup", text, sizeof(text)) &&
	    proc_memory_parse(text, "Pss", "SwapPss", &bytes))
		return bytes;
	return resident(pid);
}

static uint64_t sum(const pid_t *pids, int n, uint64_t (*of)(pid_t pid))
{
	uint64_t bytes = 0;

	for (int i = 0; i < n; i++)
		bytes += of(pids[i]);
	return bytes;
}

int proc_memory_of_tree(const struct tree *t, uint64_t enough_bytes, uint64_t *ret_bytes)
{
	pid_t pids[TREE_MAX];
	int n = tree_pids(t, pids, TREE_MAX);
	uint64_t bytes;

	if (n <= 0)
		return n < 0 ? n : -ESRCH;
	if (n > TREE_MAX)
		n = TREE_MAX;
	bytes = sum(pids, n, resident);
	*ret_bytes = bytes < enough_bytes ? bytes : sum(pids, n, share);
	return 0;
}
