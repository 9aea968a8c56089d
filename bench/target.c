/*
 * Addresses of the load generator. One source address has some 28,000 ports to a given
 * server, which is a second's worth of connections; 127/8 has 16 million addresses.
 */
#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static int parse_port(const char *text, in_port_t *ret_port)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (end == text || *end || port == 0 || port > UINT16_MAX)
		return -EINVAL;
	*ret_port = htons((uint16_t)port);
	return 0;
}

static int parse_unix(const char *path, struct target *t)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&t->addr;
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(un->sun_path))
		return -EINVAL;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, n + 1);
	t->addr_size = sizeof(*un);
	return 0;
}

static int parse_ip(const char *text, struct target *t)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&t->addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&t->addr;
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	size_t n = colon ? (size_t)(colon - text) : 0;

	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &in6->sin6_addr) != 1)
			return -EINVAL;
		in6->sin6_family = AF_INET6;
		t->addr_size = sizeof(*in6);
		return parse_port(colon + 1, &in6->sin6_port);
	}
	if (inet_pton(AF_INET, colon ? host : "127.0.0.1", &in->sin_addr) != 1)
		return -EINVAL;
	in->sin_family = AF_INET;
	t->addr_size = sizeof(*in);
	return parse_port(colon ? colon + 1 : text, &in->sin_port);
}

static int is_loopback(const struct target *t)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&t->addr;

	return in->sin_family == AF_INET && ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

int target_parse(const char *text, unsigned n_sources, struct target *ret_target)
{
	static const char unix_prefix[] = "unix:";
	size_t n_prefix = sizeof(unix_prefix) - 1;
	struct target t = { 0 };
	int r;

	if (strncmp(text, unix_prefix, n_prefix) == 0)
		r = parse_unix(text + n_prefix, &t);
	else
		r = parse_ip(text, &t);
	if (r < 0)
		return r;
	t.n_sources = is_loopback(&t) ? n_sources : 0;
	*ret_target = t;
	return 0;
}

/* 127.1.0.1, 127.1.0.2, ...: the port is left to connect(), which knows what is free. */
static int bind_source(struct target *t, int fd)
{
	uint32_t host = (127U << 24) + (1U << 16) + 1 + t->next_source;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(host) };
	int yes = 1;

	t->next_source = (t->next_source + 1) % t->n_sources;
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes)) < 0)
		return -errno;
	return bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ? -errno : 0;
}

int target_connect(struct target *t, int *ret_fd)
{
	int fd = socket(t->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (t->n_sources > 0)
		r = bind_source(t, fd);
	if (r == 0 && connect(fd, (struct sockaddr *)&t->addr, t->addr_size) < 0)
		r = errno == EINPROGRESS ? 0 : -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

void target_local_name(int fd, char *ret_name, size_t size_bytes)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t addr_size = sizeof(addr);
	char host[INET6_ADDRSTRLEN] = "";

	(void)getsockname(fd, (struct sockaddr *)&addr, &addr_size);
	if (addr.ss_family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)&addr;

		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(ret_name, size_bytes, "%s:%d", host, ntohs(in->sin_port));
	} else if (addr.ss_family == AF_INET6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr;

		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(ret_name, size_bytes, "[%s]:%d", host, ntohs(in6->sin6_port));
	} else {
		snprintf(ret_name, size_bytes, "-");
	}
}
