/*
 * Acting in the file system as somebody else: what the primary does at a path
 * for a worker, the worker must be allowed to do itself.
 */
#ifndef BERTH_OS_ACTING_H
#define BERTH_OS_ACTING_H

#include <sys/types.h>

#include "os/peek.h"

#define ACTING_GROUPS_MAX 256 /* of our own that are remembered */

struct acting {
	int is_other; /* whether anything was changed */
	gid_t gid;
	int n_groups;
	gid_t groups[ACTING_GROUPS_MAX];
};

/*
 * acting_begin - look for files, and make them, as @who would
 *
 * @ret_before: for acting_end(), which must follow in the same function
 *
 * The thread that calls is changed, and no other. Does nothing if @who is NULL or
 * who we are. 0; -EPERM and the like if we may not become @who: then nothing
 * may be done for it.
 */
int acting_begin(const struct peek_identity *who, struct acting *ret_before);
void acting_end(const struct acting *before);

#endif
