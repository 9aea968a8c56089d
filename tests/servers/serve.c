/* Listening and answering, the plainest way. */
#include "serve.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static void read_unix(const char *path, struct serve_address *a)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&a->addr;
	size_t n = strlen(path);

	if (n >= sizeof(un->sun_path)) {
		fprintf(stderr, "path too long: %s\n", path);
		exit(2);
	}
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, n + 1);
	a->size = sizeof(*un);
}

void serve_address_read(int argc, char **argv, struct serve_address *ret_address)
{
	static const char unix_prefix[] = "unix:";
	const char *port = argc > 0 ? argv[0] : "", *host = argc > 1 ? argv[1] : "0.0.0.0";
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found;
	int error;

	memset(ret_address, 0, sizeof(*ret_address));
	if (strncmp(port, unix_prefix, strlen(unix_prefix)) == 0) {
		read_unix(port + strlen(unix_prefix), ret_address);
		return;
	}
	hints.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
	error = getaddrinfo(host, port, &hints, &found);
	if (error) {
		fprintf(stderr, "no address: %s %s: %s\n", port, host, gai_strerror(error));
		exit(2);
	}
	memcpy(&ret_address->addr, found->ai_addr, found->ai_addrlen);
	ret_address->size = found->ai_addrlen;
	freeaddrinfo(found);
}

unsigned serve_number(const char *text, unsigned max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value > max) {
		fprintf(stderr, "not a number from 0 to %u: %s\n", max, text);
		exit(2);
	}
	return (unsigned)value;
}

static int open_on(int fd, const struct serve_address *address, int backlog, const char **ret_call)
{
	int yes = 1;

	*ret_call = "setsockopt";
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0)
		return -errno;
	*ret_call = "bind";
	if (bind(fd, (const struct sockaddr *)&address->addr, address->size) < 0)
		return -errno;
	*ret_call = "listen";
	return listen(fd, backlog) < 0 ? -errno : 0;
}

int serve_open(const struct serve_address *address, int backlog, int *ret_fd, const char **ret_call)
{
	int fd = socket(address->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0) {
		*ret_call = "socket";
		return -errno;
	}
	r = open_on(fd, address, backlog, ret_call);
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

uint16_t serve_port(int fd)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t size = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &size) < 0)
		return 0;
	if (addr.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&addr)->sin_port);
	if (addr.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&addr)->sin6_port);
	return 0;
}

void serve_announce(int listener)
{
	struct sockaddr_un un = { 0 };
	socklen_t size = sizeof(un);

	if (serve_port(listener) > 0) {
		printf("pid %d listens on port %d\n", getpid(), serve_port(listener));
	} else {
		(void)getsockname(listener, (struct sockaddr *)&un, &size);
		printf("pid %d listens on %s\n", getpid(), un.sun_path);
	}
	(void)fflush(stdout);
}

void serve_answer(int fd)
{
	char text[4096];
	size_t n_received = 0;
	ssize_t n;

	do {
		n = recv(fd, text + n_received, sizeof(text) - 1 - n_received, 0);
		n_received += n > 0 ? (size_t)n : 0;
		text[n_received] = '\0';
	} while (n > 0 && !strstr(text, "\r\n\r\n"));
	if (n > 0) {
		n = snprintf(text, sizeof(text),
			     "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
			     "Connection: close\r\n\r\nhello from pid %d\n",
			     getpid());
		(void)send(fd, text, (size_t)n, MSG_NOSIGNAL);
	}
	close(fd);
}
