/*
 * Ports as records, and back.
 */
#include "primary/port_remains.h"

#include <string.h>

#include "base/own.h"
#include "core/seats.h"
#include "os/fault.h"
#include "primary/anchor.h"
#include "primary/berths.h"
#include "primary/datagram_hold.h"
#include "primary/datagrams.h"
#include "primary/idle_ports.h"

size_t port_remains_n_berths(const struct ports *p)
{
	size_t n = 0;

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		for (const struct berth *b = p->at[i] ? p->at[i]->berths : NULL; b; b = b->next)
			n++;
	return n;
}

static struct state_owner owner_out(const struct berth_owner *o)
{
	return (struct state_owner){
		.run = o->run,
		.slot = o->slot,
		.process = o->process,
		.thread = o->thread,
		.fd = o->fd,
	};
}

static struct berth_owner owner_in(const struct state_owner *o)
{
	return (struct berth_owner){
		.run = o->run,
		.slot = o->slot,
		.process = o->process,
		.thread = o->thread,
		.fd = o->fd,
	};
}

static void identity_out(const struct peek_identity *who, struct state_identity *ret)
{
	ret->uid = who->uid;
	ret->gid = who->gid;
	ret->umask = who->umask;
	ret->n_groups = (uint32_t)who->n_groups;
	for (size_t i = 0; i < who->n_groups; i++)
		ret->groups[i] = who->groups[i];
}

static void identity_in(const struct state_identity *who, struct peek_identity *ret)
{
	ret->uid = who->uid;
	ret->gid = who->gid;
	ret->umask = who->umask;
	ret->n_groups = who->n_groups < PROC_GROUPS_MAX ? who->n_groups : PROC_GROUPS_MAX;
	for (size_t i = 0; i < ret->n_groups; i++)
		ret->groups[i] = who->groups[i];
}

static void port_out(const struct port *port, struct state_port *ret)
{
	*ret = (struct state_port){
		.pending_cookie = port->pending_cookie,
		.like_cookie = port->like.cookie,
		.like_inode = port->like.inode,
		.path_device = port->path.device,
		.path_inode = port->path.inode,
		.idle_since_ms = port->idle_since_ms,
		.pending = owner_out(&port->pending),
		.id = port->id,
		.kind = port->kind,
		.anchor = port->anchor,
		.any_port = port->any_port,
		.like_uid = port->like.uid,
		.addr = *port_addr(port),
	};
	ret->flags |= port->is_named ? STATE_PORT_NAMED : 0;
	ret->flags |= port->like.has_freebind ? STATE_PORT_FREEBIND : 0;
	if (port->path.has_owner) {
		ret->flags |= STATE_PORT_HAS_OWNER;
		identity_out(&port->path.owner, &ret->path_owner);
	}
}

void port_remains(const struct ports *p, struct state *s)
{
	s->app.n_openings = p->n_openings;
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		const struct port *port = p->at[i];

		if (!port)
			continue;
		port_out(port, &s->ports[s->n_ports++]);
		for (const struct berth *b = port->berths; b; b = b->next)
			s->berths[s->n_berths++] = (struct state_berth){
				.cookie = b->cookie,
				.inode = b->inode,
				.owner = owner_out(&b->owner),
				.port = port->id,
				.index = b->index,
				.flags = b->is_held ? STATE_BERTH_HELD : 0,
			};
	}
}

/* --- and back --- */

static int resume_path(struct port *port, const struct state_port *s)
{
	const struct unix_path_mark mark = {
		.device = s->path_device,
		.inode = s->path_inode,
		.origin = port->ports->origin,
	};
	struct peek_identity owner;
	int r = unix_path_resume(&port->path, port_addr(port), &mark);

	if (r == 0 && s->flags & STATE_PORT_HAS_OWNER) {
		identity_in(&s->path_owner, &owner);
		unix_path_set_owner(&port->path, &owner);
	}
	return r;
}

static void resume_like(struct port *port, const struct state_port *s)
{
	if (port->fd >= 0)
		(void)sock_facts(port->fd, &port->like);
	port->like.cookie = s->like_cookie;
	port->like.inode = s->like_inode;
	port->like.uid = s->like_uid;
	port->like.has_freebind = s->flags & STATE_PORT_FREEBIND;
}

static int resume_port(struct ports *p, const struct state_port *s, bool is_stopping)
{
	struct port *port;
	int r = s->kind > PORT_PENDING ? -EINVAL : port_resume(p, &s->addr, s->id, &port);

	if (r < 0)
		return r;
	port->kind = (enum port_kind)s->kind;
	port->is_named = s->flags & STATE_PORT_NAMED;
	port->idle_since_ms = s->idle_since_ms;
	port->anchor = s->anchor;
	port->any_port = s->any_port;
	port->pending = owner_in(&s->pending);
	port->pending_cookie = s->pending_cookie;
	resume_like(port, s);
	if (port->kind == PORT_STEERED)
		berth_indices_note(p->indices, port->anchor);
	/* Those who stop let go of their anchors, and of no berth. */
	if (port->fd < 0 && port->kind != PORT_PENDING &&
	    !(is_stopping && port->kind == PORT_STEERED)) {
		if (s->addr.family == AF_UNIX)
			(void)unix_path_remove_stale(&s->addr);
		port->is_unclaimed = true;
		return 0;
	}
	return port->kind == PORT_SHARED ? resume_path(port, s) : 0;
}

static int resume_berth(struct ports *p, const struct state_berth *s)
{
	struct port *port = p->at[s->port];
	struct berth *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->index = s->index;
	b->cookie = s->cookie;
	b->inode = s->inode;
	b->owner = owner_in(&s->owner);
	b->is_held = s->flags & STATE_BERTH_HELD;
	b->is_udp = port_is_udp(port);
	if (b->is_udp)
		datagram_hold_resume(p, b);
	b->next = port->berths;
	port->berths = b;
	berth_indices_note(p->indices, b->index);
	return 0;
}

int port_remains_resume(struct ports *p, const struct state *s)
{
	int r = 0;

	p->n_openings = s->app.n_openings;
	for (size_t i = 0; r == 0 && i < s->n_ports; i++)
		r = resume_port(p, &s->ports[i], s->app.flags & STATE_APP_STOPPING);
	for (size_t i = 0; r == 0 && i < s->n_berths; i++)
		r = resume_berth(p, &s->berths[i]);
	return r;
}

/* --- what the kernel has --- */

/* Which berths the keeper has a copy of; and what the program was about to be given. */
static void note_copies(struct port *port)
{
	for (struct berth *b = port->berths; b; b = b->next) {
		const struct steer *steer = port->ports->steer;
		own_fd fd = NO_FD;

		if (keep_leave(port->ports->keep, "berth/%u", (unsigned)b->index))
			b->is_copied = true;
		else if (!b->is_copied)
			berth_store(port->ports, b); /* it died with a keeper */
		/* One whose worker has ended meanwhile never got a client. */
		if (steer_socket_cookie(steer, b->index) != b->cookie &&
		    (b->is_copied || b->is_udp) && berth_borrow(b, &fd) == 0)
			(void)berth_put(port->ports, b, fd);
	}
}

static bool should_sit(const struct port *port, uint32_t index)
{
	for (const struct berth *b = port->berths; b; b = b->next)
		if (b->index == index)
			return !b->is_held;
	return false;
}

/* Seats that nobody has noted go, and berths that should have one get it. */
static void mend_seats(struct port *port)
{
	struct ports *p = port->ports;
	struct steer_port *table = steer_port(p->steer, port->id);

	seats_compact(table);
	fault_point("port_remains_compact");
	for (uint32_t i = 0; i < table->n_seats && i < STEER_SEATS_MAX;) {
		uint32_t index = STEER_SEAT_BERTH(table->seats[i]);

		if (should_sit(port, index)) {
			i++;
			continue;
		}
		(void)seats_remove(table, index);
		fault_point("port_remains_leave_seat");
	}
	for (const struct berth *b = port->berths; b; b = b->next) {
		if (b->is_held || seats_has(table, b->index))
			continue;
		(void)seats_add(table, ports_next_opening(p), b->index);
		fault_point("port_remains_take_seat");
	}
}

static void go_on_steered(struct port *port)
{
	const struct steer *steer = port->ports->steer;

	struct steer_port *table = steer_port(port->ports->steer, port->id);

	table->policy = ports_policy(port);
	table->n_probes = 0;
	memset(table->probes, 0, sizeof(table->probes));
	table->anchor = port->anchor;
	(void)steer_set_key(steer, port_addr(port), port->id);
	if (port->fd >= 0) {
		(void)steer_set_anchor(steer, port->anchor, port->fd);
		(void)(port_is_udp(port) ? datagrams_attach(port) : steer_attach(steer, port->fd));
	}
	if (port_is_udp(port))
		datagrams_mend(port);
	note_copies(port);
	mend_seats(port);
	(void)berths_sweep(port);
	if (table->n_seats && port->fd >= 0)
		anchor_hand_on(port);
}

static void go_on(struct port *port)
{
	/* A claim that was not ended: what held the port for it is still there. */
	if (port->kind == PORT_STEERED || port->kind == PORT_SHARED)
		port_replace_held(port);
	switch (port->kind) {
	case PORT_STEERED: go_on_steered(port); break;
	case PORT_SHARED:
		if (port_addr(port)->family != AF_UNIX)
			(void)anchor_watch_start(port);
		break;
	case PORT_HELD:
		if (port_addr(port)->family == AF_UNSPEC)
			(void)sock_tighten(port->fd);
		break;
	case PORT_PENDING: break;
	}
	if (!port->berths)
		idle_ports_note(port);
}

void port_remains_go_on(struct ports *p)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		struct port *port = p->at[i];

		if (port && !port->is_unclaimed)
			go_on(port);
	}
}

void port_remains_store(struct ports *p)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		struct port *port = p->at[i];

		if (port && port->fd >= 0)
			(void)port_store(port);
		if (port)
			berths_store(port);
	}
}

/* --- the steering program --- */

void port_remains_store_steering(struct ports *p)
{
	const struct steer_fds *fds;

	if (!p->steer)
		return;
	fds = steer_fds(p->steer);
	(void)keep_store(p->keep, fds->program, "steer/program");
	(void)keep_store(p->keep, fds->sockets, "steer/sockets");
	(void)keep_store(p->keep, fds->keys, "steer/keys");
	(void)keep_store(p->keep, fds->ports, "steer/ports");
	(void)keep_store(p->keep, fds->berths, "steer/berths");
	(void)keep_store(p->keep, fds->news, "steer/news");
	if (fds->holders >= 0)
		(void)keep_store(p->keep, fds->holders, "steer/holders");
	(void)keep_store(p->keep, fds->marks, "steer/marks");
	(void)keep_store(p->keep, fds->listeners, "steer/listeners");
	(void)keep_store(p->keep, fds->moved, "steer/moved");
	if (fds->counting >= 0)
		(void)keep_store(p->keep, fds->counting, "steer/counting");
	datagrams_store(p);
}

/* What the ports that we have resumed say to the program, and it to them. */
static int show_tables(const struct ports *p, struct steer *steer)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < PORT_TABLE_MAX; i++) {
		const struct port *port = p->at[i];

		if (!port || port->kind != PORT_STEERED)
			continue;
		r = steer_show_port(steer, port->id);
		for (const struct berth *b = port->berths; r == 0 && b; b = b->next)
			r = steer_show_berth(steer, b->index);
	}
	return r;
}

int port_remains_take_steering(struct ports *p, struct steer **ret_steer)
{
	struct steer_fds fds = {
		.program = keep_take(p->keep, "steer/program"),
		.sockets = keep_take(p->keep, "steer/sockets"),
		.keys = keep_take(p->keep, "steer/keys"),
		.ports = keep_take(p->keep, "steer/ports"),
		.berths = keep_take(p->keep, "steer/berths"),
		.news = keep_take(p->keep, "steer/news"),
		.holders = keep_take(p->keep, "steer/holders"),
		.marks = keep_take(p->keep, "steer/marks"),
		.listeners = keep_take(p->keep, "steer/listeners"),
		.moved = keep_take(p->keep, "steer/moved"),
		.counting = keep_take(p->keep, "steer/counting"),
	};

	struct steer *steer = NULL;
	int r = steer_resume(&fds, &steer);

	if (r == 0)
		r = show_tables(p, steer);
	if (r == 0)
		r = datagrams_resume(p);
	if (r < 0) {
		(void)steer_free(steer);
		return r;
	}
	*ret_steer = steer;
	return 0;
}
