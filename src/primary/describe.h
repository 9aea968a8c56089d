/*
 * What the primary is doing, as JSON documents: each is one of the API's description.
 */
#ifndef BERTH_PRIMARY_DESCRIBE_H
#define BERTH_PRIMARY_DESCRIBE_H

#include <jansson.h>

#include "core/events.h"
#include "primary/drain.h"
#include "primary/drain_order.h"
#include "primary/fleet.h"
#include "primary/reload.h"
#include "primary/upgrade.h"

struct described {
	const struct fleet *fleet;
	const struct reload *reload;
	const struct upgrade *upgrade;
	const struct drain *drain;
	const struct drain_order *drain_order;
	pid_t keeper;
	int64_t wall_ms; /* the wall clock when clock_ms() was 0: one for all, so that none jitters */
};

/* All: NULL without memory. Primary's thread only. None blocks. */

/* The app, its workers and its ports: "App"; and the list of all apps, which has one. */
json_t *describe_app(const struct described *d);
json_t *describe_apps(const struct described *d);

json_t *describe_workers(const struct described *d);
json_t *describe_generations(const struct described *d);

/* The last reload, with its last steps: "Reload". The last upgrade: "Upgrade". */
json_t *describe_reload(const struct described *d);
json_t *describe_upgrade(const struct described *d);

/* The last `berth drain`: "Drain". */
json_t *describe_drain(const struct described *d);

/* All of these, and what waits, in one form. */
json_t *describe_operations(const struct described *d);

json_t *describe_event(const struct event *event);

/* --- in describe_ports.c --- */

json_t *describe_ports(const struct described *d);

/* With the depth of their queues, as far as that's known. */
json_t *describe_berths(const struct described *d);

/* Of the workers that drain, as the last look found them. */
json_t *describe_connections(const struct described *d);

/* The same ports, without the object around them. */
json_t *describe_ports_array(const struct described *d);

#endif
