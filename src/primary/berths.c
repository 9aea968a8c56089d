/*
 * A berth is a seat in the table of its port, a socket in the map of the program,
 * and our copy of that socket: opened in this order of need, closed in the reverse.
 */
#include "primary/berths.h"

#include <string.h>

#include "base/own.h"
#include "core/seats.h"
#include "os/fault.h"
#include "os/peek.h"
#include "primary/anchor.h"
#include "primary/datagram_hold.h"
#include "primary/datagrams.h"
#include "primary/idle_ports.h"
#include "primary/leaving.h"

static struct berth **find(struct port *port, uint64_t cookie)
{
	struct berth **at = &port->berths;

	while (*at && (*at)->cookie != cookie)
		at = &(*at)->next;
	return at;
}

/* Nobody is sent to *@at any more; what was on its way arrives before our copy closes. */
static void retire(struct port *port, struct berth **at)
{
	struct ports *p = port->ports;
	struct berth *b = *at;

	*at = b->next;
	(void)seats_remove(steer_port(p->steer, port->id), b->index);
	if (steer_port(p->steer, port->id)->canary == b->index + 1)
		steer_port(p->steer, port->id)->canary = 0; /* the index may become another's */
	fault_point("berths_leave_seat");
	if (b->is_udp) {
		datagrams_close(port, b);
		datagram_hold_end(p, b);
	}
	if (steer_socket_cookie(p->steer, b->index) == b->cookie)
		(void)steer_clear_socket(p->steer, b->index);
	if (b->is_copied)
		leaving_add_berth(p->leaving, b->index);
	else
		berth_indices_give_back(p->indices, b->index);
	steer_hide_berth(p->steer, b->index);
	free(b);
	keep_save(p->keep);
	if (!port->berths)
		idle_ports_note(port);
}

static int seat(struct port *port, struct berth *b)
{
	struct ports *p = port->ports;

	if (!seats_add(steer_port(p->steer, port->id), ports_next_opening(p), b->index))
		return -ENOBUFS;
	fault_point("berths_take_seat");
	return 0;
}

int berth_put(struct ports *p, const struct berth *b, int fd)
{
	const struct steer_place place = {
		.berth = b->index,
		.cookie = b->cookie,
		.slot = b->owner.slot,
		.weight = app_weight(p->config, b->owner.slot),
	};

	return steer_begin_berth(p->steer, &place, fd);
}

/* Puts @b behind its index in the maps, and gives it a seat. */
static int put_in_maps(struct port *port, struct berth *b, int fd)
{
	struct ports *p = port->ports;
	int r = berth_put(p, b, fd);

	if (r < 0)
		return r;
	if (!b->is_held)
		r = seat(port, b);
	if (r < 0)
		(void)steer_clear_socket(p->steer, b->index);
	return r;
}

/* The keeper's copy is the only one: while there's no primary, it is one copy, too. */
static int copy(struct ports *p, struct berth *b, int fd)
{
	/* Datagrams have no handshake, and a socket with a copy would live on without its worker. */
	if (b->is_udp || !steer_sees_queues(p->steer))
		return 0;
	b->is_copied = true;
	return keep_store(p->keep, fd, "berth/%u", (unsigned)b->index);
}

static int add(struct port *port, int fd, const struct sock_facts *facts,
	       const struct berth_owner *owner, bool is_held)
{
	struct ports *p = port->ports;
	struct berth *b = calloc(1, sizeof(*b));
	int r = 0;

	if (!b)
		return -ENOMEM;
	b->cookie = facts->cookie;
	b->inode = facts->inode;
	b->owner = *owner;
	b->is_held = is_held;
	b->is_udp = port_is_udp(port);
	b->index = berth_indices_take(p->indices);
	if (b->index == BERTH_INDEX_NONE)
		r = -ENOBUFS;
	if (r == 0)
		r = steer_show_berth(p->steer, b->index);
	if (r == 0) {
		r = b->is_udp ? datagrams_open(port, b, fd) : copy(p, b, fd);
		if (r < 0)
			steer_hide_berth(p->steer, b->index);
	}
	if (r < 0) {
		if (b->index != BERTH_INDEX_NONE)
			berth_indices_give_back(p->indices, b->index);
		free(b);
		return r;
	}
	b->next = port->berths;
	port->berths = b;
	keep_save(p->keep);
	r = put_in_maps(port, b, fd);
	if (r < 0)
		retire(port, &port->berths);
	return r;
}

int berths_open(struct port *port, int fd, const struct sock_facts *facts,
		const struct berth_owner *owner, bool is_held)
{
	int r;

	(void)berths_sweep(port);
	if (*find(port, facts->cookie))
		return 0;
	r = add(port, fd, facts, owner, is_held);
	if (r == 0 && !is_held && port->fd >= 0)
		anchor_hand_on(port);
	return r;
}

static bool admit_at(struct port *port, uint64_t run)
{
	bool is_news = false;

	for (struct berth *b = port->berths; b; b = b->next) {
		if (b->owner.run != run || !b->is_held)
			continue;
		b->is_held = false;
		keep_save(port->ports->keep);
		if (b->is_udp)
			datagrams_hold(port, b);
		if (seat(port, b) == 0) {
			is_news = true;
			continue;
		}
		b->is_held = true; /* whoever leaves for it makes room: it's admitted again then */
		keep_save(port->ports->keep);
	}
	return is_news;
}

void berths_admit(struct ports *p, uint64_t run)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		struct port *port = p->at[i];

		if (port && port->kind == PORT_STEERED && admit_at(port, run) && port->fd >= 0)
			anchor_hand_on(port);
	}
}

static void hold_at(struct port *port, uint64_t run)
{
	for (struct berth *b = port->berths; b; b = b->next) {
		if (b->owner.run != run || b->is_held)
			continue;
		b->is_held = true;
		keep_save(port->ports->keep);
		(void)seats_remove(steer_port(port->ports->steer, port->id), b->index);
		fault_point("berths_hold");
		if (b->is_udp)
			datagrams_hold(port, b);
	}
}

void berths_hold(struct ports *p, uint64_t run)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i] && p->at[i]->kind == PORT_STEERED)
			hold_at(p->at[i], run);
}

int berth_borrow(struct berth *b, int *ret_fd)
{
	if (owner_open_socket(&b->owner, b->cookie, ret_fd) == 0)
		return 0;
	/* The worker may have moved the socket to another number. */
	if (peek_find_socket(b->owner.process, b->inode, &b->owner.fd) < 0)
		return -ESRCH;
	return owner_open_socket(&b->owner, b->cookie, ret_fd);
}

/*
 * Who is asked is the worker: a copy on its way to the keeper counts twice for a moment,
 * and a program that has closed its socket must not be told that it has it.
 */
bool berths_has_worker(struct port *port, uint64_t run)
{
	(void)berths_sweep(port);
	for (struct berth *b = port->berths; b; b = b->next) {
		own_fd fd = NO_FD;

		if (b->owner.run == run && berth_borrow(b, &fd) == 0)
			return true;
	}
	return false;
}

/*
 * Whether a socket still listens behind the index, and somebody but us has it. When one
 * has it that is the keeper, or a worker whose keeper has died: that one gets a copy again.
 */
static bool is_served(const struct port *port, struct berth *b)
{
	const struct steer *steer = port->ports->steer;
	own_fd fd = NO_FD;

	if (steer_socket_cookie(steer, b->index) != b->cookie)
		return false;
	if (b->is_udp && b->hold_fd >= 0)
		return datagram_hold_is_served(b);
	if (!b->is_copied || steer_n_holders(steer, b->index) != 1)
		return true;
	if (berth_borrow(b, &fd) < 0)
		return false;
	(void)copy(port->ports, b, fd);
	return true;
}

size_t berths_sweep(struct port *port)
{
	struct berth **at = &port->berths;
	size_t n = 0;

	if (port->kind != PORT_STEERED)
		return 0;
	while (*at) {
		if (!is_served(port, *at)) {
			retire(port, at);
			continue;
		}
		at = &(*at)->next;
		n++;
	}
	seats_compact(steer_port(port->ports->steer, port->id));
	fault_point("berths_sweep");
	return n;
}

void berths_sweep_all(struct ports *p)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i])
			(void)berths_sweep(p->at[i]);
}

void berths_set_canary(struct ports *p, uint64_t run, uint32_t share)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		if (!p->at[i] || p->at[i]->kind != PORT_STEERED)
			continue;
		for (const struct berth *b = p->at[i]->berths; b; b = b->next) {
			if (b->owner.run != run)
				continue;
			steer_port(p->steer, i)->share = share;
			steer_port(p->steer, i)->canary = b->index + 1;
		}
	}
}

static int lead(struct steer_port *table, uint32_t berth, uint16_t source)
{
	for (unsigned i = 0; i < STEER_PROBES_MAX; i++) {
		struct steer_probe *at = &table->probes[i];

		if (at->source)
			continue;
		at->berth = berth;
		__atomic_store_n(&at->source, source, __ATOMIC_RELEASE);
		table->n_probes++;
		return 0;
	}
	return -EAGAIN;
}

int berths_lead_probe(struct ports *p, uint64_t run, uint16_t source, uint16_t port)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < PORT_TABLE_MAX; i++) {
		const struct port *at = p->at[i];

		if (!at || at->kind != PORT_STEERED || port_is_udp(at) ||
		    port_addr(at)->port != port)
			continue;
		for (const struct berth *b = at->berths; r == 0 && b; b = b->next)
			if (b->owner.run == run)
				r = lead(steer_port(p->steer, i), b->index, source);
	}
	return r;
}

static void forget_probe(struct steer_port *table, uint16_t source)
{
	for (unsigned i = 0; i < STEER_PROBES_MAX; i++) {
		if (!source || table->probes[i].source != source)
			continue;
		table->probes[i].source = 0;
		table->n_probes--;
	}
}

void berths_forget_probe(struct ports *p, uint16_t source)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i] && p->at[i]->kind == PORT_STEERED)
			forget_probe(steer_port(p->steer, i), source);
}

void berths_clear_canary(struct ports *p)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i] && p->at[i]->kind == PORT_STEERED)
			steer_port(p->steer, i)->canary = 0;
}

static void hand_on_at(struct port *port, uint64_t run)
{
	for (struct berth *b = port->berths; b; b = b->next) {
		own_fd fd = NO_FD;

		if (b->owner.run == run && berth_borrow(b, &fd) == 0)
			sock_stop_listening(fd);
	}
}

void berths_hand_on(struct ports *p, uint64_t run)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i] && p->at[i]->kind == PORT_STEERED)
			hand_on_at(p->at[i], run);
}

static void close_worker_at(struct port *port, uint64_t run)
{
	struct berth **at = &port->berths;

	while (*at) {
		if ((*at)->owner.run == run)
			retire(port, at);
		else
			at = &(*at)->next;
	}
}

void berths_close_worker(struct ports *p, uint64_t run)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (p->at[i] && p->at[i]->kind == PORT_STEERED)
			close_worker_at(p->at[i], run);
}

void berth_store(struct ports *p, struct berth *b)
{
	own_fd fd = NO_FD;

	if (!b->is_udp && steer_sees_queues(p->steer) && berth_borrow(b, &fd) == 0)
		(void)copy(p, b, fd);
}

void berths_store(struct port *port)
{
	if (port->kind != PORT_STEERED)
		return;
	datagram_hold_store(port);
	for (struct berth *b = port->berths; b; b = b->next)
		berth_store(port->ports, b);
}

void berths_free(struct port *port)
{
	while (port->berths) {
		struct berth *b = port->berths;

		port->berths = b->next;
		berth_indices_give_back(port->ports->indices, b->index);
		if (port->ports->steer)
			steer_hide_berth(port->ports->steer, b->index);
		if (b->is_copied)
			keep_drop(port->ports->keep, "berth/%u", (unsigned)b->index);
		if (b->is_udp && port->ports->datagrams)
			datagrams_close(port, b);
		datagram_hold_end(port->ports, b);
		free(b);
	}
}
