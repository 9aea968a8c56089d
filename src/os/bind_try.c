/*
 * Tries to bind. See bind_try.h.
 */
#include "os/bind_try.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "os/sock.h"

static int set_options(int fd, const struct socket_wish *wish)
{
	const struct addr *a = &wish->addr;
	int err = 0;

	if (a->family == AF_INET6)
		err = sock_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, a->v6only);
	if (!err && wish->reuseaddr)
		err = sock_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!err && wish->reuseport)
		err = sock_set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (!err && a->device != 0)
		err = sock_set_option(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)a->device);
	/* Who owns a socket decides whom it may share an address with. */
	if (!err && wish->uid != geteuid() && fchown(fd, wish->uid, (gid_t)-1) < 0)
		err = -errno;
	return err;
}

static int try_socket(const struct socket_wish *wish)
{
	int type = wish->addr.protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
	struct sockaddr_storage storage;
	socklen_t size = addr_to_sockaddr(&wish->addr, &storage);
	own_fd fd = socket(wish->addr.family, type | SOCK_CLOEXEC, wish->addr.protocol);
	int err;

	if (fd < 0)
		return -errno;
	err = set_options(fd, wish);
	if (err)
		return err;
	return bind(fd, (const struct sockaddr *)&storage, size) < 0 ? -errno : 0;
}

/* One dual-stack socket has them all; a host without IPv6 has IPv4 only. */
static int try_all_addresses(const struct socket_wish *wish)
{
	struct socket_wish one = *wish;
	int err;

	one.addr.family = AF_INET6;
	err = try_socket(&one);
	if (err != -EAFNOSUPPORT && err != -EADDRNOTAVAIL)
		return err;
	one.addr.family = AF_INET;
	return try_socket(&one);
}

static int try_path(const struct addr *a)
{
	char path[ADDR_UNIX_MAX + 1] = "";
	struct stat file;

	memcpy(path, a->u.path, a->unix_len);
	if (lstat(path, &file) == 0)
		return -EADDRINUSE;
	if (errno != ENOENT)
		return -errno;
	return faccessat(AT_FDCWD, dirname(path), W_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

int bind_try(const struct socket_wish *wish)
{
	if (wish->addr.family == AF_UNSPEC)
		return try_all_addresses(wish);
	if (wish->addr.family == AF_UNIX && wish->addr.u.path[0] != '\0')
		return try_path(&wish->addr);
	return try_socket(wish);
}
