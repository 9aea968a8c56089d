/*
 * Which connections of a draining worker are idle, so that closing them costs nobody
 * a request, and how long to wait for that.
 *
 * Nothing of what they carry is read. What can be told without is who had the last
 * word, whether it has arrived and was read, and for how long it has been quiet since.
 */
#ifndef BERTH_CORE_CONN_IDLE_H
#define BERTH_CORE_CONN_IDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conn_info.h"

#define CONN_LOOK_MIN_MS 1
#define CONN_LOOK_MAX_MS 250
#define CONN_HOLD_MS     2000 /* before the deadline: from here on the ends of answers are held */

/* How long a connection must have been quiet; all 0: none is ever closed. */
struct conn_patience {
	uint32_t idle_ms;   /* the last word was the server's */
	uint32_t unsure_ms; /* it may have been the server's, or the client's */
	uint32_t silent_ms; /* nobody has said a word yet */
	uint32_t held_ms;   /* the end of an answer is held back; 0: nothing is to be held yet */
};

/*
 * conn_patience - how long a connection must have been quiet, at some moment of a drain
 *
 * @idle_close_ms:  as the user has set it; 0: "off"
 * @left_ms:        until the deadline
 *
 * It shrinks as the deadline comes near, at which everything that is open is cut.
 * Clients that ask again at once leave no pause that could be found by looking. So in
 * the last CONN_HOLD_MS the ends of answers are held back for a moment, and FIN leaves
 * in one segment with them: no client asks before it has its answer.
 */
struct conn_patience conn_patience(uint32_t idle_close_ms, uint32_t left_ms);

/* Whether @c should be held now: conn_hold() it. */
bool conn_is_to_hold(const struct conn_info *c, const struct conn_patience *p);

/* Whether what is held of @c is the end of an answer, as far as can be seen. */
bool conn_has_end_held(const struct conn_info *c);

/* Whether @c may be closed now: conn_close() it. */
bool conn_is_idle(const struct conn_info *c, const struct conn_patience *p);

/* For how long it has carried nothing, in either direction. */
uint32_t conn_quiet_ms(const struct conn_info *c);

/*
 * conn_close_max - how many connections to close after one look
 *
 * @n_open:  that the draining workers have
 *
 * Not all at once: a client with many of them hears of their ends in one turn of its
 * loop, and uses the last ones again before it comes to them. Where it has an answer to
 * come (conn_has_end_held()), it doesn't: these don't count.
 */
size_t conn_close_max(size_t n_open);

/*
 * conn_look_again_ms - how long to pause before the next look
 *
 * @has_more:  more connections were idle than conn_close_max() let close
 *
 * Returns 1 to 250 ms.
 */
uint32_t conn_look_again_ms(const struct conn_patience *p, bool has_more);

#endif
