/*
 * What is held of a line, in 64 bits, so that one store changes all of it.
 */
#ifndef BERTH_CORE_JOURNAL_HELD_H
#define BERTH_CORE_JOURNAL_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The same words as in struct lines. */
struct held {
	size_t begin;
	size_t size;
	bool is_in_pieces;
};

static inline uint64_t held_pack(struct held held)
{
	return (uint64_t)held.begin | (uint64_t)held.size << 24 | (uint64_t)held.is_in_pieces << 48;
}

static inline struct held held_unpack(uint64_t packed)
{
	return (struct held){
		.begin = packed & 0xffffff,
		.size = packed >> 24 & 0xffffff,
		.is_in_pieces = packed >> 48 & 1,
	};
}

#endif
