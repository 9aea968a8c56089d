/*
 * berth-keeper: the process that berth's user started, and that outlives every primary.
 */
#include "keeper/keeper.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "base/own.h"
#include "os/standard_fds.h"

#define EXIT_FAILED 1
#define EXIT_USAGE  2
#define FD_MAX      65535

int main(int argc, char **argv)
{
	uint64_t adopt_fd;

	/* What a primary writes to its stderr must never go into a descriptor that is kept. */
	if (!standard_fds_fill())
		return EXIT_FAILED;
	if (argc > 1 && strcmp(argv[1], "--adopt") != 0)
		return keeper_run(argv + 1, NO_FD);
	if (argc < 4 || !number_parse(argv[2], strlen(argv[2]), FD_MAX, &adopt_fd) ||
	    fcntl((int)adopt_fd, F_SETFD, FD_CLOEXEC) < 0) {
		keeper_say("usage: berth-keeper [--adopt FD] PRIMARY [ARG...]");
		return EXIT_USAGE;
	}
	return keeper_run(argv + 3, (int)adopt_fd);
}
