/*
 * From a trapped call to its answer: what the worker asks is read once, judged,
 * done, and answered at one place.
 */
#include "primary/broker.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/own.h"
#include "core/port_table.h"
#include "os/clock.h"
#include "os/fault.h"
#include "os/notif.h"
#include "os/peek.h"
#include "primary/berths.h"
#include "primary/broker_parts.h"
#include "primary/complaint.h"
#include "primary/datagram_bind.h"
#include "primary/shared_port.h"
#include "primary/unix_port.h"

#define STARTING_MS  1000 /* after a worker is ready: it may have several ports */
#define SOCKADDR_MAX ((uint64_t)sizeof(struct sockaddr_storage))

/*
 * What becomes of the call. PASS is the kernel's own answer to it, and so the
 * right one to everything that isn't berth's, wrong calls included.
 */
enum outcome {
	PASS,
	ANSWER, /* with the result */
	SENT,   /* it was answered on the way */
};

static enum outcome answer(int *result, int value)
{
	*result = value;
	return ANSWER;
}

/* What is short in the primary, and no answer that the kernel would give. */
static bool is_shortage(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

/*
 * Takes our own descriptor of the worker's. ANSWER with 0 in @result: go on; else
 * it is what the call gets.
 */
static enum outcome take_socket(struct trap *t, int *result)
{
	int r = peek_fd(t->call.tid, (int)t->call.args[0], &t->fd);

	if (is_shortage(r))
		return answer(result, r);
	if (r == -EPERM)
		complain_opaque(t->broker, t->client, t->call.tid);
	if (r < 0 || sock_facts(t->fd, &t->facts) < 0)
		return PASS;
	/* The number of a dead thread may be another's by now: then all that was read is wrong. */
	if (notif_still_waits(t->client->notify_fd, t->call.id) < 0)
		return PASS;
	return answer(result, 0);
}

/* Reads the address of a bind; false if the kernel should answer instead. */
static bool read_address(struct trap *t)
{
	char bytes[SOCKADDR_MAX];
	uint64_t size = (uint32_t)t->call.args[2];

	if (size == 0 || size > SOCKADDR_MAX)
		return false;
	if (peek_memory(t->call.tid, t->call.args[1], bytes, size) < 0)
		return false;
	if (addr_from_sockaddr(bytes, size, &t->addr) != ADDR_OK)
		return false;
	return t->addr.family == AF_UNIX ? t->addr.unix_len > 0 : t->addr.port != 0;
}

static bool is_bound(const struct trap *t, struct addr *ret_bound)
{
	if (sock_bound_to(t->fd, &t->facts, ret_bound) < 0)
		return false; /* a Unix socket without a path */
	return ret_bound->family == AF_UNIX ? ret_bound->unix_len > 0 : ret_bound->port != 0;
}

int broker_make_ours(const struct trap *t, const struct port *port)
{
	if (t->facts.uid == port->like.uid)
		return 0;
	if (fchown(t->fd, port->like.uid, (gid_t)-1) < 0)
		return -errno;
	fault_point("broker_make_ours");
	return 0;
}

void broker_make_theirs(const struct trap *t, const struct port *port)
{
	if (t->facts.uid != port->like.uid)
		(void)!fchown(t->fd, t->facts.uid, (gid_t)-1);
	fault_point("broker_make_theirs");
}

/*
 * The worker's own socket becomes a member of the port's group. A program that
 * didn't ask for SO_REUSEPORT may still have an address only once.
 */
static int bind_member(const struct trap *t, struct port *port)
{
	struct sock_sharing before;
	int r;

	sock_sharing(t->fd, &before);
	if (!before.reuse_port && berths_has_worker(port, t->client->run))
		return -EADDRINUSE;
	r = broker_make_ours(t, port);
	if (r == 0)
		r = sock_make_sharable(t->fd);
	if (r == 0)
		r = sock_bind(t->fd, &t->addr);
	if (r < 0) {
		sock_restore_sharing(t->fd, &before);
		broker_make_theirs(t, port);
	}
	return r;
}

int broker_put_in_place(const struct trap *t, int fd)
{
	bool cloexec = false;
	int target = (int)t->call.args[0];
	int r = peek_fd_is_cloexec(t->call.tid, target, &cloexec);

	if (r < 0)
		return r;
	if (peek_is_polled(t->call.tid, target))
		complain_polled(t->broker, t->client, &t->addr);
	r = sock_become(fd, t->fd);
	if (r < 0)
		return r;
	return notif_put_fd(t->client->notify_fd, t->call.id, fd, target, cloexec);
}

struct berth_owner broker_owner(const struct trap *t)
{
	struct berth_owner owner = {
		.slot = t->client->source.slot,
		.run = t->client->run,
		.process = t->call.tid,
		.thread = t->call.tid,
		.fd = (int)t->call.args[0],
	};

	(void)peek_process(t->call.tid, &owner.process);
	return owner;
}

static int bind_unix(const struct trap *t, const struct bind_judgement *j)
{
	struct ports *p = t->broker->ports;
	struct peek_identity identity;
	struct port *port = NULL;
	int r = peek_identity(t->call.tid, &identity);

	/* Where it stands and who it is was read since the last look: is it still the one? */
	if (r < 0 || notif_still_waits(t->client->notify_fd, t->call.id) < 0)
		return -ESRCH;
	if (j->verdict == BIND_JOIN) {
		port = p->at[j->port];
		r = sock_is_shut(port->fd) ? -ENOENT : unix_path_restore(&port->path);
		/* A worker has shut the socket for all, or removed its directory: a new one. */
		if (r == -ENOENT) {
			port_drop(port);
			port = NULL;
		}
	}
	if (!port)
		r = unix_port_claim(p, &identity, &t->addr, &t->facts, &port);
	return r < 0 ? r : broker_put_in_place(t, port->fd);
}

static int bind_steered(const struct trap *t, const struct bind_judgement *j)
{
	struct ports *p = t->broker->ports;
	struct port *port = NULL;
	int r = 0;

	if (j->verdict == BIND_JOIN)
		port = p->at[j->port];
	else
		r = ports_claim(p, &t->addr, &t->facts, j->port, &port);
	if (r < 0)
		return r;
	r = bind_member(t, port);
	if (r == 0) {
		const struct berth_owner owner = broker_owner(t);

		port_note_bound(port, &owner, t->facts.cookie);
	}
	/* What others have claimed is theirs, even if none of them listens yet. */
	if (r < 0 && j->verdict == BIND_CLAIM)
		port_release(port);
	return r;
}

static int bind_shared(const struct trap *t, const struct bind_judgement *j)
{
	const struct shared_wish wish = {
		.addr = &t->addr,
		.fd = t->fd,
		.facts = &t->facts,
		.any_port = j->verdict == BIND_CLAIM ? j->port : PORT_NONE,
		.owner = broker_owner(t),
	};
	own_fd fd = NO_FD;
	int r = shared_port_bind(t->broker->ports, &wish, &fd);

	return r < 0 || fd < 0 ? r : broker_put_in_place(t, fd);
}

static int bind_port(const struct trap *t, const struct bind_judgement *j)
{
	if (t->addr.family == AF_UNIX)
		return bind_unix(t, j);
	return t->broker->ports->steer ? bind_steered(t, j) : bind_shared(t, j);
}

static void tell_unique(const struct trap *t, uint16_t port)
{
	struct broker_client *client = t->client;

	if (client->unique_port == port)
		return;
	client->unique_port = port;
	output_say_worker(t->broker->output, &client->source, MESSAGE_INFO, "worker_unique_port",
			  "has port %u in the place of %u", port, port - client->source.slot);
}

/* Slot k gets port + k without knowing. Nobody shares it, but a predecessor's rests don't block it. */
static int bind_unique(struct trap *t, uint16_t port)
{
	struct sock_sharing before;
	struct sock_sharing now;
	int r;

	if (port == 0)
		return -EADDRNOTAVAIL;
	sock_sharing(t->fd, &before);
	now = before;
	now.reuse_addr = 1;
	sock_restore_sharing(t->fd, &now);
	t->addr.port = port;
	r = sock_bind(t->fd, &t->addr);
	if (r < 0)
		sock_restore_sharing(t->fd, &before);
	else
		tell_unique(t, port);
	return r;
}

/* A predecessor of ours had bound it, and died before it could say so. */
static bool is_our_work(const struct trap *t, const struct bind_judgement *j,
			const struct addr *bound)
{
	const struct berth_owner owner = broker_owner(t);
	struct addr wanted = t->addr;
	struct port *port;

	if (j->verdict == BIND_UNIQUE)
		wanted.port = j->unique_port;
	if (!t->is_resumed || !addr_equal(bound, &wanted))
		return false;
	port = ports_find(t->broker->ports, &wanted);
	if (port && port->kind == PORT_PENDING)
		port->like = t->facts;
	if (port && (port->kind == PORT_STEERED || port->kind == PORT_PENDING))
		port_note_bound(port, &owner, t->facts.cookie);
	return true;
}

static enum outcome on_datagram_bind(const struct trap *t, const struct bind_judgement *j,
				     int *result)
{
	struct broker *b = t->broker;
	struct port *port = NULL;
	int r = datagram_bind(t, j, &port);

	if (r == DATAGRAM_BIND_PASS)
		return PASS;
	if (r == 0)
		b->on_listening(b, t->client, port);
	return answer(result, r);
}

/* What a worker binds while it starts is to serve; UDP has no listen() that would say so. */
static bool is_starting(const struct broker_client *client)
{
	return !client->ready_at_ms || clock_ms() - client->ready_at_ms < STARTING_MS;
}

static enum outcome on_bind(struct trap *t, int *result)
{
	struct bind_wish wish = { .addr = &t->addr, .slot = t->client->source.slot };
	struct bind_judgement j;
	struct addr bound;

	if (!read_address(t) || take_socket(t, result) == PASS)
		return PASS;
	if (*result < 0)
		return ANSWER;
	/* The kernel refuses it, and knows better how than we do. */
	if (t->facts.family != t->addr.family)
		return PASS;
	if (t->addr.family == AF_UNIX && !unix_port_is_ours(t->call.tid, &t->addr))
		return PASS;
	if (t->addr.family != AF_UNIX)
		t->addr.protocol = (uint16_t)t->facts.protocol;
	if (t->facts.device)
		t->addr.device = t->facts.device;
	addr_set_v6only(&t->addr, t->facts.v6only);
	wish.type = t->facts.type;
	wish.is_starting = is_starting(t->client);
	wish.is_our_netns = t->facts.netns_cookie == t->broker->netns_cookie;
	j = port_table_judge(&t->broker->ports->table, t->broker->config, &wish);

	if (j.verdict == BIND_PASS)
		return PASS;
	if (is_bound(t, &bound) && !is_our_work(t, &j, &bound))
		return answer(result, -EINVAL);
	if (wish.type == SOCK_DGRAM && j.verdict != BIND_UNIQUE)
		return on_datagram_bind(t, &j, result);
	if (is_bound(t, &bound))
		return answer(result, 0);
	switch (j.verdict) {
	case BIND_PASS: return PASS;
	case BIND_UNIQUE: return answer(result, bind_unique(t, j.unique_port));
	case BIND_JOIN:
	case BIND_CLAIM: break;
	}
	return answer(result, bind_port(t, &j));
}

static int listen_backlog(const struct trap *t)
{
	int asked = (int)t->call.args[1];
	int least = (int)t->broker->config->backlog_min;

	/* The kernel takes a negative backlog for the largest. */
	return asked < 0 || asked > least ? asked : least;
}

static int listen_steered(const struct trap *t, struct port *port)
{
	const struct berth_owner owner = broker_owner(t);
	int r = sock_listen(t->fd, listen_backlog(t));

	if (r == 0)
		r = berths_open(port, t->fd, &t->facts, &owner, t->client->is_held);
	/* It must not listen where nobody would ever be sent. */
	if (r < 0)
		sock_stop_listening(t->fd);
	return r;
}

static enum outcome on_listen(struct trap *t, int *result)
{
	struct broker *b = t->broker;
	struct port *port;
	int r;

	if (take_socket(t, result) == PASS)
		return PASS;
	if (*result < 0)
		return ANSWER;
	if (t->facts.type != SOCK_STREAM)
		return PASS;
	if (t->facts.family != AF_UNIX && t->facts.netns_cookie != b->netns_cookie)
		return PASS;
	if (sock_bound_to(t->fd, &t->facts, &t->addr) < 0)
		return PASS;
	port = ports_find(b->ports, &t->addr);
	if (!port)
		return PASS;
	if (port->kind == PORT_STEERED)
		r = listen_steered(t, port);
	else
		r = shared_port_listen(port, t->fd, &t->facts, listen_backlog(t));
	if (r == -ENOENT)
		return PASS;
	if (r == 0)
		b->on_listening(b, t->client, port);
	return answer(result, r);
}

/* A TCP socket for whoever asks for MPTCP: steering knows only the one. */
static enum outcome on_socket(struct trap *t, int *result)
{
	const int flags = (int)t->call.args[1];
	struct peek_identity identity;
	int r;

	if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != SOCK_STREAM)
		return PASS;
	r = peek_identity(t->call.tid, &identity);
	if (r < 0 || !peek_is_our_netns(t->call.tid))
		return answer(result, -EPROTONOSUPPORT); /* such a program tries TCP next */
	t->fd = socket((int)t->call.args[0], flags | SOCK_CLOEXEC, 0);
	if (t->fd < 0)
		return answer(result, -errno);
	/* Root's sockets are not for those whom their worker has become. */
	if (identity.uid != geteuid() && fchown(t->fd, identity.uid, (gid_t)-1) < 0)
		return answer(result, -EPROTONOSUPPORT);
	r = notif_answer_fd(t->client->notify_fd, t->call.id, t->fd, (flags & SOCK_CLOEXEC) != 0);
	return r < 0 ? answer(result, r) : SENT;
}

static enum outcome decide(struct trap *t, int *result)
{
	switch (t->call.number) {
	case SYS_bind: return on_bind(t, result);
	case SYS_listen: return on_listen(t, result);
	case SYS_socket: return on_socket(t, result);
	default: return PASS;
	}
}

static enum broker_result serve(struct trap *t)
{
	struct broker_client *client = t->client;
	int result = 0;
	int r = 0;

	switch (decide(t, &result)) {
	case PASS: r = notif_pass(client->notify_fd, t->call.id); break;
	case ANSWER: r = notif_answer(client->notify_fd, t->call.id, result); break;
	case SENT: break;
	}
	notif_record_clear(t->broker->record);
	/* Before we explain: the last descriptor of a dead worker's socket must not be ours. */
	drop_fd(&t->fd);
	if (result < 0 && t->call.number != SYS_socket)
		complain(t->broker, client, -result, &t->addr);
	return r < 0 ? BROKER_NOTHING : BROKER_ANSWERED;
}

enum broker_result broker_serve(struct broker *b, struct broker_client *client)
{
	struct trap t = { .broker = b, .client = client, .fd = NO_FD };
	int r = notif_receive(client->notify_fd, b->record, client->run, &t.call);

	if (r < 0)
		return r == -ENODEV ? BROKER_DESERTED : BROKER_NOTHING;
	return serve(&t);
}

void broker_resume(struct broker *b, struct broker_client *(*find)(void *data, uint64_t run),
		   void *data)
{
	struct trap t = { .broker = b, .fd = NO_FD, .is_resumed = true };
	uint64_t run;

	if (!notif_record_find(b->record, &run, &t.call))
		return;
	t.client = find(data, run);
	if (t.client && t.client->notify_fd >= 0 &&
	    notif_still_waits(t.client->notify_fd, t.call.id) == 0)
		(void)serve(&t);
	notif_record_clear(b->record);
}
