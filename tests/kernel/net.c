/* See net.h. */
#include "net.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel_help.h"

#define BACKLOG 4096 /* never full: a test may be kept from accepting for a while */

static bool is_v6(enum net_place place)
{
	return place == AT_V6 || place == AT_V6_ANY || place == AT_DUAL;
}

static socklen_t to_sockaddr(enum net_place place, uint16_t port, struct sockaddr_storage *ret_sa)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	if (place == AT_V4)
		v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (place == AT_V6)
		v6.sin6_addr = in6addr_loopback;
	if (is_v6(place)) {
		memcpy(ret_sa, &v6, sizeof(v6));
		return sizeof(v6);
	}
	memcpy(ret_sa, &v4, sizeof(v4));
	return sizeof(v4);
}

static void must_set(int fd, int level, int option, int value)
{
	ck_assert_int_eq(setsockopt(fd, level, option, &value, sizeof(value)), 0);
}

int net_socket(enum net_place place, unsigned with)
{
	int family = is_v6(place) ? AF_INET6 : AF_INET;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	if (is_v6(place))
		must_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, place != AT_DUAL);
	if (with & WITH_REUSEADDR)
		must_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (with & WITH_REUSEPORT)
		must_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return fd;
}

int net_bind(int fd, enum net_place place, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t length = to_sockaddr(place, port, &sa);

	return bind(fd, (const struct sockaddr *)&sa, length) ? -errno : 0;
}

int net_listen(int fd)
{
	return listen(fd, BACKLOG) ? -errno : 0;
}

int net_set_reuseport(int fd)
{
	int on = 1;

	return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ? -errno : 0;
}

int net_listener(enum net_place place, uint16_t port, unsigned with)
{
	int fd = net_socket(place, with);

	ck_assert_int_eq(net_bind(fd, place, port), 0);
	ck_assert_int_eq(net_listen(fd), 0);
	return fd;
}

uint16_t net_port(int fd)
{
	struct sockaddr_storage sa = { 0 };
	struct sockaddr_in v4; /* the port stands where IPv6 has it too */
	socklen_t length = sizeof(sa);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &length), 0);
	memcpy(&v4, &sa, sizeof(v4));
	return ntohs(v4.sin_port);
}

bool net_is_listening(int fd)
{
	int on = 0;
	socklen_t length = sizeof(on);

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &length), 0);
	return on;
}

int net_anchor(enum net_place place, uint16_t *ret_port)
{
	int finder = net_socket(place, WITH_REUSEADDR);
	int fd = net_socket(place, WITH_REUSEADDR);

	/* a port that the kernel chose is lost at shutdown(); one that was asked for stays */
	ck_assert_int_eq(net_bind(finder, place, 0), 0);
	*ret_port = net_port(finder);
	ck_assert_int_eq(net_bind(fd, place, *ret_port), 0);
	(void)close(finder);
	ck_assert_int_eq(net_set_reuseport(fd), 0);
	ck_assert_int_eq(net_listen(fd), 0);
	return fd;
}

int net_connect(enum net_place place, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t length = to_sockaddr(is_v6(place) ? AT_V6 : AT_V4, port, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)&sa, length))
		return fd;
	error = -errno;
	(void)close(fd);
	return error;
}

int net_client(enum net_place place, uint16_t port)
{
	int fd = net_connect(place, port);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* How many connections are in the queue; for a listener TCP_INFO tells it here. */
static unsigned queue_length(int listener)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	ck_assert_int_eq(getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	return info.tcpi_unacked;
}

static bool has_queue_of(int listener, int n)
{
	return queue_length(listener) == (unsigned)n;
}

void net_await_queue(int listener, unsigned n)
{
	/* poll() tells that the queue is not empty, nothing tells how long it is */
	help_await(has_queue_of, listener, (int)n);
}

static bool has_on_the_way(int client, int n_bytes)
{
	int n = -1;

	ck_assert_int_eq(ioctl(client, SIOCOUTQ, &n), 0);
	return n == n_bytes;
}

void net_await_delivery(int client)
{
	/* no event tells that the other side has acknowledged */
	help_await(has_on_the_way, client, 0);
}

static size_t accept_ready(int listener)
{
	size_t n = 0;

	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			break;
		(void)close(fd);
		n++;
	}
	ck_assert_int_eq(errno, EAGAIN);
	return n;
}

void net_accept_all(const int *listeners, size_t n_listeners, size_t n, size_t *ret_counts)
{
	struct pollfd polls[NET_LISTENERS_MAX] = { 0 };
	size_t n_seen = 0;

	ck_assert_uint_le(n_listeners, NET_LISTENERS_MAX);
	for (size_t i = 0; i < n_listeners; i++) {
		polls[i] = (struct pollfd){ .fd = listeners[i], .events = POLLIN };
		ret_counts[i] = 0;
	}
	while (n_seen < n) {
		ck_assert_msg(poll(polls, n_listeners, HELP_DEADLINE_MS) > 0,
			      "%zu of %zu connections arrived", n_seen, n);
		for (size_t i = 0; i < n_listeners; i++) {
			size_t n_here = polls[i].revents ? accept_ready(listeners[i]) : 0;

			ret_counts[i] += n_here;
			n_seen += n_here;
		}
	}
	ck_assert_uint_eq(n_seen, n);
}

int net_accept(int listener)
{
	int fd;

	ck_assert_int_ne(help_poll(listener, POLLIN, HELP_DEADLINE_MS), 0);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

const char *net_lacks_ipv6(void)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool works = fd >= 0 && !bind(fd, (const struct sockaddr *)&at, sizeof(at));

	if (fd >= 0)
		(void)close(fd);
	return works ? NULL : "no IPv6 loopback address";
}

const char *net_lacks_own_namespace(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;
	int failed;

	/* an ordinary user may, as the first user of a namespace */
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return "cannot make a network namespace";
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	failed = fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo);
	if (fd >= 0)
		(void)close(fd);
	return failed ? "cannot use the loopback of a new network namespace" : NULL;
}
