/*
 * A held socket is a descriptor of ours, and one of the keeper's. See datagram_hold.h.
 */
#include "primary/datagram_hold.h"

#include <fcntl.h>

#include "base/own.h"
#include "core/seats.h"
#include "os/clock.h"
#include "os/fault.h"
#include "primary/berths.h"
#include "primary/datagrams.h"

#define VACANT_MAX_MS 10000 /* for so long it waits for the slot's next worker */
#define DOUBT_MAX_MS  1000  /* and so long to be told that its worker has died */

int datagram_hold_begin(struct ports *p, struct berth *b, int fd)
{
	int r;

	b->hold_fd = NO_FD;
	if (!p->config->udp_hold)
		return 0;
	b->hold_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (b->hold_fd < 0) {
		r = -errno;
		b->hold_fd = NO_FD;
		return r;
	}
	r = keep_store(p->keep, b->hold_fd, "hold/%u", (unsigned)b->index);
	if (r < 0)
		drop_fd(&b->hold_fd);
	return r;
}

void datagram_hold_end(struct ports *p, struct berth *b)
{
	if (!b->is_udp || b->hold_fd < 0)
		return;
	keep_drop(p->keep, "hold/%u", (unsigned)b->index);
	drop_fd(&b->hold_fd);
}

void datagram_hold_store(const struct port *port)
{
	for (const struct berth *b = port->berths; b; b = b->next)
		if (b->is_udp && b->hold_fd >= 0)
			(void)keep_store(port->ports->keep, b->hold_fd, "hold/%u",
					 (unsigned)b->index);
}

void datagram_hold_resume(struct ports *p, struct berth *b)
{
	b->hold_fd = keep_take(p->keep, "hold/%u", (unsigned)b->index);
	/* To take it is to have it alone: it is given back at once. */
	if (b->hold_fd >= 0)
		(void)keep_store(p->keep, b->hold_fd, "hold/%u", (unsigned)b->index);
	b->gone_at_ms = b->owner.run ? 0 : clock_ms();
}

/* Whether another berth at the port gets new flows. */
static bool has_another(const struct port *port, const struct berth *b)
{
	for (const struct berth *other = port->berths; other; other = other->next)
		if (other != b && !other->is_held && other->owner.run)
			return true;
	return false;
}

static void vacate(struct port *port, struct berth *b)
{
	struct ports *p = port->ports;

	/* Its socket is what clients go on to mean; its worker is no more. */
	datagrams_clear_ids(port, b);
	b->owner.run = 0;
	datagrams_set_ids(port, b);
	b->gone_at_ms = clock_ms();
	/* Those that it has wait, too; others need not. */
	if (has_another(port, b) && !b->is_held) {
		b->is_held = true;
		(void)seats_remove(steer_port(p->steer, port->id), b->index);
		fault_point("datagram_hold_leave_seat");
	}
	keep_save(p->keep);
}

void datagram_hold_vacate(struct ports *p, uint64_t run)
{
	for (unsigned i = 0; p->datagrams && i < PORT_TABLE_MAX; i++) {
		struct port *port = p->at[i];

		if (!port || port->kind != PORT_STEERED || !port_is_udp(port))
			continue;
		for (struct berth *b = port->berths; b; b = b->next)
			if (b->owner.run == run && b->hold_fd >= 0)
				vacate(port, b);
	}
}

struct berth *datagram_hold_find(struct port *port, unsigned slot)
{
	for (struct berth *b = port->berths; b; b = b->next)
		if (b->is_udp && b->hold_fd >= 0 && !b->owner.run && b->owner.slot == slot)
			return b;
	return NULL;
}

void datagram_hold_occupy(struct port *port, struct berth *b, const struct berth_owner *owner,
			  bool is_held)
{
	b->owner = *owner;
	b->gone_at_ms = 0;
	datagrams_set_ids(port, b);
	if (!is_held)
		berths_admit(port->ports, owner->run);
	keep_save(port->ports->keep);
}

void datagram_hold_give_up(struct berth *b)
{
	b->gone_at_ms = clock_ms() - VACANT_MAX_MS;
}

bool datagram_hold_is_served(struct berth *b)
{
	const int64_t now_ms = clock_ms();
	own_fd fd = NO_FD;

	if (!b->owner.run)
		return now_ms - b->gone_at_ms < VACANT_MAX_MS;
	if (berth_borrow(b, &fd) == 0) {
		b->gone_at_ms = 0;
		return true;
	}
	if (!b->gone_at_ms)
		b->gone_at_ms = now_ms;
	return now_ms - b->gone_at_ms < DOUBT_MAX_MS;
}
