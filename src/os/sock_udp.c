/*
 * UDP has no listen(): a bound socket gets datagrams. One that only claims an
 * address has a filter that lets none in.
 */
#include "os/sock_udp.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/own.h"
#include "os/fault.h"

/* Forgets whatever comes. Before the bind, or one datagram could be ahead of it. */
static int stop_ears(int fd)
{
	static struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	const struct sock_fprog program = { .len = 1, .filter = nothing };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	fault_point("sock_udp_stop_ears");
	return 0;
}

static int make(const struct addr *a, const struct sock_facts *like, int *ret_fd)
{
	own_fd fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (a->family == AF_INET6 && sock_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, a->v6only) < 0)
		return -errno;
	if (a->device && sock_set_option(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)a->device) < 0)
		return -errno;
	if (like && like->has_freebind)
		(void)sock_set_option(fd, IPPROTO_IP, IP_FREEBIND, 1);
	*ret_fd = take_fd(&fd);
	return 0;
}

/* With SO_REUSEADDR on both, datagrams would go to whom the kernel likes: only for a moment. */
static int bind_alone(int fd, const struct addr *a, bool is_held)
{
	int r = is_held ? sock_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) : 0;

	if (r == 0)
		r = sock_bind(fd, a);
	if (r == 0 && is_held)
		r = sock_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 0);
	return r;
}

/*
 * The kernel makes the group when one joins who has asked for it before it was
 * bound. So a second socket joins the first, and that one has done its work.
 */
static int found_group(const struct addr *a, const struct sock_facts *like, int first, int *ret_fd)
{
	own_fd fd = NO_FD;
	int r = sock_set_option(first, SOL_SOCKET, SO_REUSEPORT, 1);

	if (r == 0)
		r = make(a, like, &fd);
	if (r == 0)
		r = stop_ears(fd);
	if (r == 0)
		r = sock_set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (r == 0)
		r = sock_bind(fd, a);
	if (r < 0)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}

int sock_udp_claim(const struct addr *a, const struct sock_facts *like, bool is_held, int *ret_fd)
{
	own_fd fd = NO_FD;
	int r = make(a, like, &fd);

	if (r == 0)
		r = stop_ears(fd);
	if (r == 0)
		r = bind_alone(fd, a, is_held);
	return r < 0 ? r : found_group(a, like, fd, ret_fd);
}

int sock_udp_claim_alone(const struct addr *a, bool is_held, int *ret_fd)
{
	own_fd fd = NO_FD;
	int r = make(a, NULL, &fd);

	if (r == 0)
		r = bind_alone(fd, a, is_held);
	if (r < 0)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}

int sock_udp_hold(uint16_t port, int *ret_fd)
{
	struct addr a = { .family = AF_INET6, .protocol = IPPROTO_UDP, .port = port };
	own_fd fd = NO_FD;
	int r = make(&a, NULL, &fd);

	if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL) {
		a.family = AF_INET;
		r = make(&a, NULL, &fd);
	}
	if (r == 0)
		r = stop_ears(fd);
	if (r == 0)
		r = sock_bind(fd, &a);
	if (r < 0)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}

int sock_udp_queue(int fd, struct sock_queue *ret_queue)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof(memory);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size) < 0)
		return -errno;
	*ret_queue = (struct sock_queue){ memory[SK_MEMINFO_RMEM_ALLOC], memory[SK_MEMINFO_RCVBUF],
					  memory[SK_MEMINFO_DROPS] };
	return 0;
}

static void copy_option(int fd, int worker_fd, int level, int name)
{
	int theirs = 0, ours = 0;
	socklen_t size = sizeof(theirs);

	if (getsockopt(worker_fd, level, name, &theirs, &size) < 0)
		return;
	size = sizeof(ours);
	if (getsockopt(fd, level, name, &ours, &size) == 0 && theirs != ours)
		(void)sock_set_option(fd, level, name, theirs);
}

int sock_udp_become(int fd, int worker_fd)
{
	static const struct {
		int level;
		int name;
	} asked[] = {
		{ SOL_SOCKET, SO_BROADCAST },       { SOL_SOCKET, SO_TIMESTAMP },
		{ SOL_SOCKET, SO_TIMESTAMPNS },     { SOL_SOCKET, SO_RXQ_OVFL },
		{ IPPROTO_IP, IP_PKTINFO },         { IPPROTO_IP, IP_RECVTOS },
		{ IPPROTO_IPV6, IPV6_RECVPKTINFO },
	};

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		copy_option(fd, worker_fd, asked[i].level, asked[i].name);
	return sock_become(fd, worker_fd);
}
