/*
 * Socket diagnosis: one request, and its answer read message by message. Every
 * length that the answer claims is checked against what has arrived.
 */
#include "os/sock_diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "os/diag_dump.h"

#define STATE(state) (1U << (state))

/* Newer than Debian 12's headers: sockets that have a port and do neither listen nor connect. */
#define STATE_BOUND_INACTIVE STATE(13)

/* NEW_SYN_RECV (12) is not among them: such a half-made connection holds no port. */
#define STATES_CONNECTED \
	(STATE(TCP_ESTABLISHED) | STATE(TCP_SYN_SENT) | STATE(TCP_SYN_RECV) | STATE(TCP_CLOSE_WAIT))
#define STATES_CLOSING \
	(STATE(TCP_FIN_WAIT1) | STATE(TCP_FIN_WAIT2) | STATE(TCP_LAST_ACK) | STATE(TCP_CLOSING))

#define TIMER_TIME_WAIT 3 /* idiag_timer: idiag_expires is when TIME_WAIT ends */

/* What one dump is for, handed to whoever decodes its messages. */
struct dump {
	sock_diag_visit *visit;
	void *arg;
	uint16_t protocol;
	const struct addr *wanted; /* of Unix sockets */
	const struct stat *file;   /* NULL for an abstract name */
};

typedef int decode_fn(const struct nlmsghdr *message, const struct dump *dump);

struct inet_request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 body;
	struct nlattr filter_header;
	struct inet_diag_bc_op filter[2];
};

struct unix_request {
	struct nlmsghdr header;
	struct unix_diag_req body;
};

static enum socket_state state_from_tcp(unsigned state)
{
	unsigned bit = STATE(state & 31);

	if (bit & STATE(TCP_LISTEN))
		return SOCKET_LISTENING;
	if (bit & STATES_CONNECTED)
		return SOCKET_CONNECTED;
	if (bit & STATES_CLOSING)
		return SOCKET_CLOSING;
	if (bit & STATE(TCP_TIME_WAIT))
		return SOCKET_TIME_WAIT;
	return SOCKET_BOUND;
}

/* An attribute of at least @size bytes behind a message's fixed part. */
static const void *find_attribute(const struct nlmsghdr *message, size_t fixed_size, unsigned type,
				  size_t size)
{
	const struct diag_part rest = diag_rest(message, fixed_size);
	const struct diag_part found = diag_find(rest, type);

	return found.at && found.size >= size ? found.at : NULL;
}

static struct addr addr_from_diag(uint8_t family, const __be32 words[4], __be16 port)
{
	struct addr a = { .family = family, .port = ntohs(port) };

	if (family == AF_INET)
		memcpy(&a.u.v4, words, sizeof(a.u.v4));
	else
		memcpy(&a.u.v6, words, sizeof(a.u.v6));
	return a;
}

static int decode_inet(const struct nlmsghdr *message, const struct dump *dump)
{
	const struct inet_diag_msg *m = NLMSG_DATA(message);
	struct socket_info s = { 0 };
	const uint8_t *v6only;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return -EPROTO;
	if (m->idiag_family != AF_INET && m->idiag_family != AF_INET6)
		return -EPROTO;

	s.local = addr_from_diag(m->idiag_family, m->id.idiag_src, m->id.idiag_sport);
	s.local.protocol = dump->protocol;
	s.local.device = m->id.idiag_if;
	v6only = find_attribute(message, sizeof(*m), INET_DIAG_SKV6ONLY, sizeof(*v6only));
	s.local.v6only = v6only && *v6only;
	if (m->id.idiag_dport != 0) {
		s.peer = addr_from_diag(m->idiag_family, m->id.idiag_dst, m->id.idiag_dport);
		s.peer.protocol = dump->protocol;
	}
	s.state = state_from_tcp(m->idiag_state);
	s.uid = m->idiag_uid;
	s.inode = m->idiag_inode;
	if (s.state == SOCKET_LISTENING) {
		s.n_queued = m->idiag_rqueue;
		s.n_queued_max = m->idiag_wqueue;
	}
	if (m->idiag_timer == TIMER_TIME_WAIT)
		s.ends_in_ms = m->idiag_expires;
	return dump->visit(&s, dump->arg);
}

/* unix_diag gives the kernel's own form of a device number. */
static bool is_same_file(const struct unix_diag_vfs *vfs, const struct stat *file)
{
	return vfs->udiag_vfs_ino == (uint32_t)file->st_ino &&
	       makedev(vfs->udiag_vfs_dev >> 20, vfs->udiag_vfs_dev & 0xfffff) == file->st_dev;
}

static bool is_same_name(const struct nlmsghdr *message, const struct addr *wanted)
{
	size_t fixed = sizeof(struct unix_diag_msg);
	const struct diag_part name = diag_find(diag_rest(message, fixed), UNIX_DIAG_NAME);

	return name.at && name.size == wanted->unix_len &&
	       memcmp(name.at, wanted->u.path, wanted->unix_len) == 0;
}

static int decode_unix(const struct nlmsghdr *message, const struct dump *dump)
{
	const struct unix_diag_msg *m = NLMSG_DATA(message);
	struct socket_info s = { .local = *dump->wanted };
	struct unix_diag_rqlen queue = { 0 };
	struct unix_diag_vfs vfs;
	const void *found;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return -EPROTO;
	if (dump->file) {
		found = find_attribute(message, sizeof(*m), UNIX_DIAG_VFS, sizeof(vfs));
		if (!found)
			return 0;
		memcpy(&vfs, found, sizeof(vfs));
		if (!is_same_file(&vfs, dump->file))
			return 0;
	} else if (!is_same_name(message, dump->wanted)) {
		return 0;
	}

	s.state = state_from_tcp(m->udiag_state);
	s.inode = m->udiag_ino;
	found = find_attribute(message, sizeof(*m), UNIX_DIAG_UID, sizeof(s.uid));
	if (found)
		memcpy(&s.uid, found, sizeof(s.uid));
	found = find_attribute(message, sizeof(*m), UNIX_DIAG_RQLEN, sizeof(queue));
	if (found && s.state == SOCKET_LISTENING) {
		memcpy(&queue, found, sizeof(queue));
		s.n_queued = queue.udiag_rqueue;
		s.n_queued_max = queue.udiag_wqueue;
	}
	return dump->visit(&s, dump->arg);
}

struct decoding {
	decode_fn *decode;
	const struct dump *dump;
};

static int visit_message(const struct nlmsghdr *message, void *arg)
{
	const struct decoding *d = arg;

	return d->decode(message, d->dump);
}

static int run_dump(const struct nlmsghdr *request, decode_fn *decode, const struct dump *dump)
{
	struct decoding decoding = { decode, dump };
	int r = diag_dump(request, visit_message, &decoding);

	return r > 0 ? 0 : r; /* stopped by whom it was for */
}

static unsigned inet_states(uint16_t protocol, unsigned states)
{
	unsigned bits = 0;

	if (protocol == IPPROTO_UDP) /* unconnected sockets are CLOSE, connected ones ESTABLISHED */
		return states & SOCK_DIAG_LISTENING ? STATE(TCP_CLOSE) | STATE(TCP_ESTABLISHED) : 0;
	if (states & SOCK_DIAG_LISTENING)
		bits |= STATE(TCP_LISTEN);
	if (states & SOCK_DIAG_BOUND)
		bits |= STATE_BOUND_INACTIVE;
	if (states & SOCK_DIAG_CONNECTIONS)
		bits |= STATES_CONNECTED | STATES_CLOSING | STATE(TCP_TIME_WAIT);
	return bits;
}

int sock_diag_port(uint16_t protocol, uint16_t port, unsigned states, sock_diag_visit *visit,
		   void *arg)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	const struct dump dump = { .visit = visit, .arg = arg, .protocol = protocol };
	struct inet_request r = {
		.header = {
			.nlmsg_len = sizeof(r),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.body = {
			.sdiag_protocol = (uint8_t)protocol,
			.idiag_states = inet_states(protocol, states),
		},
		.filter_header = {
			.nla_len = sizeof(r.filter_header) + sizeof(r.filter),
			.nla_type = INET_DIAG_REQ_BYTECODE,
		},
		/* "Is the local port ..."; yes: on to the end; no: beyond it, refused. */
		.filter = {
			{ INET_DIAG_BC_S_EQ, sizeof(r.filter), sizeof(r.filter) + 4 },
			{ .no = port },
		},
	};

	if (r.body.idiag_states == 0)
		return 0;
	for (size_t i = 0; i < sizeof(families); i++) {
		int err;

		r.body.sdiag_family = families[i];
		err = run_dump(&r.header, decode_inet, &dump);
		if (err == -ENOENT && families[i] == AF_INET6) /* a kernel without IPv6 */
			return 0;
		if (err)
			return err;
	}
	return 0;
}

/*
 * Finds the file that a path names. A link that leads nowhere is a file too: bind()
 * refuses its path.
 */
static int find_unix_file(const struct addr *wanted, struct stat *ret_file)
{
	char path[ADDR_UNIX_MAX + 1] = "";

	memcpy(path, wanted->u.path, wanted->unix_len);
	if (stat(path, ret_file) == 0)
		return 0;
	if (errno != ENOENT || lstat(path, ret_file) < 0)
		return -errno;
	return 0;
}

int sock_diag_unix(const struct addr *wanted, sock_diag_visit *visit, void *arg,
		   mode_t *ret_file_type)
{
	struct dump dump = { .visit = visit, .arg = arg, .wanted = wanted };
	struct unix_request r = {
		.header = {
			.nlmsg_len = sizeof(r),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.body = {
			.sdiag_family = AF_UNIX,
			.udiag_states = STATE(TCP_LISTEN) | STATE(TCP_CLOSE),
			.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_RQLEN |
				      UDIAG_SHOW_UID,
		},
	};
	struct stat file = { 0 };
	int err;

	if (wanted->u.path[0] != '\0') {
		err = find_unix_file(wanted, &file);
		if (err == -ENOENT)
			*ret_file_type = 0;
		if (err)
			return err == -ENOENT ? 0 : err;
		dump.file = &file;
	}
	err = run_dump(&r.header, decode_unix, &dump);
	if (!err)
		*ret_file_type = file.st_mode & S_IFMT;
	return err;
}
