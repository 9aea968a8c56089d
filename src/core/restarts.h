/*
 * Whether a worker that has ended is started again: without end, unless the user has
 * drawn a line.
 */
#ifndef BERTH_CORE_RESTARTS_H
#define BERTH_CORE_RESTARTS_H

#include <stdbool.h>
#include <stdint.h>

#define RESTARTS_CODES 256 /* exit codes that there are */

struct restarts_rules {
	unsigned n_max;     /* within the window; 0: any number */
	uint32_t window_ms; /* not 0 where n_max isn't */
	uint64_t stop_exit_codes[RESTARTS_CODES /
				 64]; /* one bit each: with these it's not started again */
};

/* One per slot, all zero to begin with. It outlives the workers in the slot. */
struct restarts {
	int64_t began_ms; /* of the window: when the first of its workers ended */
	uint32_t n;       /* that have ended in it */
};

enum restarts_verdict {
	RESTARTS_AGAIN = 0,
	RESTARTS_STOP_CODE, /* it has ended as the user said it would when it's done */
	RESTARTS_TOO_MANY,  /* no more until somebody asks for it */
};

/* A worker that ends with @code, below RESTARTS_CODES, has done its work. */
void restarts_add_code(struct restarts_rules *r, unsigned code);

/*
 * restarts_judge - a worker has ended
 *
 * @r:           account of the slot, brought up to date
 * @has_code:    it has ended with an exit code, @code; no signal ended it
 * @now_ms:      on a clock that only goes forward
 *
 * Any thread, as all of these. None blocks.
 */
enum restarts_verdict restarts_judge(struct restarts *r, const struct restarts_rules *rules,
				     bool has_code, unsigned code, int64_t now_ms);

#endif
