/*
 * The anchor of a port: what it catches while no worker listens is handed on
 * as soon as one does. And the shared socket of a port, which a worker may shut
 * down under all the others: it is made to listen again.
 */
#ifndef BERTH_PRIMARY_ANCHOR_H
#define BERTH_PRIMARY_ANCHOR_H

#include "primary/ports.h"

/* All of these are for the primary's thread only. None blocks. */

/* Watches a shared socket for being shut down. 0 or -errno. */
int anchor_watch_start(struct port *port);

/* Stops watching, of either kind; must come before port->fd is closed. */
void anchor_watch_stop(struct port *port);

/* A berth was opened: what waits at the anchor, or arrives there yet, goes to the berths. */
void anchor_hand_on(struct port *port);

#endif
