/*
 * calls NAME [PORT [ADDRESS]] - one odd call, and what came of it
 *
 * Prints "NAME: ok" or "NAME: ERRNO", then what it saw, such as port=N or at=CALL where not
 * the odd call itself failed. Without arguments it lists the names. PORT is 0 and ADDRESS
 * 127.0.0.1 if not given; PORT can be unix:/path for the calls that make sense with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "serve.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static char seen[256];

__attribute__((format(printf, 1, 2))) static void saw(const char *format, ...)
{
	size_t n = strlen(seen);
	va_list values;

	va_start(values, format);
	(void)vsnprintf(seen + n, sizeof(seen) - n, format, values);
	va_end(values);
}

static const struct sockaddr *name_of(const struct serve_address *a)
{
	return (const struct sockaddr *)&a->addr;
}

static int tcp_socket(const struct serve_address *a)
{
	int fd = socket(a->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		perror("calls: no socket");
		exit(2);
	}
	return fd;
}

static int do_bind(int fd, const void *addr, size_t size)
{
	return bind(fd, addr, (socklen_t)size) < 0 ? -errno : 0;
}

static int do_listen(int fd)
{
	return listen(fd, SOMAXCONN) < 0 ? -errno : 0;
}

/* A new socket, bound. */
static int bound(const struct serve_address *a, int *ret_fd)
{
	*ret_fd = tcp_socket(a);
	return do_bind(*ret_fd, name_of(a), a->size);
}

static int listening(const struct serve_address *a, int *ret_fd)
{
	int r = bound(a, ret_fd);

	return r < 0 ? r : do_listen(*ret_fd);
}

/* The calls. The process ends after one, so none of them closes what it leaves open. */

static int bad_pointer(const struct serve_address *a)
{
	return do_bind(tcp_socket(a), (const void *)8, a->size);
}

static int bad_fd(const struct serve_address *a)
{
	return do_bind(9999, name_of(a), a->size);
}

static int closed_fd(const struct serve_address *a)
{
	int fd = tcp_socket(a);

	close(fd);
	return do_bind(fd, name_of(a), a->size);
}

static int not_a_socket(const struct serve_address *a)
{
	return do_bind(open("/dev/null", O_RDWR | O_CLOEXEC), name_of(a), a->size);
}

static int listen_not_a_socket(const struct serve_address *a)
{
	(void)a;
	return do_listen(open("/dev/null", O_RDWR | O_CLOEXEC));
}

static int short_address(const struct serve_address *a)
{
	return do_bind(tcp_socket(a), name_of(a), 4);
}

static int no_address(const struct serve_address *a)
{
	return do_bind(tcp_socket(a), name_of(a), 0);
}

static int long_address(const struct serve_address *a)
{
	return do_bind(tcp_socket(a), name_of(a), sizeof(a->addr) + 1);
}

static int negative_length(const struct serve_address *a)
{
	return do_bind(tcp_socket(a), name_of(a), (socklen_t)-1);
}

static int other_family(const struct serve_address *a)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return do_bind(fd, name_of(a), a->size);
}

static int just_bind(const struct serve_address *a)
{
	int fd, r = bound(a, &fd);

	if (r == 0)
		saw(" port=%d", serve_port(fd));
	return r;
}

static int just_listen(const struct serve_address *a)
{
	int fd, r = listening(a, &fd);

	if (r == 0)
		saw(" port=%d", serve_port(fd));
	return r;
}

static int double_bind(const struct serve_address *a)
{
	int fd, r = bound(a, &fd);

	if (r < 0)
		saw(" at=first");
	return r < 0 ? r : do_bind(fd, name_of(a), a->size);
}

static int double_listen(const struct serve_address *a)
{
	int fd, r = listening(a, &fd);

	if (r < 0)
		saw(" at=first");
	return r < 0 ? r : do_listen(fd);
}

static int listen_unbound(const struct serve_address *a)
{
	int fd = tcp_socket(a), r = do_listen(fd);

	if (r == 0)
		saw(" port=%d", serve_port(fd));
	return r;
}

/* Port 0 gives a port, and the same port can be asked for by number afterwards. */
static int port_zero_then_again(const struct serve_address *a)
{
	struct serve_address again = *a;
	int fd, r = listening(a, &fd);
	uint16_t port = serve_port(fd);

	if (r < 0)
		return r;
	((struct sockaddr_in *)&again.addr)->sin_port = htons(port);
	close(fd);
	r = listening(&again, &fd);
	saw(" port=%d again=%d", port, serve_port(fd));
	return r;
}

/* Two sockets of one process on one port: without SO_REUSEPORT the second is refused. */
static int same_port_twice(const struct serve_address *a)
{
	struct serve_address again = *a;
	int fd, r = listening(a, &fd);

	if (r < 0) {
		saw(" at=first");
		return r;
	}
	((struct sockaddr_in *)&again.addr)->sin_port = htons(serve_port(fd));
	return listening(&again, &fd);
}

static int own_reuseport(const struct serve_address *a)
{
	int fd = tcp_socket(a), yes = 1, r;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) < 0)
		return -errno;
	r = do_bind(fd, name_of(a), a->size);
	return r < 0 ? r : do_listen(fd);
}

static int unix_abstract(const struct serve_address *a)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), n, r;

	(void)a;
	n = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "berth-calls-%d", getpid());
	r = do_bind(fd, &un, offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	return r < 0 ? r : do_listen(fd);
}

static int netlink(const struct serve_address *a)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK };

	(void)a;
	return do_bind(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), &nl, sizeof(nl));
}

static int udp(const struct serve_address *a)
{
	int fd = socket(a->addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = do_bind(fd, name_of(a), a->size);

	if (r == 0)
		saw(" port=%d", serve_port(fd));
	return r;
}

static int udp_listen(const struct serve_address *a)
{
	return do_listen(socket(a->addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

/* What Go does: falls back to TCP where MPTCP is refused. */
static int mptcp(const struct serve_address *a)
{
	int fd = socket(a->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP), protocol, r;
	socklen_t size = sizeof(protocol);

	if (fd < 0) {
		saw(" refused=%s", strerrorname_np(errno));
		fd = tcp_socket(a);
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0)
		return -errno;
	saw(" protocol=%s", protocol == IPPROTO_MPTCP ? "mptcp" : "tcp");
	r = do_bind(fd, name_of(a), a->size);
	return r < 0 ? r : do_listen(fd);
}

/* A program that sends all connections to the first socket of the group. */
static int attach_cbpf(const struct serve_address *a)
{
	struct sock_filter first = { .code = BPF_RET | BPF_K, .k = 0 };
	struct sock_fprog program = { .len = 1, .filter = &first };
	int fd, r = listening(a, &fd);

	if (r < 0) {
		saw(" at=listen");
		return r;
	}
	r = setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program));
	return r < 0 ? -errno : 0;
}

static int attach_ebpf(const struct serve_address *a)
{
	int fd, not_a_program = -1, r = listening(a, &fd);

	if (r < 0) {
		saw(" at=listen");
		return r;
	}
	r = setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &not_a_program, sizeof(int));
	return r < 0 ? -errno : 0;
}

/* A client that chooses its own port, to a server of its own. */
static int client_bind(const struct serve_address *a)
{
	struct serve_address server = *a;
	socklen_t size = sizeof(server.addr);
	int fd, listener = tcp_socket(a), r = do_listen(listener);

	if (r < 0 || getsockname(listener, (struct sockaddr *)&server.addr, &size) < 0)
		return -EPROTO;
	((struct sockaddr_in *)&server.addr)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r = bound(a, &fd);
	if (r == 0 && connect(fd, name_of(&server), server.size) < 0) {
		saw(" at=connect");
		r = -errno;
	}
	if (r == 0)
		saw(" port=%d", serve_port(fd));
	return r;
}

static void *bind_in_thread(void *argument)
{
	static int result;
	int fd;

	result = listening(argument, &fd);
	return &result;
}

static int in_a_thread(const struct serve_address *a)
{
	struct serve_address copy = *a;
	pthread_t thread;
	void *result;

	if (pthread_create(&thread, NULL, bind_in_thread, &copy) != 0)
		return -EAGAIN;
	pthread_join(thread, &result);
	return *(int *)result;
}

/* The parent binds, the child listens on the same socket. */
static int listen_in_child(const struct serve_address *a)
{
	int fd, status, r = bound(a, &fd);
	pid_t pid;

	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0)
		_exit(-do_listen(fd) & 0xff);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return -WEXITSTATUS(status);
}

static int listen_on_copy(const struct serve_address *a)
{
	int fd, r = bound(a, &fd), copy = dup(fd);

	close(fd);
	return r < 0 ? r : do_listen(copy);
}

static const struct {
	const char *name;
	int (*run)(const struct serve_address *a);
} calls[] = {
	{ "attach-cbpf", attach_cbpf },
	{ "attach-ebpf", attach_ebpf },
	{ "bad-fd", bad_fd },
	{ "bad-pointer", bad_pointer },
	{ "bind", just_bind },
	{ "client-bind", client_bind },
	{ "closed-fd", closed_fd },
	{ "double-bind", double_bind },
	{ "double-listen", double_listen },
	{ "in-a-thread", in_a_thread },
	{ "listen", just_listen },
	{ "listen-in-child", listen_in_child },
	{ "listen-not-a-socket", listen_not_a_socket },
	{ "listen-on-copy", listen_on_copy },
	{ "listen-unbound", listen_unbound },
	{ "long-address", long_address },
	{ "mptcp", mptcp },
	{ "negative-length", negative_length },
	{ "netlink", netlink },
	{ "no-address", no_address },
	{ "not-a-socket", not_a_socket },
	{ "other-family", other_family },
	{ "own-reuseport", own_reuseport },
	{ "port-zero-then-again", port_zero_then_again },
	{ "same-port-twice", same_port_twice },
	{ "short-address", short_address },
	{ "udp", udp },
	{ "udp-listen", udp_listen },
	{ "unix-abstract", unix_abstract },
};

static int call_by_name(const char *name, const struct serve_address *a)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int r;

		if (strcmp(name, calls[i].name) != 0)
			continue;
		r = calls[i].run(a);
		printf("%s: %s%s\n", name, r < 0 ? strerrorname_np(-r) : "ok", seen);
		return 0;
	}
	fprintf(stderr, "calls: no such call: %s\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	static char port[] = "0", host[] = "127.0.0.1";
	char *where[] = { argc > 2 ? argv[2] : port, argc > 3 ? argv[3] : host };
	struct serve_address a;

	if (argc >= 2) {
		serve_address_read(2, where, &a);
		return call_by_name(argv[1], &a);
	}
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		printf("%s\n", calls[i].name);
	return 0;
}
