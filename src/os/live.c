/*
 * One dump for each family. The mark in a connection that was handed on is still
 * that of the listener that it came from: the map of those knows better.
 */
#include "os/live.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "os/diag_dump.h"

struct live_request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 body;
	struct nlattr storages;
	struct nlattr map;
	uint32_t map_fd;
};

struct look {
	const struct steer_fds *fds;
	live_visit *visit;
	void *arg;
};

static uint64_t cookie_of(const struct inet_diag_msg *m)
{
	return (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0];
}

static int visit_message(const struct nlmsghdr *message, void *arg)
{
	const struct look *look = arg;
	const struct inet_diag_msg *m = NLMSG_DATA(message);
	struct steer_mark mark, moved;
	struct diag_part part;
	uint64_t cookie;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return -EPROTO;
	/* There's one map that we ask for, so one value. */
	part = diag_find(diag_rest(message, sizeof(*m)), INET_DIAG_SK_BPF_STORAGES);
	part = diag_find(part, SK_DIAG_BPF_STORAGE);
	part = diag_find(part, SK_DIAG_BPF_STORAGE_MAP_VALUE);
	if (!part.at || part.size < sizeof(mark))
		return 0;
	memcpy(&mark, part.at, sizeof(mark));
	if (!mark.is_live)
		return 0;
	cookie = cookie_of(m);
	if (bpf_map_lookup_elem(look->fds->moved, &cookie, &moved) == 0)
		mark = moved;
	look->visit(&mark, look->arg);
	return 0;
}

int live_look(const struct steer_fds *fds, live_visit *visit, void *arg)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct look look = { .fds = fds, .visit = visit, .arg = arg };
	struct live_request r = {
		.header = {
			.nlmsg_len = sizeof(r),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.body = {
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = 1U << TCP_ESTABLISHED | 1U << TCP_CLOSE_WAIT |
					1U << TCP_SYN_RECV,
		},
		.storages = {
			.nla_len = sizeof(r.storages) + sizeof(r.map) + sizeof(r.map_fd),
			.nla_type = INET_DIAG_REQ_SK_BPF_STORAGES | NLA_F_NESTED,
		},
		.map = {
			.nla_len = sizeof(r.map) + sizeof(r.map_fd),
			.nla_type = SK_DIAG_BPF_STORAGE_REQ_MAP_FD,
		},
		.map_fd = (uint32_t)look.fds->marks,
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(families); i++) {
		r.body.sdiag_family = families[i];
		err = diag_dump(&r.header, visit_message, &look);
	}
	return err;
}
