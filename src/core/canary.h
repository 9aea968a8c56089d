/*
 * What becomes of the connections that a canary gets, held against those that the others
 * get in the same time: whether it resets more of them than chance would have it.
 */
#ifndef BERTH_CORE_CANARY_H
#define BERTH_CORE_CANARY_H

#include <stdbool.h>
#include <stdint.h>

struct canary_count {
	uint64_t n_came;
	uint64_t n_reset;
};

/*
 * Where the others have got nobody there is nothing to compare with, and no canary
 * is bad. Any thread, as the next. Never blocks.
 */
bool canary_resets_too_many(const struct canary_count *canary, const struct canary_count *others);

/* How long a queue of its may stand still, in a watch of so many ms. */
uint32_t canary_patience_ms(uint32_t watch_ms);

/* How long a generation may take to come for its first connection, in such a watch. */
uint32_t canary_mute_ms(uint32_t watch_ms);

#endif
