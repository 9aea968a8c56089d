/*
 * What the files that a worker consists of share.
 */
#ifndef BERTH_PRIMARY_WORKER_PARTS_H
#define BERTH_PRIMARY_WORKER_PARTS_H

#include "primary/worker.h"

struct worker_run_text {
	char text[48]; /* the value of BERTH_RUN */
};

/* How its run number @n_run is, or was, started. @ret_run lives as long as @ret_start. */
void worker_describe_run(const struct worker *w, uint64_t n_run, struct worker_run_text *ret_run,
			 struct process_start *ret_start);

/* Whether it gets clients only once it's ready, and not as soon as it listens. */
bool worker_is_on_trial(const struct worker *w);

/* Begins to probe its process, or goes on with that, where the user wants it. */
void worker_look_after(struct worker *w);

/* A message about it. */
void worker_say(const struct worker *w, enum message_level level, const char *event,
		const char *text);

/* The timer fires at the deadline, or when it is told to. */
void worker_arm(struct worker *w);
void worker_arm_at(struct worker *w, int64_t due_ms);

/* The acts that a successor may have to do again. */
void worker_spawn(struct worker *w);
void worker_back_off(struct worker *w);
void worker_stay_empty(struct worker *w);
void worker_send_stop(struct worker *w);
void worker_drain(struct worker *w);
void worker_freeze(struct worker *w);
void worker_release_process(struct worker *w);

/* Its processes stand still, until the next of these. */
void worker_stand_still(struct worker *w);
void worker_go_ahead(struct worker *w);

/* Its leader has got the stop signal: it goes ahead, and the timer is armed. */
void worker_arm_stop(struct worker *w);

/* Whether that timer was for the rest of its tree, which goes ahead now. */
bool worker_let_rest_go(struct worker *w);

/* It is gone, and others may have to take what it was woken for. */
void worker_wake_others(const struct worker *w);

/* Its leader has ended, and so has the tree perhaps. @w may be gone afterwards. */
void worker_tell_end(struct worker *w, enum worker_event event);

#endif
