/*
 * A window begins with the first end behind the last one's: so one number tells how many
 * there were, however many the user allows.
 */
#include "core/restarts.h"

#include <assert.h>

#define WORD_BITS 64

void restarts_add_code(struct restarts_rules *r, unsigned code)
{
	assert(code < RESTARTS_CODES);
	r->stop_exit_codes[code / WORD_BITS] |= 1ULL << code % WORD_BITS;
}

static bool is_stop_code(const struct restarts_rules *r, unsigned code)
{
	return code < RESTARTS_CODES &&
	       r->stop_exit_codes[code / WORD_BITS] >> code % WORD_BITS & 1;
}

enum restarts_verdict restarts_judge(struct restarts *r, const struct restarts_rules *rules,
				     bool has_code, unsigned code, int64_t now_ms)
{
	if (has_code && is_stop_code(rules, code))
		return RESTARTS_STOP_CODE;
	if (!rules->n_max)
		return RESTARTS_AGAIN;
	if (r->n == 0 || now_ms - r->began_ms >= rules->window_ms) {
		r->began_ms = now_ms;
		r->n = 0;
	}
	if (r->n <= rules->n_max)
		r->n++;
	return r->n > rules->n_max ? RESTARTS_TOO_MANY : RESTARTS_AGAIN;
}
