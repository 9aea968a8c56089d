/*
 * What is done to sockets. Those that we make have what matters to berth before
 * they are bound; a worker's own are changed no more than they must be.
 */
#include "os/sock.h"

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/own.h"
#include "os/fault.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static const int on = 1;

static int option(int fd, int level, int name)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, level, name, &value, &size) < 0 ? 0 : value;
}

int sock_set_option(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)) < 0)
		return -errno;
	fault_point("sock_set_option");
	return 0;
}

int sock_facts(int fd, struct sock_facts *ret_facts)
{
	struct sock_facts f = { 0 };
	socklen_t size = sizeof(f.type);
	socklen_t cookie_size = sizeof(f.cookie);
	struct stat st;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &f.type, &size) < 0 || fstat(fd, &st) < 0)
		return -errno;
	f.uid = st.st_uid;
	f.inode = st.st_ino;
	f.family = option(fd, SOL_SOCKET, SO_DOMAIN);
	f.protocol = option(fd, SOL_SOCKET, SO_PROTOCOL);
	f.is_listening = option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 0;
	f.device = (uint32_t)option(fd, SOL_SOCKET, SO_BINDTOIFINDEX);
	(void)getsockopt(fd, SOL_SOCKET, SO_COOKIE, &f.cookie, &cookie_size);
	cookie_size = sizeof(f.netns_cookie);
	(void)getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &f.netns_cookie, &cookie_size);
	if (f.family == AF_INET6)
		f.v6only = option(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0;
	if (f.family == AF_INET || f.family == AF_INET6)
		f.has_freebind = option(fd, IPPROTO_IP, IP_FREEBIND) != 0 ||
				 option(fd, IPPROTO_IP, IP_TRANSPARENT) != 0;
	*ret_facts = f;
	return 0;
}

int sock_own_netns(uint64_t *ret_cookie)
{
	own_fd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sock_facts f = { 0 };
	int r;

	if (fd < 0)
		return -errno;
	r = sock_facts(fd, &f);
	if (r < 0)
		return r;
	*ret_cookie = f.netns_cookie;
	return 0;
}

int sock_bound_to(int fd, const struct sock_facts *facts, struct addr *ret_addr)
{
	struct sockaddr_storage bytes;
	socklen_t size = sizeof(bytes);
	struct addr a = { .family = AF_UNIX };

	if (getsockname(fd, (struct sockaddr *)&bytes, &size) < 0)
		return -errno;
	/* A Unix socket that is not bound has an address without a path, which is none. */
	if (addr_from_sockaddr(&bytes, size, &a) != ADDR_OK && facts->family != AF_UNIX)
		return -EAFNOSUPPORT;
	if (a.family != AF_UNIX)
		a.protocol = (uint16_t)facts->protocol;
	if (facts->device)
		a.device = facts->device;
	addr_set_v6only(&a, facts->v6only);
	*ret_addr = a;
	return 0;
}

void sock_sharing(int fd, struct sock_sharing *ret_sharing)
{
	ret_sharing->reuse_addr = option(fd, SOL_SOCKET, SO_REUSEADDR);
	ret_sharing->reuse_port = option(fd, SOL_SOCKET, SO_REUSEPORT);
}

int sock_make_sharable(int fd)
{
	int r = sock_set_option(fd, SOL_SOCKET, SO_REUSEADDR, on);

	return r < 0 ? r : sock_set_option(fd, SOL_SOCKET, SO_REUSEPORT, on);
}

void sock_restore_sharing(int fd, const struct sock_sharing *sharing)
{
	(void)sock_set_option(fd, SOL_SOCKET, SO_REUSEADDR, sharing->reuse_addr);
	(void)sock_set_option(fd, SOL_SOCKET, SO_REUSEPORT, sharing->reuse_port);
}

int sock_bind(int fd, const struct addr *a)
{
	struct sockaddr_storage bytes;
	socklen_t size = addr_to_sockaddr(a, &bytes);

	if (bind(fd, (struct sockaddr *)&bytes, size) < 0)
		return -errno;
	fault_point("sock_bind");
	return 0;
}

/* A socket for @a that has what it must have before it is bound. */
static int make(const struct addr *a, const struct sock_facts *like, int *ret_fd)
{
	own_fd fd = socket(a->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (a->family == AF_INET6 && sock_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, a->v6only) < 0)
		return -errno;
	if (a->family != AF_UNIX && sock_set_option(fd, SOL_SOCKET, SO_REUSEADDR, on) < 0)
		return -errno;
	if (a->device && sock_set_option(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)a->device) < 0)
		return -errno;
	if (like && like->has_freebind)
		(void)sock_set_option(fd, IPPROTO_IP, IP_FREEBIND, on);
	*ret_fd = take_fd(&fd);
	return 0;
}

static int claim(const struct addr *a, const struct sock_facts *like, bool is_open, int *ret_fd)
{
	own_fd fd = NO_FD;
	int r = make(a, like, &fd);

	if (r == 0)
		r = sock_bind(fd, a);
	/* Not before: with it, the bind would succeed beside a listener of our own uid. */
	if (r == 0 && is_open && a->family != AF_UNIX)
		r = sock_set_option(fd, SOL_SOCKET, SO_REUSEPORT, on);
	/* Two that have SO_REUSEADDR may both bind: who listens first has it. */
	if (r == 0)
		r = sock_listen(fd, SOMAXCONN);
	if (r < 0)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}

int sock_claim(const struct addr *a, const struct sock_facts *like, int *ret_fd)
{
	return claim(a, like, true, ret_fd);
}

int sock_claim_alone(const struct addr *a, int *ret_fd)
{
	return claim(a, NULL, false, ret_fd);
}

int sock_join(const struct addr *a, const struct sock_facts *like, int *ret_fd)
{
	own_fd fd = NO_FD;
	int r = make(a, like, &fd);

	if (r == 0)
		r = sock_make_sharable(fd);
	if (r == 0)
		r = sock_bind(fd, a);
	if (r == 0)
		r = sock_listen(fd, SOMAXCONN);
	if (r < 0)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}

int sock_hold(uint16_t port, int *ret_fd)
{
	struct addr a = { .family = AF_INET6, .protocol = IPPROTO_TCP, .port = port };
	own_fd fd = NO_FD;
	int r = make(&a, NULL, &fd);

	if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL) {
		a.family = AF_INET;
		r = make(&a, NULL, &fd);
	}
	if (r == 0)
		r = sock_bind(fd, &a);
	/* With it still set, a stranger that has it too could listen beside us. */
	if (r == 0)
		r = sock_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 0);
	if (r < 0)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}

int sock_loosen(int held_fd)
{
	return sock_set_option(held_fd, SOL_SOCKET, SO_REUSEADDR, on);
}

int sock_tighten(int held_fd)
{
	return sock_set_option(held_fd, SOL_SOCKET, SO_REUSEADDR, 0);
}

int sock_listen(int fd, int backlog)
{
	if (listen(fd, backlog) < 0)
		return -errno;
	fault_point("sock_listen");
	return 0;
}

static int copy_blocking_mode(int from, int to)
{
	int theirs = fcntl(from, F_GETFL);
	int ours = fcntl(to, F_GETFL);

	if (theirs < 0 || ours < 0)
		return -errno;
	if ((theirs ^ ours) & O_NONBLOCK && fcntl(to, F_SETFL, ours ^ O_NONBLOCK) < 0)
		return -errno;
	fault_point("sock_become");
	return 0;
}

int sock_become(int fd, int worker_fd)
{
	static const struct {
		int level;
		int name;
	} inherited[] = {
		{ SOL_SOCKET, SO_KEEPALIVE },      { SOL_SOCKET, SO_PRIORITY },
		{ IPPROTO_TCP, TCP_NODELAY },      { IPPROTO_TCP, TCP_KEEPIDLE },
		{ IPPROTO_TCP, TCP_KEEPINTVL },    { IPPROTO_TCP, TCP_KEEPCNT },
		{ IPPROTO_TCP, TCP_DEFER_ACCEPT }, { IPPROTO_TCP, TCP_USER_TIMEOUT },
	};

	for (size_t i = 0; i < sizeof(inherited) / sizeof(inherited[0]); i++) {
		int value = option(worker_fd, inherited[i].level, inherited[i].name);

		if (value != option(fd, inherited[i].level, inherited[i].name))
			(void)sock_set_option(fd, inherited[i].level, inherited[i].name, value);
	}
	return copy_blocking_mode(worker_fd, fd);
}

bool sock_is_shut(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

bool sock_is_listening(int fd)
{
	return option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 0;
}

void sock_stop_listening(int fd)
{
	(void)shutdown(fd, SHUT_RD);
	fault_point("sock_stop_listening");
}

void sock_wake(int fd)
{
	/*
	 * A listening socket has no sending side to shut: what is left of the
	 * call is the notice to all who sleep on the socket.
	 */
	(void)shutdown(fd, SHUT_WR);
	fault_point("sock_wake");
}

bool sock_has_queue(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

bool sock_unix_is_alive(const struct addr *a)
{
	/*
	 * Of another kind than theirs: the kernel finds the socket, says that it
	 * doesn't fit, and nobody there hears of it.
	 */
	own_fd fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_storage bytes;
	socklen_t size = addr_to_sockaddr(a, &bytes);

	if (fd < 0 || connect(fd, (struct sockaddr *)&bytes, size) == 0)
		return true;
	return errno != ECONNREFUSED && errno != ENOENT;
}

int sock_queue(int fd, struct sock_queue *ret_queue)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t memory_size = sizeof(memory);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ||
	    info.tcpi_state != TCP_LISTEN)
		return -EINVAL;
	(void)getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &memory_size);
	/* that's what the two mean for a listening one */
	*ret_queue = (struct sock_queue){ info.tcpi_unacked, info.tcpi_sacked,
					  memory[SK_MEMINFO_DROPS] };
	return 0;
}

unsigned sock_n_queued(int fd)
{
	struct sock_queue queue;

	return sock_queue(fd, &queue) < 0 ? 0 : queue.n_waiting;
}
