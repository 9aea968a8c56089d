/*
 * What the primary is doing, as a JSON document.
 */
#ifndef BERTH_PRIMARY_DESCRIBE_H
#define BERTH_PRIMARY_DESCRIBE_H

#include <jansson.h>

#include "primary/drain.h"
#include "primary/fleet.h"
#include "primary/reload.h"
#include "primary/upgrade.h"

struct described {
	const struct fleet *fleet;
	const struct upgrade *upgrade;
	const struct drain *drain;
	pid_t keeper;
};

/* All: NULL without memory. Primary's thread only. None blocks. */

/* The app, its workers and its ports: "App" of the API's description. */
json_t *describe_app(const struct described *d);

/* The last reload, with its last steps: "Reload" of the API's description. */
json_t *describe_reload(const struct reload *r);

/* The last upgrade: "Upgrade" of the API's description. */
json_t *describe_upgrade(const struct upgrade *u);

#endif
