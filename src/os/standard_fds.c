/*
 * open() gives the lowest number that is free.
 */
#include "os/standard_fds.h"

#include <fcntl.h>
#include <unistd.h>

bool standard_fds_fill(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}
