/*
 * Workers differ by their slot: in arguments and environment values `{slot}`,
 * `{workers}` and sums like `{8000+slot}` stand for a number.
 *
 * A sum is numbers, `slot` and `workers` joined by + and -, without blanks, and
 * names at least one of the two. All other braces are left as they are, so that
 * JSON, regular expressions and shell text pass through.
 */
#ifndef BERTH_CORE_EXPAND_H
#define BERTH_CORE_EXPAND_H

#include <stddef.h>

struct expand_vars {
	unsigned slot;      /* 1 to n_workers */
	unsigned n_workers; /* slots of the app */
};

enum expand_result {
	EXPAND_OK = 0,
	EXPAND_NEGATIVE,  /* a sum is less than 0 */
	EXPAND_TOO_LARGE, /* a sum, or a number in it, does not fit in 63 bits */
	EXPAND_TOO_LONG,  /* the text does not fit in the space given */
};

/*
 * expand_measure - how much space expand() needs
 *
 * @ret_size:  bytes, with the NUL
 *
 * Returns EXPAND_OK, EXPAND_NEGATIVE or EXPAND_TOO_LARGE. Any thread. Never blocks.
 */
enum expand_result expand_measure(const char *text, const struct expand_vars *v, size_t *ret_size);

/*
 * expand - replace the sums in @text by their numbers for one worker
 *
 * @ret_text:  at least @size bytes, not overlapping @text; written on success only
 *
 * Returns EXPAND_OK or why not. Any thread. Never blocks.
 */
enum expand_result expand(const char *text, const struct expand_vars *v, char *ret_text,
			  size_t size);

/* What is wrong, as the rest of a sentence that begins with the text that was given. */
const char *expand_result_text(enum expand_result r);

#endif
