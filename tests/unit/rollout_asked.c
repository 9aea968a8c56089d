/*
 * Orders that come while something runs: each phase is gone through, so that none is forgotten.
 */
#include "core/rollout_asked.h"

#include "run_suite.h"

static bool is_one_of(enum rollout_phase phase, unsigned phases)
{
	return phases >> (unsigned)phase & 1;
}

#define OPEN   (1u << ROLLOUT_ROLLING | 1u << ROLLOUT_CANARY | 1u << ROLLOUT_WATCHING)
#define ENDING (1u << ROLLOUT_SETTLING | 1u << ROLLOUT_UNDOING)

START_TEST(another_one_waits_for_what_runs_and_undoes_only_what_is_not_decided)
{
	for (int phase = 0; phase < ROLLOUT_PHASES; phase++) {
		const struct rollout_now now = { .phase = (enum rollout_phase)phase };
		const enum rollout_answer wanted = is_one_of(now.phase, OPEN) ? ROLLOUT_SUPERSEDES
						   : is_one_of(now.phase, ENDING) ? ROLLOUT_FOLLOWS
										  : ROLLOUT_BEGINS;

		ck_assert_int_eq(rollout_asked(&now), wanted);
	}
}
END_TEST

START_TEST(while_one_waits_there_is_never_a_second_one_that_waits)
{
	for (int phase = 0; phase < ROLLOUT_PHASES; phase++) {
		const struct rollout_now now = { .phase = (enum rollout_phase)phase,
						 .has_next = true };

		ck_assert_int_eq(rollout_asked(&now), ROLLOUT_JOINS);
	}
}
END_TEST

/* One that waits is forgotten by whoever undoes: it makes no difference here. */
static void assert_way_back(struct rollout_now now, enum rollout_way_back wanted)
{
	for (int has_next = 0; has_next < 2; has_next++) {
		now.has_next = has_next;
		ck_assert_msg(rollout_asked_back(&now) == wanted, "%s: %d, not %d",
			      rollout_phase_text(now.phase), (int)rollout_asked_back(&now),
			      (int)wanted);
	}
}

START_TEST(an_undo_rolls_back_what_is_not_final_whatever_there_was_before_it)
{
	for (int phase = 0; phase < ROLLOUT_PHASES; phase++)
		for (unsigned undo_to = 0; undo_to < 2; undo_to++)
			if (is_one_of((enum rollout_phase)phase, OPEN))
				assert_way_back(
					(struct rollout_now){ .phase = (enum rollout_phase)phase,
							      .undo_to = undo_to },
					ROLLOUT_BACK_ROLLS);
}
END_TEST

START_TEST(an_undo_of_what_is_being_undone_is_the_same_undo)
{
	assert_way_back((struct rollout_now){ .phase = ROLLOUT_UNDOING, .undo_to = 1 },
			ROLLOUT_BACK_JOINS);
	assert_way_back((struct rollout_now){ .phase = ROLLOUT_SETTLING, .is_undo = true },
			ROLLOUT_BACK_JOINS);
}
END_TEST

START_TEST(an_undo_of_what_is_final_is_at_once_where_it_can_be_and_else_a_reload)
{
	static const enum rollout_phase phases[] = { ROLLOUT_SETTLING, ROLLOUT_DONE,
						     ROLLOUT_ROLLED_BACK };

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		struct rollout_now now = { .phase = phases[i] };

		assert_way_back(now, ROLLOUT_BACK_NOWHERE);
		now.undo_to = 3;
		assert_way_back(now, ROLLOUT_BACK_RELOADING);
		now.can_come_back = true;
		assert_way_back(now, ROLLOUT_BACK_AT_ONCE);
	}
}
END_TEST

START_TEST(the_next_one_waits_only_while_more_than_a_generation_is_on_its_way_out)
{
	for (int phase = 0; phase < ROLLOUT_PHASES; phase++) {
		const enum rollout_phase p = (enum rollout_phase)phase;

		ck_assert_int_eq(rollout_may_follow(p, 0, 2), !is_one_of(p, OPEN));
		ck_assert_int_eq(rollout_may_follow(p, 2, 2), !is_one_of(p, OPEN));
		ck_assert_int_eq(rollout_may_follow(p, 3, 2), !is_one_of(p, OPEN | ENDING));
	}
}
END_TEST

START_TEST(every_answer_has_a_word_of_its_own)
{
	for (int a = 0; a < ROLLOUT_ANSWERS; a++)
		for (int b = 0; b < a; b++)
			ck_assert_str_ne(rollout_answer_text((enum rollout_answer)a),
					 rollout_answer_text((enum rollout_answer)b));
	for (int a = 0; a < ROLLOUT_WAYS_BACK; a++)
		for (int b = 0; b < a; b++)
			ck_assert_str_ne(rollout_way_back_text((enum rollout_way_back)a),
					 rollout_way_back_text((enum rollout_way_back)b));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		another_one_waits_for_what_runs_and_undoes_only_what_is_not_decided,
		while_one_waits_there_is_never_a_second_one_that_waits,
		an_undo_rolls_back_what_is_not_final_whatever_there_was_before_it,
		an_undo_of_what_is_being_undone_is_the_same_undo,
		an_undo_of_what_is_final_is_at_once_where_it_can_be_and_else_a_reload,
		the_next_one_waits_only_while_more_than_a_generation_is_on_its_way_out,
		every_answer_has_a_word_of_its_own,
	};

	return RUN_SUITE("rollout-asked", tests);
}
