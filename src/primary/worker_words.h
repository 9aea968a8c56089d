/*
 * What happens to a worker, in words for people.
 */
#ifndef BERTH_PRIMARY_WORKER_WORDS_H
#define BERTH_PRIMARY_WORKER_WORDS_H

#include <stdint.h>

#include "os/spawn.h"
#include "primary/worker.h"

#define WORKER_WORDS_MAX 512

/* Each of these writes a sentence, or the rest of one, and returns @ret_text. */

/* "ended with exit code 1". @status: as wait() gives it, or PROCESS_STATUS_UNKNOWN. */
const char *worker_end_text(int status, char ret_text[static WORKER_WORDS_MAX]);

/* "starting again in 0.2 s" */
const char *worker_pause_text(uint64_t pause_ms, char ret_text[static WORKER_WORDS_MAX]);

/* "could not execute its command: …" @path: of the command */
const char *worker_failure_text(const struct spawn_failure *failure, const char *path,
				char ret_text[static WORKER_WORDS_MAX]);

/* "is not ready after 60 s: it listens nowhere" */
const char *worker_late_text(const struct worker *w, char ret_text[static WORKER_WORDS_MAX]);

#endif
