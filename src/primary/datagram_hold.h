/*
 * --udp-hold: the socket of a slot at a UDP port lives on when its worker dies, and
 * takes the place of the one that the next worker of the slot binds. What was in
 * its queue is there, and so are the flows.
 */
#ifndef BERTH_PRIMARY_DATAGRAM_HOLD_H
#define BERTH_PRIMARY_DATAGRAM_HOLD_H

#include "primary/ports.h"

/* Keeps the socket @fd of @b, where the user wants that; @fd stays yours. 0 or -errno. */
int datagram_hold_begin(struct ports *p, struct berth *b, int fd);

/* Lets go of it. */
void datagram_hold_end(struct ports *p, struct berth *b);

/* All that are held, for a keeper that has nothing. And what the keeper has of @b. */
void datagram_hold_store(const struct port *port);
void datagram_hold_resume(struct ports *p, struct berth *b);

/* The worker of @run has died, and another will have its slot: what is held waits for that. */
void datagram_hold_vacate(struct ports *p, uint64_t run);

/* The berth at @port that waits for a worker of @slot, or NULL. */
struct berth *datagram_hold_find(struct port *port, unsigned slot);

/* That worker is there, and has the socket: it is @owner. */
void datagram_hold_occupy(struct port *port, struct berth *b, const struct berth_owner *owner,
			  bool is_held);

/* It waits no more: the next sweep closes it. */
void datagram_hold_give_up(struct berth *b);

/*
 * Whether @b, whose socket is held, is still somebody's: its worker may have died just
 * now, or closed it.
 */
bool datagram_hold_is_served(struct berth *b);

#endif
