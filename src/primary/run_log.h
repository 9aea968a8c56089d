/*
 * The pipes that a worker's run writes to, under their names at the keeper:
 * "log/web.2/57/stdout" is what the 57th run of all, in slot 2, writes to its stdout.
 */
#ifndef BERTH_PRIMARY_RUN_LOG_H
#define BERTH_PRIMARY_RUN_LOG_H

#include "primary/keep.h"
#include "primary/output.h"

/* All of these are for the primary's thread only. None blocks. */

/* What output calls the stream @i, 0 for stdout and 1 for stderr, of a run. */
uint64_t run_log_id(uint64_t run, unsigned i);

/* Stores our end of a stream's pipe, which stays yours. 0 or -errno. */
int run_log_store(struct keep *k, const struct message_source *source, uint64_t id, int fd);

/* Takes the one that a predecessor of ours has stored, or NO_FD. */
int run_log_take(struct keep *k, const struct message_source *source, uint64_t id);

/* It was read to its end. */
void run_log_drop(struct keep *k, const struct message_source *source, uint64_t id);

/*
 * Reads on what a predecessor was reading of runs that have ended; @app is ours. To be
 * called when those that haven't ended are open again.
 */
void run_log_resume_rest(struct keep *k, struct output *o, const char *app);

#endif
