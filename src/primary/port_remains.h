/*
 * Ports from primary to primary: what a successor has to know of them, and how it
 * goes on with them.
 */
#ifndef BERTH_PRIMARY_PORT_REMAINS_H
#define BERTH_PRIMARY_PORT_REMAINS_H

#include "core/state.h"
#include "primary/ports.h"

/* All of these are for the primary's thread only. None blocks. */

/* How many berths there are: room that port_remains() needs. */
size_t port_remains_n_berths(const struct ports *p);

/* What a successor has to know: into @s, whose arrays have room. */
void port_remains(const struct ports *p, struct state *s);

/*
 * port_remains_resume - take the ports that a predecessor has noted
 *
 * @p: after ports_init(), with no port yet
 *
 * Their sockets come from the keeper. A port whose socket is not there had not been
 * claimed yet: it's forgotten, with the file that it may have left. Does nothing else
 * yet. Returns 0, -ENOMEM, or -EINVAL for a port of no kind that we know.
 */
int port_remains_resume(struct ports *p, const struct state *s);

/*
 * port_remains_go_on - make the kernel's tables what they should be
 *
 * Once steering is there again. What a predecessor had begun is done to its end, and
 * what it had not noted is undone.
 */
void port_remains_go_on(struct ports *p);

/* Gives a new keeper the sockets of all ports and berths. */
void port_remains_store(struct ports *p);

/* Stores the steering program and its tables, where there is one. */
void port_remains_store_steering(struct ports *p);

/* The steering program that a predecessor has stored: yours. 0 or -errno. */
int port_remains_take_steering(struct ports *p, struct steer **ret_steer);

#endif
