/*
 * reuseport [PORT [ADDRESS]]
 *
 * The baseline of the comparisons: examples/hello.c, word for word, but that it asks for
 * SO_REUSEPORT itself, so that several share a port by the kernel's own hash.
 */
#include <sys/socket.h>

static int bind_shared(int fd, const struct sockaddr *addr, socklen_t size)
{
	int yes = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) < 0)
		return -1;
	return bind(fd, addr, size);
}

#define bind bind_shared
#include "../../examples/hello.c" /* NOLINT(bugprone-suspicious-include): the same code */
