/*
 * Orders that come while something runs.
 */
#include "core/rollout_asked.h"

#include <assert.h>

static bool is_open(enum rollout_phase phase)
{
	return phase == ROLLOUT_ROLLING || phase == ROLLOUT_CANARY || phase == ROLLOUT_WATCHING;
}

static bool is_ending(enum rollout_phase phase)
{
	return phase == ROLLOUT_SETTLING || phase == ROLLOUT_UNDOING;
}

enum rollout_answer rollout_asked(const struct rollout_now *now)
{
	if (now->has_next)
		return ROLLOUT_JOINS;
	if (is_open(now->phase))
		return ROLLOUT_SUPERSEDES;
	return is_ending(now->phase) ? ROLLOUT_FOLLOWS : ROLLOUT_BEGINS;
}

enum rollout_way_back rollout_asked_back(const struct rollout_now *now)
{
	if (is_open(now->phase))
		return ROLLOUT_BACK_ROLLS;
	if (now->phase == ROLLOUT_UNDOING || (now->phase == ROLLOUT_SETTLING && now->is_undo))
		return ROLLOUT_BACK_JOINS;
	if (!now->undo_to)
		return ROLLOUT_BACK_NOWHERE;
	return now->can_come_back ? ROLLOUT_BACK_AT_ONCE : ROLLOUT_BACK_RELOADING;
}

bool rollout_may_follow(enum rollout_phase phase, unsigned n_leaving, unsigned n_slots)
{
	return !is_open(phase) && (!is_ending(phase) || n_leaving <= n_slots);
}

const char *rollout_answer_text(enum rollout_answer answer)
{
	static const char *const texts[ROLLOUT_ANSWERS] = {
		[ROLLOUT_BEGINS] = "begins",
		[ROLLOUT_SUPERSEDES] = "supersedes",
		[ROLLOUT_FOLLOWS] = "follows",
		[ROLLOUT_JOINS] = "joins",
	};

	assert((unsigned)answer < ROLLOUT_ANSWERS);
	return texts[answer];
}

const char *rollout_way_back_text(enum rollout_way_back way)
{
	static const char *const texts[ROLLOUT_WAYS_BACK] = {
		[ROLLOUT_BACK_NOWHERE] = "nowhere",   [ROLLOUT_BACK_ROLLS] = "rolls-back",
		[ROLLOUT_BACK_JOINS] = "joins",       [ROLLOUT_BACK_AT_ONCE] = "returns",
		[ROLLOUT_BACK_RELOADING] = "reloads",
	};

	assert((unsigned)way < ROLLOUT_WAYS_BACK);
	return texts[way];
}
