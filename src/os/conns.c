/*
 * A look is a dump of socket diagnosis, which the kernel has filtered by port. Which
 * process has a socket open, only /proc tells: each of its descriptors is a link.
 */
#include "os/conns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/number.h"
#include "base/own.h"
#include "os/clock.h"
#include "os/conns_unix.h"
#include "os/diag_dump.h"
#include "os/peek.h"

/* Of the kernel's states, as bits; <linux/tcp.h> and <netinet/tcp.h> don't go together. */
#define STATE(state)      (1U << (state))
#define STATE_ESTABLISHED 1
#define STATE_FIN_WAIT1   4
#define STATE_FIN_WAIT2   5
#define STATE_CLOSE_WAIT  8
#define STATE_LAST_ACK    9
#define STATE_CLOSING     11

#define STATES_ASKED                                                                  \
	(STATE(STATE_ESTABLISHED) | STATE(STATE_FIN_WAIT1) | STATE(STATE_FIN_WAIT2) | \
	 STATE(STATE_CLOSE_WAIT) | STATE(STATE_LAST_ACK) | STATE(STATE_CLOSING))

#define PORTS_MAX 32 /* in one filter */
#define PORT_OPS  3  /* that it has for each */
#define LINK_MAX  32 /* "socket:[4294967295]" and its NUL */

struct conns {
	struct conn *all; /* by rising inode */
	size_t n;
	size_t n_room;
	struct conn *before; /* while one looks: the look before, in the same order */
	size_t n_before;
};

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 body;
	struct nlattr filter_header;
	struct inet_diag_bc_op filter[PORTS_MAX * PORT_OPS];
};

/* What a dump is to collect, and where. */
struct search {
	struct conns *found;
	const struct addr *ports;
	size_t n_ports;
};

struct conns *conns_new(void)
{
	return calloc(1, sizeof(struct conns));
}

struct conns *conns_free(struct conns *c)
{
	if (c)
		free(c->all);
	free(c);
	return NULL;
}

struct conn *conns_all(const struct conns *c, size_t *ret_n)
{
	*ret_n = c->n;
	return c->all;
}

/* --- what the kernel tells --- */

static struct addr addr_from_diag(uint8_t family, const __be32 words[4], __be16 port)
{
	struct addr a = { .family = family, .protocol = IPPROTO_TCP, .port = ntohs(port) };

	if (family == AF_INET)
		memcpy(&a.u.v4, words, sizeof(a.u.v4));
	else
		memcpy(&a.u.v6, words, sizeof(a.u.v6));
	return a;
}

static enum conn_state state_from_tcp(unsigned state)
{
	switch (state) {
	case STATE_ESTABLISHED: return CONN_OPEN;
	case STATE_CLOSE_WAIT: return CONN_PEER_DONE;
	default: return CONN_CLOSING;
	}
}

static void note_tcp(struct conn_info *info, unsigned state, const struct tcp_info *tcp)
{
	info->state = state_from_tcp(state);
	info->n_unsent = tcp->tcpi_notsent_bytes;
	info->segment_max = tcp->tcpi_snd_mss;
	info->n_received = tcp->tcpi_bytes_received;
	info->n_acked = tcp->tcpi_bytes_acked;
	info->received_ms = tcp->tcpi_last_data_recv;
	info->sent_ms = tcp->tcpi_last_data_sent;
	info->heard_ms = tcp->tcpi_last_ack_recv;
}

static bool is_at(const struct addr *local, const struct addr *port)
{
	size_t size = local->family == AF_INET ? sizeof(local->u.v4) : sizeof(local->u.v6);

	if (local->port != port->port)
		return false;
	if (port->family == AF_UNSPEC)
		return true;
	if (local->family != port->family)
		return false;
	return addr_is_wildcard(port) || memcmp(&local->u, &port->u, size) == 0;
}

static bool is_wanted(const struct search *s, const struct addr *local)
{
	bool is_found = false;

	for (size_t i = 0; !is_found && i < s->n_ports; i++)
		is_found = is_at(local, &s->ports[i]);
	return is_found;
}

static int add(struct conns *c, const struct conn_info *info)
{
	if (c->n == CONNS_MAX)
		return 1;
	if (c->n == c->n_room) {
		size_t n_room = c->n_room ? c->n_room * 2 : 256;
		struct conn *more = reallocarray(c->all, n_room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		c->all = more;
		c->n_room = n_room;
	}
	c->all[c->n++] = (struct conn){ .info = *info, .fd = NO_FD };
	return 0;
}

static int visit_message(const struct nlmsghdr *message, void *arg)
{
	const struct search *s = arg;
	const struct inet_diag_msg *m = NLMSG_DATA(message);
	struct conn_info info = { 0 };
	struct tcp_info tcp;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return -EPROTO;
	if (m->idiag_family != AF_INET && m->idiag_family != AF_INET6)
		return -EPROTO;

	info.local = addr_from_diag(m->idiag_family, m->id.idiag_src, m->id.idiag_sport);
	info.inode = m->idiag_inode;
	if (info.inode == 0 || !is_wanted(s, &info.local))
		return 0;
	if (diag_attribute(message, sizeof(*m), INET_DIAG_INFO, &tcp, sizeof(tcp)) < 0)
		return 0; /* it has just ended */
	info.peer = addr_from_diag(m->idiag_family, m->id.idiag_dst, m->id.idiag_dport);
	info.cookie = m->id.idiag_cookie[0] | (uint64_t)m->id.idiag_cookie[1] << 32;
	info.n_unread = m->idiag_rqueue;
	info.n_unacked = m->idiag_wqueue;
	note_tcp(&info, m->idiag_state, &tcp);
	return add(s->found, &info);
}

static int add_unix(const struct conn_info *info, void *arg)
{
	return add(arg, info);
}

/* --- a look --- */

/*
 * "Is the local port ...": yes: to the jump that leads to the end; no: past that, to the
 * next question. The kernel takes jumps forward only along what a row of yeses passes.
 */
static void write_filter(struct request *r, const struct addr *ports, size_t n)
{
	const size_t op = sizeof(r->filter[0]);
	size_t size = (n * PORT_OPS - 1) * op; /* nothing to jump over behind the last one */

	for (size_t i = 0; i < n; i++) {
		struct inet_diag_bc_op *at = &r->filter[i * PORT_OPS];

		at[0] = (struct inet_diag_bc_op){
			.code = INET_DIAG_BC_S_EQ,
			.yes = (uint8_t)(2 * op),
			.no = (uint16_t)(3 * op),
		};
		at[1] = (struct inet_diag_bc_op){ .no = ports[i].port };
		at[2] = (struct inet_diag_bc_op){
			.code = INET_DIAG_BC_JMP,
			.yes = (uint8_t)op,
			.no = (uint16_t)(size - (i * PORT_OPS + 2) * op),
		};
	}
	r->filter_header.nla_len = (uint16_t)(sizeof(r->filter_header) + size);
	r->header.nlmsg_len = (uint32_t)(offsetof(struct request, filter) + size);
}

static int look_at_family(const struct search *s, uint8_t family)
{
	struct request r = {
		.header = {
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.body = {
			.sdiag_family = family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_ext = 1U << (INET_DIAG_INFO - 1),
			.idiag_states = STATES_ASKED,
		},
		.filter_header = { .nla_type = INET_DIAG_REQ_BYTECODE },
	};
	struct addr ports[PORTS_MAX];
	size_t n = 0;
	int err = 0;

	for (size_t i = 0; !err && i < s->n_ports; i++) {
		if (s->ports[i].family == family || s->ports[i].family == AF_UNSPEC)
			ports[n++] = s->ports[i];
		if (n == PORTS_MAX || (n > 0 && i + 1 == s->n_ports)) {
			write_filter(&r, ports, n);
			err = diag_dump(&r.header, visit_message, (void *)s);
			n = 0;
		}
	}
	return err;
}

static int by_inode(const void *one, const void *two)
{
	uint32_t a = ((const struct conn *)one)->info.inode;
	uint32_t b = ((const struct conn *)two)->info.inode;

	return (a > b) - (a < b);
}

static struct conn *find(const struct conns *c, uint32_t inode)
{
	const struct conn wanted = { .info.inode = inode };

	return bsearch(&wanted, c->all, c->n, sizeof(wanted), by_inode);
}

static bool is_same(const struct conn_info *a, const struct conn_info *b)
{
	return a->state == b->state && a->n_received == b->n_received && a->n_acked == b->n_acked &&
	       a->n_unread == b->n_unread && a->n_unacked == b->n_unacked &&
	       a->n_unsent == b->n_unsent;
}

/*
 * What a look has found, and when: it began at @now_ms, and had seen it by @seen_ms. The
 * time between is doubtful, and much where the machine is busy: it isn't counted.
 */
static void note_same(struct conn *now, const struct conn *then, int64_t now_ms, int64_t seen_ms)
{
	now->same_since_ms = seen_ms;
	if (!then || !is_same(&now->info, &then->info))
		return;
	now->same_since_ms = then->same_since_ms;
	if (now_ms > then->same_since_ms)
		now->info.same_ms = (uint32_t)(now_ms - then->same_since_ms);
}

/* Both are in the same order: one walk through the two of them. */
static void keep_known(struct conns *c, int64_t now_ms, int64_t seen_ms)
{
	size_t at = 0;

	for (size_t i = 0; i < c->n; i++) {
		struct conn *now = &c->all[i];
		const struct conn *then;

		while (at < c->n_before && c->before[at].info.inode < now->info.inode)
			at++;
		then = at < c->n_before ? &c->before[at] : NULL;
		if (then && then->info.cookie != now->info.cookie)
			then = NULL;
		note_same(now, then, now_ms, seen_ms);
		if (!then)
			continue;
		now->owner = then->owner;
		now->pid = then->pid;
		now->fd = then->fd;
		now->info.is_held = then->info.is_held;
	}
}

int conns_look(struct conns *c, const struct addr *ports, size_t n_ports, int64_t now_ms)
{
	const struct search s = { .found = c, .ports = ports, .n_ports = n_ports };
	int r;

	c->before = take_ptr(c->all);
	c->n_before = c->n;
	c->n = 0;
	c->n_room = 0;
	r = look_at_family(&s, AF_INET);
	if (r == 0) {
		r = look_at_family(&s, AF_INET6);
		if (r == -ENOENT) /* a kernel without IPv6 */
			r = 0;
	}
	if (r == 0) {
		r = conns_unix_each(ports, n_ports, add_unix, c);
		if (r == -ENOENT) /* or one that tells nothing of those */
			r = 0;
	}
	if (r < 0) {
		free(c->all);
		c->all = take_ptr(c->before);
		c->n = c->n_room = c->n_before;
		return r;
	}
	if (c->n > 0)
		qsort(c->all, c->n, sizeof(*c->all), by_inode);
	keep_known(c, now_ms, clock_ms());
	free(c->before);
	c->before = NULL;
	c->n_before = 0;
	return r;
}

/* --- one of them --- */

int conn_take(const struct conn *conn, int *ret_fd)
{
	own_fd fd = NO_FD;
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);
	int r = peek_fd(conn->pid, conn->fd, &fd);

	if (r < 0)
		return r == -EBADF ? -ESRCH : r;
	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) < 0 ||
	    cookie != conn->info.cookie)
		return -ESRCH;
	*ret_fd = take_fd(&fd);
	return 0;
}

int conn_look(struct conn *conn, int64_t now_ms)
{
	own_fd fd = NO_FD;
	const struct conn then = *conn;
	struct tcp_info tcp;
	socklen_t size = sizeof(tcp);
	int n_unread, n_unacked;
	int r = conn_take(conn, &fd);

	if (r < 0 || conn->info.local.family == AF_UNIX) /* it's there: more there isn't to see */
		return r;
	memset(&tcp, 0, sizeof(tcp)); /* the kernel may know less of it than we do */
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &size) < 0 ||
	    ioctl(fd, SIOCINQ, &n_unread) < 0 || ioctl(fd, SIOCOUTQ, &n_unacked) < 0)
		return -errno;
	if (!(STATES_ASKED & STATE(tcp.tcpi_state)))
		return -ESRCH;
	note_tcp(&conn->info, tcp.tcpi_state, &tcp);
	conn->info.n_unread = (uint32_t)n_unread;
	conn->info.n_unacked = (uint32_t)n_unacked;
	conn->info.same_ms = 0;
	note_same(conn, &then, now_ms, clock_ms());
	return 0;
}

/* --- whose they are --- */

/* Reads "socket:[123]"; 0 for everything else that a descriptor may be. */
static uint32_t socket_inode(int fds_fd, const char *name)
{
	static const char prefix[] = "socket:[";
	const size_t prefix_size = sizeof(prefix) - 1;
	char link[LINK_MAX];
	ssize_t size = readlinkat(fds_fd, name, link, sizeof(link));
	uint64_t inode;

	if (size <= (ssize_t)prefix_size || memcmp(link, prefix, prefix_size) != 0)
		return 0;
	if (link[size - 1] != ']' ||
	    !number_parse(link + prefix_size, (size_t)size - sizeof(prefix), UINT32_MAX, &inode))
		return 0;
	return (uint32_t)inode;
}

/* Returns whether there is one. */
static bool claim_descriptor(struct conns *c, int fds_fd, const char *name, struct conn *claim)
{
	uint32_t inode = socket_inode(fds_fd, name);
	struct conn *found = inode ? find(c, inode) : NULL;
	uint64_t fd;

	if (!found || !number_parse(name, strlen(name), INT32_MAX, &fd))
		return false;
	found->owner = claim->owner;
	found->pid = claim->pid;
	found->fd = (int)fd;
	return true;
}

int conns_claim(struct conns *c, pid_t pid, uint32_t owner)
{
	struct conn claim = { .owner = owner, .pid = pid };
	const struct dirent *entry;
	char path[64];
	int n = 0;
	DIR *fds;

	if (c->n == 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	fds = opendir(path);
	if (!fds && (errno == EACCES || errno == EPERM))
		return -EACCES;
	if (!fds)
		return errno == ENOENT ? -ESRCH : -errno;
	while ((entry = readdir(fds)))
		n += claim_descriptor(c, dirfd(fds), entry->d_name, &claim);
	(void)closedir(fds);
	return n;
}
