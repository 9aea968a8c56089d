/*
 * Ends the program at a point that a test names. See fault.h.
 */
#include "os/fault.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Returns how many bytes the file has afterwards, -1 where there's none. */
static off_t append(const char *path, const void *bytes, size_t size)
{
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666) : -1;
	off_t end;

	if (fd < 0)
		return -1;
	(void)!write(fd, bytes, size);
	end = lseek(fd, 0, SEEK_END);
	(void)close(fd);
	return end;
}

static void note(const char *name)
{
	char line[64] = { 0 };
	size_t length = strnlen(name, sizeof(line) - 1);

	memcpy(line, name, length);
	line[length] = '\n';
	(void)append(getenv("BERTH_FAULT_LOG"), line, length + 1);
}

void fault_point(const char *name)
{
	const char *wanted = getenv("BERTH_FAULT");
	size_t length = strlen(name);

	note(name);
	if (!wanted || strncmp(wanted, name, length) != 0 || wanted[length] != ':')
		return;
	if (append(getenv("BERTH_FAULT_COUNT"), "x", 1) == strtol(wanted + length + 1, NULL, 10))
		(void)kill(getpid(), SIGKILL);
}
