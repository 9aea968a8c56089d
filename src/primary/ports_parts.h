/*
 * What the files that the ports consist of share.
 */
#ifndef BERTH_PRIMARY_PORTS_PARTS_H
#define BERTH_PRIMARY_PORTS_PARTS_H

#include "primary/ports.h"

/* A port of ours at @a, with no socket yet. 0; -ENOMEM; -ENOBUFS when all are taken. */
int port_new(struct ports *p, const struct addr *a, struct port **ret_port);

#endif
