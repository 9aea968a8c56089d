/*
 * Ports that nobody serves and nobody asked to keep: a worker bound one and
 * never listened, or has closed it for good. After a while they are given up,
 * so that others can have them, and so that a program that binds one port after
 * the other does not use up the table. What --listen names stays.
 */
#ifndef BERTH_PRIMARY_IDLE_PORTS_H
#define BERTH_PRIMARY_IDLE_PORTS_H

#include "primary/ports.h"

#define PORT_IDLE_MS 30000

struct idle_ports;

/* 0 or -ENOMEM. Primary's thread only, as all of these; none blocks. */
int idle_ports_new(struct ports *p, struct idle_ports **ret_idle);

/* Takes NULL. The memory goes when the loop has closed the timer. */
struct idle_ports *idle_ports_free(struct idle_ports *i);

/* A port has no berth, or none any more: look again when its time is over. */
void idle_ports_note(struct port *port);

/* The table is full: gives up all idle ports now. Returns whether there was one. */
bool idle_ports_release_all(struct ports *p);

#endif
