/*
 * Counts live connections anew while there is traffic, and mends the counters of
 * berths that have drifted from what there is.
 */
#ifndef BERTH_PRIMARY_AUDIT_H
#define BERTH_PRIMARY_AUDIT_H

#include "primary/ports.h"

struct audit;

int audit_new(struct ports *p, struct audit **ret_audit);

/* Takes NULL. Returns NULL. */
struct audit *audit_free(struct audit *a);

/*
 * audit_look - call it now and then while there's traffic
 *
 * Does nothing if the last count is not long ago, or if nothing is counted. The count
 * itself is made in another thread.
 */
void audit_look(struct audit *a);

#endif
