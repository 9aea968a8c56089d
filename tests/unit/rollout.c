/*
 * How one generation takes the place of another: every rule is played through, with
 * whoever does what it says, ready in any order.
 */
#include "core/rollout.h"

#include <string.h>

#include "run_suite.h"

#define N_SLOTS 5

/* What has been done to the slots, and the worst that it came to. */
struct stage {
	struct rollout r;
	unsigned n_up;   /* new ones that come up beside an old one */
	unsigned n_away; /* slots whose old one was sent away and whose new one isn't ready */
	unsigned max_up;
	unsigned max_away;
	bool is_instead[N_SLOTS + 1];
	bool is_tried[N_SLOTS + 1];
	bool is_new[N_SLOTS + 1];
	unsigned n_watches;
	unsigned n_commits;
};

static struct rollout_rules rules(unsigned surge, unsigned unavailable)
{
	return (struct rollout_rules){ .max_surge = surge, .max_unavailable = unavailable };
}

static struct stage begun(struct rollout_rules with, unsigned n_slots)
{
	struct stage s;

	memset(&s, 0, sizeof(s));
	rollout_begin(&s.r, &with, n_slots);
	return s;
}

static void begin_one(struct stage *s, unsigned slot, bool is_instead)
{
	ck_assert(slot >= 1 && slot <= N_SLOTS && !s->is_tried[slot]);
	s->is_tried[slot] = true;
	s->is_instead[slot] = is_instead;
	*(is_instead ? &s->n_away : &s->n_up) += 1;
	s->max_up = s->n_up > s->max_up ? s->n_up : s->max_up;
	s->max_away = s->n_away > s->max_away ? s->n_away : s->max_away;
}

static void promote(struct stage *s, unsigned slot)
{
	ck_assert(s->is_tried[slot] && !s->is_new[slot]);
	s->is_new[slot] = true;
	*(s->is_instead[slot] ? &s->n_away : &s->n_up) -= 1;
}

/* Does what it says, until it waits. */
static void go(struct stage *s)
{
	enum rollout_act what;
	unsigned slot = 0;

	while ((what = rollout_next(&s->r, &slot)) != ROLLOUT_WAIT) {
		switch (what) {
		case ROLLOUT_TRY: begin_one(s, slot, false); break;
		case ROLLOUT_REPLACE: begin_one(s, slot, true); break;
		case ROLLOUT_PROMOTE: promote(s, slot); break;
		case ROLLOUT_WATCH: s->n_watches++; break;
		case ROLLOUT_COMMIT: s->n_commits++; break;
		case ROLLOUT_WAIT:
		case ROLLOUT_LET_CANARY: ck_abort_msg("act %d", (int)what);
		}
	}
}

static void become_ready(struct stage *s, unsigned slot)
{
	ck_assert_int_eq(rollout_is_ready(&s->r, slot), ROLLOUT_PROMOTE);
	promote(s, slot);
	go(s);
}

/* One of those that come up: the first, or the last. */
static unsigned any_trying(const struct stage *s, bool is_last)
{
	unsigned found = 0;

	for (unsigned slot = 1; slot <= N_SLOTS; slot++)
		if (s->is_tried[slot] && !s->is_new[slot] && (is_last || !found))
			found = slot;
	return found;
}

static void roll_all(struct stage *s, unsigned order)
{
	unsigned slot;

	go(s);
	for (unsigned i = 0; (slot = any_trying(s, order >> i & 1)) != 0; i++)
		become_ready(s, slot);
}

static void assert_rules_are_kept(unsigned surge, unsigned away, unsigned order)
{
	struct stage s = begun(rules(surge, away), N_SLOTS);

	roll_all(&s, order);
	ck_assert_uint_eq(rollout_n_new(&s.r), N_SLOTS);
	ck_assert_uint_eq(s.max_up, surge);
	ck_assert_uint_eq(s.max_away, away < N_SLOTS - surge ? away : N_SLOTS - surge);
	ck_assert_uint_eq(s.n_commits, 1);
	ck_assert_int_eq(s.r.phase, ROLLOUT_SETTLING);
}

START_TEST(whatever_the_rules_and_the_order_no_more_come_up_or_are_missing_than_they_say)
{
	for (unsigned surge = 0; surge <= 3; surge++)
		for (unsigned away = surge ? 0 : 1; away <= 3; away++)
			for (unsigned order = 0; order < 1U << N_SLOTS; order++)
				assert_rules_are_kept(surge, away, order);
}
END_TEST

START_TEST(slots_have_their_turns_in_order)
{
	struct stage s = begun(rules(1, 0), 3);

	for (unsigned slot = 1; slot <= 3; slot++) {
		go(&s);
		ck_assert_uint_eq(any_trying(&s, true), slot);
		become_ready(&s, slot);
	}
	ck_assert_uint_eq(s.n_watches, 0);
	rollout_has_left(&s.r);
	ck_assert_int_eq(s.r.phase, ROLLOUT_DONE);
	ck_assert(!rollout_is_running(&s.r));
}
END_TEST

START_TEST(what_is_watched_is_final_only_afterwards)
{
	struct rollout_rules with = rules(2, 0);
	struct stage s;

	with.is_watched = true;
	s = begun(with, N_SLOTS);
	roll_all(&s, 0);
	ck_assert_int_eq(s.r.phase, ROLLOUT_WATCHING);
	ck_assert_uint_eq(s.n_watches, 1);
	ck_assert_uint_eq(s.n_commits, 0);
	go(&s);
	ck_assert_uint_eq(s.n_watches, 1);
	rollout_is_watched(&s.r);
	go(&s);
	ck_assert_uint_eq(s.n_commits, 1);
	ck_assert_int_eq(s.r.phase, ROLLOUT_SETTLING);
}
END_TEST

static struct stage with_canary(unsigned surge, unsigned unavailable)
{
	struct rollout_rules with = rules(surge, unavailable);
	struct stage s;

	with.has_canary = with.is_watched = true;
	s = begun(with, N_SLOTS);
	go(&s);
	return s;
}

START_TEST(a_canary_comes_up_alone_beside_the_old_one_whatever_the_rules)
{
	for (unsigned surge = 0; surge <= 3; surge++) {
		struct stage s = with_canary(surge, surge ? 0 : 2);

		ck_assert_uint_eq(s.n_up, 1);
		ck_assert_uint_eq(s.n_away, 0);
		ck_assert(s.is_tried[1]);
		ck_assert_int_eq(rollout_is_ready(&s.r, 1), ROLLOUT_LET_CANARY);
		ck_assert_int_eq(s.r.phase, ROLLOUT_CANARY);
		go(&s);
		ck_assert_uint_eq(s.n_up, 1);
	}
}
END_TEST

START_TEST(once_the_canary_has_had_its_time_the_slot_is_its_own_and_the_rest_follow)
{
	struct stage s = with_canary(2, 0);

	(void)rollout_is_ready(&s.r, 1);
	rollout_is_watched(&s.r);
	go(&s);
	ck_assert(s.is_new[1]);
	ck_assert_uint_eq(s.n_up, 2);
	roll_all(&s, 0);
	ck_assert_int_eq(s.r.phase, ROLLOUT_WATCHING);
	rollout_is_watched(&s.r);
	go(&s);
	ck_assert_uint_eq(s.n_commits, 1);
}
END_TEST

START_TEST(only_one_that_comes_up_can_become_ready)
{
	struct stage s = begun(rules(1, 0), 2);

	ck_assert_int_eq(rollout_is_ready(&s.r, 1), ROLLOUT_WAIT);
	go(&s);
	ck_assert_int_eq(rollout_is_ready(&s.r, 2), ROLLOUT_WAIT);
	ck_assert_int_eq(rollout_is_ready(&s.r, 0), ROLLOUT_WAIT);
	ck_assert_int_eq(rollout_is_ready(&s.r, 3), ROLLOUT_WAIT);
	become_ready(&s, 1);
	ck_assert_int_eq(rollout_is_ready(&s.r, 1), ROLLOUT_WAIT);
}
END_TEST

/* A rollout that has been brought to @phase by what happens. */
static struct rollout in_phase(enum rollout_phase phase)
{
	struct rollout_rules with = rules(1, 0);
	struct stage s;

	with.has_canary = phase == ROLLOUT_CANARY;
	with.is_watched = true;
	s = begun(with, 2);
	if (phase == ROLLOUT_NONE)
		memset(&s.r, 0, sizeof(s.r));
	if (phase == ROLLOUT_NONE || phase == ROLLOUT_ROLLING)
		return s.r;
	go(&s);
	if (phase == ROLLOUT_CANARY)
		(void)rollout_is_ready(&s.r, 1);
	else if (phase == ROLLOUT_UNDOING || phase == ROLLOUT_ROLLED_BACK)
		(void)rollout_undo(&s.r);
	else
		roll_all(&s, 0);
	if (phase == ROLLOUT_SETTLING || phase == ROLLOUT_DONE)
		rollout_is_watched(&s.r);
	go(&s);
	if (phase == ROLLOUT_DONE || phase == ROLLOUT_ROLLED_BACK)
		rollout_has_left(&s.r);
	ck_assert_int_eq(s.r.phase, phase);
	return s.r;
}

START_TEST(what_is_not_final_can_be_undone_and_nothing_else)
{
	for (int phase = 0; phase < ROLLOUT_PHASES; phase++) {
		struct rollout r = in_phase((enum rollout_phase)phase);
		const bool is_open = phase == ROLLOUT_ROLLING || phase == ROLLOUT_CANARY ||
				     phase == ROLLOUT_WATCHING;
		unsigned slot;

		ck_assert_msg(rollout_undo(&r) == is_open, "%s",
			      rollout_phase_text((enum rollout_phase)phase));
		ck_assert_int_eq(r.phase, is_open ? ROLLOUT_UNDOING : phase);
		if (!is_open)
			continue;
		/* Nothing more is tried, or becomes final, in whatever way it is asked. */
		rollout_is_watched(&r);
		ck_assert_int_eq(rollout_is_ready(&r, 1), ROLLOUT_WAIT);
		ck_assert_int_eq(rollout_next(&r, &slot), ROLLOUT_WAIT);
		ck_assert(rollout_is_running(&r));
		rollout_has_left(&r);
		ck_assert_int_eq(r.phase, ROLLOUT_ROLLED_BACK);
		ck_assert(!rollout_is_running(&r));
	}
}
END_TEST

START_TEST(that_all_have_left_or_the_time_is_over_ends_only_what_waits_for_it)
{
	for (int phase = 0; phase < ROLLOUT_PHASES; phase++) {
		const enum rollout_phase before = (enum rollout_phase)phase;
		struct rollout r = in_phase(before);

		rollout_has_left(&r);
		ck_assert(before == ROLLOUT_SETTLING || before == ROLLOUT_UNDOING ||
			  r.phase == before);
		r = in_phase(before);
		rollout_is_watched(&r);
		ck_assert(before == ROLLOUT_CANARY || before == ROLLOUT_WATCHING ||
			  r.phase == before);
	}
}
END_TEST

/*
 * A successor has the rules, the phase, and sees the slots: from there on it must do what
 * its predecessor would have done.
 */
START_TEST(a_successor_goes_on_as_its_predecessor_would_have)
{
	for (unsigned order = 0; order < 1U << N_SLOTS; order++) {
		struct stage s = begun(rules(2, 1), N_SLOTS);
		unsigned slot;

		go(&s);
		for (unsigned i = 0; (slot = any_trying(&s, order >> i & 1)) != 0; i++) {
			const struct rollout before = s.r;

			rollout_begin(&s.r, &before.rules, before.n_slots);
			s.r.phase = before.phase;
			memcpy(s.r.slots, before.slots, sizeof(s.r.slots));
			ck_assert_int_eq(s.r.is_canary_over, before.is_canary_over);
			ck_assert_mem_eq(s.r.slots, before.slots, sizeof(before.slots));
			go(&s);
			become_ready(&s, slot);
		}
		ck_assert_uint_eq(s.max_up, 2);
		ck_assert_uint_eq(s.max_away, 1);
		ck_assert_uint_eq(s.n_commits, 1);
	}
}
END_TEST

START_TEST(every_phase_has_a_word_of_its_own)
{
	for (int a = 0; a < ROLLOUT_PHASES; a++)
		for (int b = 0; b < a; b++)
			ck_assert_str_ne(rollout_phase_text((enum rollout_phase)a),
					 rollout_phase_text((enum rollout_phase)b));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		whatever_the_rules_and_the_order_no_more_come_up_or_are_missing_than_they_say,
		slots_have_their_turns_in_order,
		what_is_watched_is_final_only_afterwards,
		a_canary_comes_up_alone_beside_the_old_one_whatever_the_rules,
		once_the_canary_has_had_its_time_the_slot_is_its_own_and_the_rest_follow,
		only_one_that_comes_up_can_become_ready,
		what_is_not_final_can_be_undone_and_nothing_else,
		that_all_have_left_or_the_time_is_over_ends_only_what_waits_for_it,
		a_successor_goes_on_as_its_predecessor_would_have,
		every_phase_has_a_word_of_its_own,
	};

	return RUN_SUITE("rollout", tests);
}
