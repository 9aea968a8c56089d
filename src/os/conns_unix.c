/*
 * One dump of all Unix sockets: the kernel has no filter for their names.
 */
#include "os/conns_unix.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/socket.h>

#include "os/diag_dump.h"

#define STATE_ESTABLISHED (1U << 1) /* of a TCP socket, whose states these are */

struct request {
	struct nlmsghdr header;
	struct unix_diag_req body;
};

struct search {
	const struct addr *ports;
	size_t n_ports;
	conns_unix_visit *visit;
	void *arg;
};

static const struct addr *find_port(const struct search *s, const struct diag_part *name)
{
	for (size_t i = 0; i < s->n_ports; i++) {
		const struct addr *a = &s->ports[i];
		size_t size = name->size;

		if (a->family != AF_UNIX)
			continue;
		/* A path has its NUL with it, an abstract name is as long as it is. */
		if (a->u.path[0] && size > 0 && ((const char *)name->at)[size - 1] == '\0')
			size--;
		if (size == a->unix_len && memcmp(name->at, a->u.path, size) == 0)
			return a;
	}
	return NULL;
}

static int visit_message(const struct nlmsghdr *message, void *arg)
{
	const struct search *s = arg;
	const struct unix_diag_msg *m = NLMSG_DATA(message);
	struct conn_info info = { .state = CONN_OPEN };
	const struct addr *port;
	struct unix_diag_rqlen queue;
	struct diag_part name;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return -EPROTO;
	name = diag_find(diag_rest(message, sizeof(*m)), UNIX_DIAG_NAME);
	port = m->udiag_ino && name.at ? find_port(s, &name) : NULL;
	if (!port)
		return 0;
	info.local = *port;
	info.peer.family = AF_UNIX;
	info.inode = m->udiag_ino;
	info.cookie = m->udiag_cookie[0] | (uint64_t)m->udiag_cookie[1] << 32;
	if (diag_attribute(message, sizeof(*m), UNIX_DIAG_RQLEN, &queue, sizeof(queue)) > 0)
		info.n_unread = queue.udiag_rqueue;
	return s->visit(&info, s->arg);
}

int conns_unix_each(const struct addr *ports, size_t n_ports, conns_unix_visit *visit, void *arg)
{
	const struct search s = { ports, n_ports, visit, arg };
	const struct request r = {
		.header = {
			.nlmsg_len = sizeof(r),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.body = {
			.sdiag_family = AF_UNIX,
			.udiag_states = STATE_ESTABLISHED,
			.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_RQLEN,
		},
	};
	bool is_wanted = false;

	for (size_t i = 0; i < n_ports; i++)
		is_wanted |= ports[i].family == AF_UNIX;
	return is_wanted ? diag_dump(&r.header, visit_message, (void *)&s) : 0;
}
