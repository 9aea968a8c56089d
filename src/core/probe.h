/*
 * What a probe asks of a worker, and when: read from `--probe SPEC` into a plain
 * value, and printed in one form.
 *
 *   http:/healthz             GET at the app's first port, answered with 200 to 399
 *   http=204:/healthz         answered with 204; http=200-299: with one of these
 *   http://:8001/healthz      at another port; http://127.0.0.1:8001/healthz: there
 *   tcp, tcp:8001             a connection
 *   exec:COMMAND              `sh -c COMMAND` ends with exit code 0
 *
 * The status stands in front because a path may hold any '=' of its own.
 */
#ifndef BERTH_CORE_PROBE_H
#define BERTH_CORE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define PROBE_WHAT_MAX 1024 /* bytes of a path or a command, with its NUL */
#define PROBE_TEXT_MAX (PROBE_WHAT_MAX + ADDR_TEXT_MAX + 32)

#define PROBE_STATUS_MIN 200 /* what counts unless the user says otherwise: success and redirects */
#define PROBE_STATUS_MAX 399

enum probe_kind {
	PROBE_NONE, /* of a value that is all zero */
	PROBE_HTTP,
	PROBE_TCP,
	PROBE_EXEC,
};

struct probe {
	enum probe_kind kind;
	struct addr host;    /* PROBE_HTTP, without its port; AF_UNSPEC: that of the app's port */
	uint16_t port;       /* 0: the app's first */
	uint16_t status_min; /* PROBE_HTTP: which answers pass */
	uint16_t status_max;
	char what[PROBE_WHAT_MAX]; /* path with its query, or command */
};

enum probe_error {
	PROBE_OK = 0,
	PROBE_UNKNOWN_KIND,
	PROBE_BAD_PORT,
	PROBE_BAD_HOST,
	PROBE_NO_PORT,
	PROBE_BAD_STATUS,
	PROBE_STATUS_BEHIND,
	PROBE_BAD_PATH,
	PROBE_NO_COMMAND,
	PROBE_BAD_COMMAND,
	PROBE_TOO_LONG,
};

#define PROBE_ERRORS (PROBE_TOO_LONG + 1)

/*
 * probe_parse - read a probe as users write it
 *
 * @ret_probe:  every byte that does not carry meaning is zero
 *
 * Returns PROBE_OK or what is wrong. Any thread. Never blocks.
 */
enum probe_error probe_parse(const char *text, struct probe *ret_probe);

/* Prints @p so that probe_parse() reads the same value. Returns @ret_text. */
const char *probe_text(const struct probe *p, char ret_text[static PROBE_TEXT_MAX]);

/* What is wrong, as the rest of a sentence that begins with the text that was given. */
const char *probe_error_text(enum probe_error e);

/* Whether it can be made only where the app has a TCP port that it may ask. */
bool probe_needs_port(const struct probe *p);

struct probe_timing {
	uint32_t interval_ms;       /* from the end of one probe to the next */
	uint32_t start_interval_ms; /* the same until the first that passes */
	uint32_t timeout_ms;        /* of one probe */
	unsigned n_failures;        /* in a row: then a worker that was ready counts as dead */
};

#define PROBE_TIMING_DEFAULT                                                       \
	{                                                                          \
		.interval_ms = 1000, .start_interval_ms = 100, .timeout_ms = 2000, \
		.n_failures = 3,                                                   \
	}

#define PROBE_INTERVAL_MIN_MS 10
#define PROBE_INTERVAL_MAX_MS (60 * 60 * 1000)
#define PROBE_TIMEOUT_MIN_MS  10
#define PROBE_TIMEOUT_MAX_MS  (10 * 60 * 1000)
#define PROBE_FAILURES_MAX    1000

enum probe_timing_error {
	PROBE_TIMING_OK = 0,
	PROBE_BAD_INTERVAL,
	PROBE_BAD_TIMEOUT,
	PROBE_BAD_FAILURES,
};

#define PROBE_TIMING_ERRORS (PROBE_BAD_FAILURES + 1)

/* Whether @t is within the limits. */
enum probe_timing_error probe_timing_check(const struct probe_timing *t);

/* What is wrong, as the rest of a sentence that begins with the option's value. */
const char *probe_timing_error_text(enum probe_timing_error e);

/* How long after the end of one probe the next one begins. */
uint32_t probe_pause_ms(const struct probe_timing *t, bool is_starting);

/*
 * probe_count - count a result of a worker that has been ready
 *
 * @n_failed:  failures in a row so far, 0 at first; brought up to date
 *
 * Returns whether the worker counts as dead now.
 */
bool probe_count(const struct probe_timing *t, bool has_passed, unsigned *n_failed);

#endif
