/*
 * Who holds an address, in one sentence. See holder.h.
 */
#include "primary/holder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "core/advice.h"
#include "os/procfs.h"
#include "os/sock_diag.h"
#include "primary/holder_search.h"
#include "primary/kin.h"

#define MS_PER_S 1000

#define KIN_TEXT_MAX     (APP_NAME_MAX + 64)
#define PROCESS_TEXT_MAX (4 * PROCFS_COMM_MAX + PROCFS_USER_MAX + KIN_TEXT_MAX + 64)

/* The sockets that can be at fault, the worst of them first. */
static int search(const struct addr *wanted, struct holder_search *s)
{
	struct socket_wish wish = holder_wish(wanted);
	int err;

	holder_search_init(&wish, s);
	err = holder_search_run(s, wanted->protocol, SOCK_DIAG_LISTENING | SOCK_DIAG_BOUND);
	/* Connections hold a port only where nobody listens; there may be very many of them. */
	if (!err && s->count.n_blocks == 0 && wanted->family != AF_UNIX)
		err = holder_search_run(s, wanted->protocol, SOCK_DIAG_CONNECTIONS);
	if (err)
		holder_search_done(s);
	else
		holder_search_sort(s);
	return err;
}

struct finding {
	struct procfs_details details;
	bool is_found;
	bool is_berth;
	bool is_left_over; /* a worker whose keeper and primary have died */
};

/* The first process that has it open; but of a port that berth shares, berth itself. */
static int keep_details(const struct procfs_hit *hit, void *arg)
{
	struct finding *f = arg;
	struct procfs_details details;
	int err = procfs_read_details(hit->proc_fd, &details);
	bool is_berth;

	if (err)
		return err == -ESRCH ? 0 : err;
	is_berth = kin_is_berth(details.process.comm);
	/* Of its two, whoever is to be ended: the primary has others open, too. */
	if (!f->is_found || (is_berth && (!f->is_berth || kin_is_keeper(details.process.comm)))) {
		f->details = details;
		f->is_berth = is_berth;
	}
	f->is_found = true;
	return 0;
}

/* ", berth app hello" and the like; "" for whoever has nothing to do with berth. */
static void say_kin(struct finding *f, char ret_text[static KIN_TEXT_MAX])
{
	struct kin_berth berth = { 0 };
	struct kin kin;

	if (kin_init(&kin) == 0) {
		kin_find(&kin, f->details.process.pid, &berth);
		kin_done(&kin);
	}
	f->is_left_over = berth.is_left_over;
	ret_text[0] = '\0';
	if (berth.is_left_over || (berth.keeper && (berth.app[0] || !f->is_berth)))
		(void)snprintf(ret_text, KIN_TEXT_MAX, ", %sberth%s%s%s",
			       berth.is_left_over ? "left over from "
			       : f->is_berth      ? ""
						  : "a worker of ",
			       berth.app[0] ? " app " : "", berth.app,
			       berth.is_left_over ? ", which died" : "");
}

/* "nginx (pid 812, user www-data)", or what can be said without knowing the process. */
static int describe_process(const struct socket_info *socket,
			    char ret_text[static PROCESS_TEXT_MAX], bool *ret_is_left_over)
{
	struct finding f = { .is_found = false };
	char user[PROCFS_USER_MAX];
	char comm[4 * PROCFS_COMM_MAX], kin[KIN_TEXT_MAX];
	size_t n_hidden = 0;
	int err = procfs_find_sockets(&socket->inode, 1, keep_details, &f, &n_hidden);

	if (f.is_found) {
		say_kin(&f, kin);
		*ret_is_left_over = f.is_left_over;
		(void)snprintf(ret_text, PROCESS_TEXT_MAX, "%s (pid %d, user %s%s)",
			       escape_text(f.details.process.comm, strlen(f.details.process.comm),
					   comm, sizeof(comm)),
			       f.details.process.pid, procfs_user_name(f.details.uid, user), kin);
		return 0;
	}
	if (err)
		return err;
	(void)snprintf(ret_text, PROCESS_TEXT_MAX, "%s of user %s%s",
		       n_hidden > 0 ? "a process" : "the kernel or a process outside of /proc",
		       procfs_user_name(socket->uid, user),
		       n_hidden > 0 ? " (only root can see which)" : "");
	return 0;
}

static int say_socket(const char *subject, const struct holder_socket *h, char *ret_text,
		      size_t size)
{
	const struct socket_info *s = &h->info;
	char process[PROCESS_TEXT_MAX];
	char local[ADDR_TEXT_MAX], peer[ADDR_TEXT_MAX];
	const char *more = "";
	bool is_left_over = false;
	int err = describe_process(s, process, &is_left_over);

	if (err)
		return err;
	(void)addr_text(&s->local, local);
	if (s->local.family == AF_UNIX) {
		(void)snprintf(ret_text, size, "%s is held by %s", subject, process);
		return 0;
	}
	if (s->state > SOCKET_BOUND) {
		(void)snprintf(ret_text, size,
			       "%s is held by %s, as its end of a connection from %s to %s",
			       subject, process, local, addr_text(&s->peer, peer));
		return 0;
	}
	if (h->verdict.relation == HOLDERS_DUAL_STACK_TAKES_US)
		more = ", which takes IPv4 too";
	else if (s->state == SOCKET_BOUND && s->local.protocol == IPPROTO_TCP)
		more = ", without listening";
	(void)snprintf(ret_text, size, "%s is held by %s on %s%s%s", subject, process, local, more,
		       is_left_over ? ": `berth why` with this port tells of all that are left, "
				      "and how to end them"
				    : "");
	return 0;
}

/* Connections that no process has any more. */
static void say_remains(const char *subject, const struct holder_search *s, char *ret_text,
			size_t size)
{
	size_t n_open = s->n_by_state[SOCKET_CONNECTED] + s->n_by_state[SOCKET_CLOSING];
	size_t n = n_open + s->n_by_state[SOCKET_TIME_WAIT];

	if (n_open == 0)
		(void)snprintf(ret_text, size,
			       "%s is held by %zu closed connection%s in TIME_WAIT, for %u s more: "
			       "their program did not set SO_REUSEADDR",
			       subject, n, n == 1 ? "" : "s",
			       (s->ends_in_ms + MS_PER_S - 1) / MS_PER_S);
	else
		(void)snprintf(ret_text, size,
			       "%s is held by %zu connection%s that the peer has not let go of "
			       "yet: their program did not set SO_REUSEADDR",
			       subject, n, n == 1 ? "" : "s");
}

static int say_file(const struct holder_search *s, char *ret_text, size_t size)
{
	const char *what = holder_file_text(s);
	char path[ADDR_TEXT_MAX];

	if (!what)
		return -ENOENT;
	(void)snprintf(ret_text, size, "%s is held by %s", addr_text(&s->wish.addr, path), what);
	return 0;
}

int holder_sentence(const struct addr *wanted, char *ret_text, size_t size)
{
	struct holder_search s;
	char subject[ADVICE_SUBJECT_MAX];
	int err = search(wanted, &s);

	if (err)
		return err;
	(void)advice_subject(wanted, subject);
	if (s.n_sockets > 0 && s.sockets[0].verdict.effect != HOLDERS_PASSES) {
		if (s.sockets[0].info.inode != 0)
			err = say_socket(subject, &s.sockets[0], ret_text, size);
		else
			say_remains(subject, &s, ret_text, size);
	} else if (wanted->family == AF_UNIX) {
		err = say_file(&s, ret_text, size);
	} else {
		err = -ENOENT;
	}
	holder_search_done(&s);
	return err;
}
