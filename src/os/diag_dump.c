/*
 * Netlink as far as socket diagnosis needs it. The kernel makes the first part of its
 * answer during send(), and the next one whenever a part is taken: there is always
 * something to read until the end.
 */
#include "os/diag_dump.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

#include "base/own.h"

#define ANSWER_MAX   (32 * 1024) /* the kernel fills no more at a time than it is offered */
#define DUMP_IS_DONE 1           /* beside 0 and -errno */

struct dump {
	diag_visit *visit;
	void *arg;
	int stopped; /* what @visit returned */
};

struct diag_part diag_rest(const struct nlmsghdr *message, size_t fixed_size)
{
	const size_t begin = NLMSG_LENGTH(NLMSG_ALIGN(fixed_size));

	if (begin >= message->nlmsg_len)
		return (struct diag_part){ NULL, 0 };
	return (struct diag_part){ (const char *)message + begin, message->nlmsg_len - begin };
}

struct diag_part diag_find(struct diag_part attributes, unsigned type)
{
	const struct diag_part none = { NULL, 0 };
	const char *at = attributes.at;
	size_t left = at ? attributes.size : 0;

	while (left >= sizeof(struct nlattr)) {
		struct nlattr a;

		memcpy(&a, at, sizeof(a));
		if (a.nla_len < NLA_HDRLEN || a.nla_len > left)
			return none;
		if ((a.nla_type & NLA_TYPE_MASK) == type)
			return (struct diag_part){ at + NLA_HDRLEN, a.nla_len - NLA_HDRLEN };
		if ((size_t)NLA_ALIGN(a.nla_len) >= left)
			return none;
		at += NLA_ALIGN(a.nla_len);
		left -= NLA_ALIGN(a.nla_len);
	}
	return none;
}

ssize_t diag_attribute(const struct nlmsghdr *message, size_t fixed_size, unsigned type,
		       void *ret_value, size_t size)
{
	const struct diag_part found = diag_find(diag_rest(message, fixed_size), type);
	const size_t n = found.size < size ? found.size : size;

	if (!found.at)
		return -ENOENT;
	memset(ret_value, 0, size);
	memcpy(ret_value, found.at, n);
	return (ssize_t)n;
}

static int read_message(const struct nlmsghdr *message, struct dump *dump)
{
	const struct nlmsgerr *failure;
	int done;

	switch (message->nlmsg_type) {
	case NLMSG_DONE:
		if (message->nlmsg_len < NLMSG_LENGTH(sizeof(done)))
			return -EPROTO;
		memcpy(&done, NLMSG_DATA(message), sizeof(done));
		return done < 0 ? done : DUMP_IS_DONE;
	case NLMSG_ERROR:
		failure = NLMSG_DATA(message);
		if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*failure)) || failure->error >= 0)
			return -EPROTO;
		return failure->error;
	case SOCK_DIAG_BY_FAMILY:
		dump->stopped = dump->visit(message, dump->arg);
		return dump->stopped ? DUMP_IS_DONE : 0;
	default: return 0;
	}
}

/* Returns DUMP_IS_DONE, 0 where more will come, or -errno: what ends the dump early. */
static int read_answer(int fd, struct dump *dump)
{
	_Alignas(struct nlmsghdr) char answer[ANSWER_MAX];
	struct sockaddr_nl from = { 0 };
	socklen_t from_size = sizeof(from);
	ssize_t got = recvfrom(fd, answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC,
			       (struct sockaddr *)&from, &from_size);
	const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
	unsigned left;
	int r = 0;

	if (got < 0)
		return -errno;
	if ((size_t)got > sizeof(answer))
		return -EPROTO;
	if (from.nl_pid != 0) /* not from the kernel */
		return 0;

	left = (unsigned)got;
	for (; !r && NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
		r = read_message(message, dump);
	return r;
}

int diag_dump(const struct nlmsghdr *request, diag_visit *visit, void *arg)
{
	own_fd fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	struct dump dump = { .visit = visit, .arg = arg };
	int r = 0;

	if (fd < 0)
		return -errno;
	if (send(fd, request, request->nlmsg_len, 0) < 0)
		return -errno;
	while (!r)
		r = read_answer(fd, &dump);
	return r == DUMP_IS_DONE ? dump.stopped : r;
}
