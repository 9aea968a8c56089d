/*
 * datagrams PORT [ADDRESS] [OPTION...]
 *
 * Answers each datagram with "SLOT GENERATION PID " and what came. One that begins with
 * "sleep" is answered after a second. Options:
 *
 *   reuseaddr    asks for SO_REUSEADDR before it binds
 *   epoll        waits with epoll, and tells it of its socket before it binds
 *   join=GROUP   joins a multicast group, and binds every address
 *   stamp        asks for the time that each datagram came, and adds "stamped" if it's told
 *   gro          asks for UDP_GRO, and adds "gro=SIZE" where several came as one
 *   late         binds a second port, PORT + 1, once the first datagram came
 *   ids          adds the cookie of its socket, "cookie=NUMBER"
 *   silent       doesn't read before SIGUSR1
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct server {
	int fd;
	int epoll_fd;
	int port;
	int is_late;
	int has_ids;
	const char *address;
};

static int has_option(char **options, const char *name)
{
	for (; *options; options++)
		if (strcmp(*options, name) == 0)
			return 1;
	return 0;
}

static const char *value_of(char **options, const char *name)
{
	for (; *options; options++)
		if (strncmp(*options, name, strlen(name)) == 0)
			return *options + strlen(name);
	return NULL;
}

static socklen_t address_of(const char *host, int port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((unsigned short)port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
		return 0;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((unsigned short)port);
	return sizeof(*v6);
}

static int die(const char *what)
{
	perror(what);
	exit(1);
}

static int set(int fd, int level, int name)
{
	int yes = 1;

	return setsockopt(fd, level, name, &yes, sizeof(yes)) < 0 ? die("setsockopt") : 0;
}

static void join(int fd, const char *group)
{
	struct ip_mreq r = { .imr_interface.s_addr = htonl(INADDR_LOOPBACK) };

	if (inet_pton(AF_INET, group, &r.imr_multiaddr) != 1 ||
	    setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &r, sizeof(r)) < 0)
		(void)die("IP_ADD_MEMBERSHIP");
}

static void begin(struct server *s, char **options)
{
	struct sockaddr_storage a;
	socklen_t size = address_of(s->address, s->port, &a);

	s->fd = socket(a.ss_family, SOCK_DGRAM, 0);
	if (has_option(options, "reuseaddr"))
		(void)set(s->fd, SOL_SOCKET, SO_REUSEADDR);
	if (has_option(options, "stamp"))
		(void)set(s->fd, SOL_SOCKET, SO_TIMESTAMP);
	if (has_option(options, "gro"))
		(void)set(s->fd, IPPROTO_UDP, UDP_GRO);
	s->epoll_fd = -1;
	if (has_option(options, "epoll")) {
		struct epoll_event event = { .events = EPOLLIN };

		s->epoll_fd = epoll_create1(0);
		if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->fd, &event) < 0)
			(void)die("epoll_ctl");
	}
	if (bind(s->fd, (struct sockaddr *)&a, size) < 0)
		(void)die("bind");
	if (value_of(options, "join="))
		join(s->fd, value_of(options, "join="));
}

static void describe(struct msghdr *m, char *text, size_t size)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n = strlen(text);

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMP)
			(void)snprintf(text + n, size - n, "stamped ");
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			int segment;

			memcpy(&segment, CMSG_DATA(c), sizeof(segment));
			(void)snprintf(text + n, size - n, "gro=%d ", segment);
		}
	}
}

static void describe_cookie(int fd, char *text, size_t size)
{
	unsigned long long cookie = 0;
	socklen_t cookie_size = sizeof(cookie);
	size_t n = strlen(text);

	(void)getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &cookie_size);
	(void)snprintf(text + n, size - n, "cookie=%llu run=%s ", cookie, getenv("BERTH_RUN"));
}

static void bind_another(struct server *s)
{
	struct server other = *s;
	char *none[] = { NULL };

	s->is_late = 0;
	other.port++;
	begin(&other, none);
	(void)printf("bound another\n");
}

static void answer(struct server *s)
{
	char data[65536], text[66000], control[256];
	struct sockaddr_storage from;
	struct iovec io = { .iov_base = data, .iov_len = sizeof(data) - 1 };
	struct msghdr m = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &io,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	const char *slot = getenv("BERTH_SLOT"), *generation = getenv("BERTH_GENERATION");
	ssize_t n = recvmsg(s->fd, &m, 0);

	if (n < 0)
		return;
	data[n] = '\0';
	if (strncmp(data, "sleep", 5) == 0)
		(void)sleep(1);
	(void)snprintf(text, sizeof(text), "%s %s %d ", slot ? slot : "-",
		       generation ? generation : "-", (int)getpid());
	if (s->has_ids)
		describe_cookie(s->fd, text, sizeof(text));
	describe(&m, text, sizeof(text));
	(void)strncat(text, data, sizeof(text) - strlen(text) - 1);
	(void)sendto(s->fd, text, strlen(text) < 1400 ? strlen(text) : 1400, 0,
		     (struct sockaddr *)&from, m.msg_namelen);
	if (s->is_late)
		bind_another(s);
}

int main(int argc, char **argv)
{
	struct server s = { .address = argc > 2 ? argv[2] : "127.0.0.1" };
	char *none[] = { NULL };
	char **options = argc > 3 ? argv + 3 : none;
	sigset_t set;
	int sig;

	if (argc < 2)
		return 2;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	s.port = (int)strtol(argv[1], NULL, 10);
	s.has_ids = has_option(options, "ids");
	s.is_late = has_option(options, "late");
	begin(&s, options);
	(void)printf("bound %d\n", (int)getpid());
	if (has_option(options, "silent"))
		(void)sigwait(&set, &sig);
	for (;;) {
		struct epoll_event event;

		if (s.epoll_fd < 0 || epoll_wait(s.epoll_fd, &event, 1, -1) == 1)
			answer(&s);
	}
}
