/*
 * What the processes at a port are to berth: berth itself, its workers, strangers.
 */
#ifndef BERTH_PRIMARY_HOLDER_ROLES_H
#define BERTH_PRIMARY_HOLDER_ROLES_H

#include "primary/holder_report.h"

/*
 * holder_roles_find - fill in the roles of a report's opens, and whose its processes are
 *
 * Returns 0; -ENOMEM, or -errno if /proc cannot be read. Blocks as kinship_app() does.
 */
int holder_roles_find(struct holder_report *r);

/* "berth", "worker", "left-over", "stranger"; NULL for HOLDER_ROLE_NONE. It never changes: programs read it. */
const char *holder_role_text(enum holder_role role);

#endif
