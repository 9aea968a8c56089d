/*
 * The life of the worker in one slot. Most promises here are about every cell of
 * the table, so that a new state or event cannot be forgotten.
 */
#include "core/worker_fsm.h"

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static enum worker_state after(enum worker_state state, const enum worker_event *events, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct worker_step step = worker_fsm_step(state, events[i]);

		ck_assert_msg(step.act != ACT_REFUSED, "%s: event %d", worker_state_text(state),
			      (int)events[i]);
		state = step.next;
	}
	return state;
}

#define AFTER(state, ...)                                        \
	after(state, (const enum worker_event[]){ __VA_ARGS__ }, \
	      sizeof((const enum worker_event[]){ __VA_ARGS__ }) / sizeof(enum worker_event))

static void assert_step(enum worker_state state, enum worker_event event, enum worker_act act,
			enum worker_state next)
{
	struct worker_step step = worker_fsm_step(state, event);

	ck_assert_msg(step.act == act && step.next == next, "%s: event %d -> act %d, %s",
		      worker_state_text(state), (int)event, (int)step.act,
		      worker_state_text(step.next));
}

START_TEST(a_worker_comes_up)
{
	assert_step(WORKER_IDLE, EV_START, ACT_SPAWN, WORKER_STARTING);
	assert_step(WORKER_STARTING, EV_READY, ACT_NOTE_READY, WORKER_READY);
	assert_step(WORKER_READY, EV_READY, ACT_NOTHING, WORKER_READY);
}
END_TEST

START_TEST(a_worker_that_dies_is_replaced_once_its_whole_tree_is_gone)
{
	static const enum worker_state lives[] = { WORKER_STARTING, WORKER_READY };

	for (size_t i = 0; i < 2; i++) {
		assert_step(lives[i], EV_EXITED, ACT_KILL_TREE, WORKER_CLEARING);
		assert_step(WORKER_CLEARING, EV_TREE_GONE, ACT_BACK_OFF, WORKER_BACKOFF);
		assert_step(WORKER_BACKOFF, EV_TIMER, ACT_SPAWN, WORKER_STARTING);
	}
}
END_TEST

START_TEST(a_command_that_cannot_be_executed_is_given_up_and_not_tried_again)
{
	assert_step(WORKER_STARTING, EV_EXEC_FAILED, ACT_GIVE_UP, WORKER_GONE);
}
END_TEST

START_TEST(a_start_that_failed_this_time_is_tried_again_after_a_pause)
{
	assert_step(WORKER_STARTING, EV_SPAWN_FAILED, ACT_BACK_OFF, WORKER_BACKOFF);
}
END_TEST

START_TEST(a_graceful_stop_gives_the_whole_tree_its_deadline)
{
	assert_step(WORKER_READY, EV_STOP, ACT_SIGNAL, WORKER_STOPPING);
	assert_step(WORKER_STOPPING, EV_EXITED, ACT_SIGNAL_REST, WORKER_STOPPING);
	assert_step(WORKER_STOPPING, EV_TREE_GONE, ACT_RELEASE, WORKER_GONE);
}
END_TEST

START_TEST(a_worker_that_outlives_its_deadline_is_killed_and_not_replaced)
{
	assert_step(WORKER_STOPPING, EV_TIMER, ACT_KILL_TREE, WORKER_KILLING);
	ck_assert_int_eq(AFTER(WORKER_KILLING, EV_EXITED, EV_TREE_GONE), WORKER_GONE);
}
END_TEST

START_TEST(a_second_signal_kills_what_is_still_stopping)
{
	assert_step(WORKER_STOPPING, EV_STOP, ACT_NOTHING, WORKER_STOPPING);
	assert_step(WORKER_STOPPING, EV_NOW, ACT_KILL_TREE, WORKER_KILLING);
}
END_TEST

START_TEST(a_worker_that_died_is_not_replaced_once_it_is_no_longer_wanted)
{
	ck_assert_int_eq(AFTER(WORKER_READY, EV_EXITED, EV_STOP, EV_TREE_GONE), WORKER_GONE);
	ck_assert_int_eq(AFTER(WORKER_READY, EV_EXITED, EV_TREE_GONE, EV_STOP), WORKER_GONE);
}
END_TEST

START_TEST(a_stop_that_comes_before_a_failed_start_ends_quietly)
{
	assert_step(WORKER_STOPPING, EV_EXEC_FAILED, ACT_RELEASE, WORKER_GONE);
	assert_step(WORKER_KILLING, EV_SPAWN_FAILED, ACT_RELEASE, WORKER_GONE);
}
END_TEST

START_TEST(a_worker_that_drains_is_asked_to_end_when_its_clients_have_left_or_had_their_time)
{
	assert_step(WORKER_READY, EV_DRAIN, ACT_DRAIN, WORKER_DRAINING);
	assert_step(WORKER_DRAINING, EV_STOP, ACT_SIGNAL, WORKER_STOPPING);
	assert_step(WORKER_DRAINING, EV_TIMER, ACT_SIGNAL, WORKER_STOPPING);
}
END_TEST

START_TEST(a_worker_that_dies_while_it_drains_is_not_replaced)
{
	ck_assert_int_eq(AFTER(WORKER_DRAINING, EV_EXITED, EV_TREE_GONE), WORKER_GONE);
	ck_assert_int_eq(AFTER(WORKER_FROZEN, EV_EXITED, EV_TREE_GONE), WORKER_GONE);
}
END_TEST

START_TEST(a_worker_that_drains_or_stands_still_may_be_wanted_again)
{
	assert_step(WORKER_DRAINING, EV_FREEZE, ACT_FREEZE, WORKER_FROZEN);
	assert_step(WORKER_DRAINING, EV_RESUME, ACT_RESUME, WORKER_READY);
	assert_step(WORKER_FROZEN, EV_RESUME, ACT_RESUME, WORKER_READY);
}
END_TEST

START_TEST(a_worker_that_is_not_started_again_leaves_its_slot_empty_until_somebody_asks)
{
	assert_step(WORKER_BACKOFF, EV_ENOUGH, ACT_STAY_EMPTY, WORKER_ENDED);
	assert_step(WORKER_ENDED, EV_START, ACT_SPAWN, WORKER_STARTING);
	assert_step(WORKER_ENDED, EV_STOP, ACT_RELEASE, WORKER_GONE);
}
END_TEST

START_TEST(that_a_worker_is_late_is_noted_and_it_goes_on)
{
	assert_step(WORKER_STARTING, EV_TIMER, ACT_NOTE_LATE, WORKER_STARTING);
}
END_TEST

/* What cannot happen, by what the slot holds: no process, a living leader, a dead one. */
static bool is_impossible(enum worker_state state, enum worker_event event)
{
	bool is_empty = state == WORKER_IDLE || state == WORKER_BACKOFF || state == WORKER_GONE ||
			state == WORKER_ENDED;
	bool is_ending = state == WORKER_STOPPING || state == WORKER_KILLING;
	bool is_leaving = state == WORKER_DRAINING || state == WORKER_FROZEN;

	switch (event) {
	case EV_START:
		return state != WORKER_IDLE && state != WORKER_BACKOFF && state != WORKER_ENDED;
	case EV_ENOUGH: return state != WORKER_BACKOFF;
	case EV_READY: return is_empty;
	case EV_EXITED: return is_empty || state == WORKER_CLEARING;
	case EV_TREE_GONE: return !is_ending && state != WORKER_CLEARING;
	case EV_TIMER:
		return state != WORKER_BACKOFF && state != WORKER_STOPPING &&
		       state != WORKER_STARTING && state != WORKER_KILLING && !is_leaving;
	case EV_DRAIN: return state != WORKER_READY;
	case EV_FREEZE: return state != WORKER_DRAINING;
	case EV_RESUME: return !is_leaving;
	case EV_EXEC_FAILED:
	case EV_SPAWN_FAILED: return !is_ending && state != WORKER_STARTING;
	case EV_STOP:
	case EV_NOW: return false;
	}
	return true;
}

/* Whether the act suits the step: each says something about where the slot goes. */
static bool suits(enum worker_state state, struct worker_step step)
{
	switch (step.act) {
	case ACT_REFUSED: return step.next == state;
	case ACT_NOTHING: return step.next == state || state == WORKER_CLEARING;
	case ACT_SPAWN: return step.next == WORKER_STARTING;
	case ACT_NOTE_READY: return step.next == WORKER_READY;
	case ACT_BACK_OFF: return step.next == WORKER_BACKOFF;
	case ACT_SIGNAL: return step.next == WORKER_STOPPING && step.next != state;
	case ACT_SIGNAL_REST: return step.next == WORKER_STOPPING && step.next == state;
	case ACT_KILL_TREE:
		return step.next != state &&
		       (step.next == WORKER_CLEARING || step.next == WORKER_KILLING);
	case ACT_RELEASE:
	case ACT_GIVE_UP: return step.next == WORKER_GONE && state != WORKER_GONE;
	case ACT_NOTE_LATE: return step.next == state && state == WORKER_STARTING;
	case ACT_DRAIN: return step.next == WORKER_DRAINING;
	case ACT_FREEZE: return step.next == WORKER_FROZEN;
	case ACT_RESUME: return step.next == WORKER_READY;
	case ACT_STAY_EMPTY: return step.next == WORKER_ENDED && state == WORKER_BACKOFF;
	case ACT_NOTE_STUCK: return step.next == state && state == WORKER_KILLING;
	}
	return false;
}

/* A state is entered by the act that makes it true, and by no other. */
static bool enters_rightly(enum worker_state state, struct worker_step step)
{
	if (step.next == state)
		return true;
	switch (step.next) {
	case WORKER_IDLE: return false;
	case WORKER_STARTING: return step.act == ACT_SPAWN;
	case WORKER_READY: return step.act == ACT_NOTE_READY || step.act == ACT_RESUME;
	case WORKER_CLEARING: return step.act == ACT_KILL_TREE;
	case WORKER_BACKOFF: return step.act == ACT_BACK_OFF;
	case WORKER_STOPPING: return step.act == ACT_SIGNAL;
	case WORKER_KILLING: return step.act == ACT_KILL_TREE || state == WORKER_CLEARING;
	case WORKER_GONE: return step.act == ACT_RELEASE || step.act == ACT_GIVE_UP;
	case WORKER_DRAINING: return step.act == ACT_DRAIN;
	case WORKER_FROZEN: return step.act == ACT_FREEZE;
	case WORKER_ENDED: return step.act == ACT_STAY_EMPTY;
	}
	return false;
}

START_TEST(every_cell_is_right_for_its_state_and_event)
{
	for (int s = 0; s < WORKER_STATES; s++) {
		for (int e = 0; e < WORKER_EVENTS; e++) {
			enum worker_state state = (enum worker_state)s;
			enum worker_event event = (enum worker_event)e;
			struct worker_step step = worker_fsm_step(state, event);

			ck_assert_msg((step.act == ACT_REFUSED) == is_impossible(state, event) &&
					      suits(state, step) && enters_rightly(state, step),
				      "%s: event %d", worker_state_text(state), e);
		}
	}
}
END_TEST

START_TEST(no_slot_that_is_gone_ever_comes_back)
{
	for (int e = 0; e < WORKER_EVENTS; e++)
		ck_assert_int_eq(worker_fsm_step(WORKER_GONE, (enum worker_event)e).next,
				 WORKER_GONE);
}
END_TEST

/* Delivers each event that is possible: whatever is ignored must not lead astray. */
static enum worker_state after_possible(enum worker_state state, const enum worker_event *events,
					size_t n)
{
	for (size_t i = 0; i < n; i++)
		state = worker_fsm_step(state, events[i]).next;
	return state;
}

START_TEST(from_every_state_a_stop_ends_in_an_empty_slot)
{
	static const enum worker_event graceful[] = { EV_STOP, EV_EXITED, EV_TREE_GONE };
	static const enum worker_event overdue[] = { EV_STOP, EV_TIMER, EV_EXITED, EV_TREE_GONE };
	static const enum worker_event hurried[] = { EV_STOP, EV_NOW, EV_EXITED, EV_TREE_GONE };
	static const enum worker_event at_once[] = { EV_NOW, EV_EXITED, EV_TREE_GONE };

	for (int s = 0; s < WORKER_STATES; s++) {
		enum worker_state state = (enum worker_state)s;

		ck_assert_int_eq(after_possible(state, graceful, 3), WORKER_GONE);
		ck_assert_int_eq(after_possible(state, overdue, 4), WORKER_GONE);
		ck_assert_int_eq(after_possible(state, hurried, 4), WORKER_GONE);
		ck_assert_int_eq(after_possible(state, at_once, 3), WORKER_GONE);
	}
}
END_TEST

START_TEST(every_state_can_be_reached)
{
	ck_assert_int_eq(AFTER(WORKER_IDLE, EV_START), WORKER_STARTING);
	ck_assert_int_eq(AFTER(WORKER_IDLE, EV_START, EV_READY), WORKER_READY);
	ck_assert_int_eq(AFTER(WORKER_IDLE, EV_START, EV_EXITED), WORKER_CLEARING);
	ck_assert_int_eq(AFTER(WORKER_IDLE, EV_START, EV_EXITED, EV_TREE_GONE), WORKER_BACKOFF);
	ck_assert_int_eq(AFTER(WORKER_IDLE, EV_START, EV_EXITED, EV_TREE_GONE, EV_ENOUGH),
			 WORKER_ENDED);
	ck_assert_int_eq(AFTER(WORKER_IDLE, EV_START, EV_STOP), WORKER_STOPPING);
	ck_assert_int_eq(AFTER(WORKER_IDLE, EV_START, EV_NOW), WORKER_KILLING);
	ck_assert_int_eq(AFTER(WORKER_IDLE, EV_STOP), WORKER_GONE);
}
END_TEST

START_TEST(every_state_has_a_word)
{
	for (int i = 0; i < WORKER_STATES; i++)
		ck_assert_uint_gt(strlen(worker_state_text((enum worker_state)i)), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_worker_comes_up,
		a_worker_that_dies_is_replaced_once_its_whole_tree_is_gone,
		a_command_that_cannot_be_executed_is_given_up_and_not_tried_again,
		a_start_that_failed_this_time_is_tried_again_after_a_pause,
		a_graceful_stop_gives_the_whole_tree_its_deadline,
		a_worker_that_outlives_its_deadline_is_killed_and_not_replaced,
		a_second_signal_kills_what_is_still_stopping,
		a_worker_that_died_is_not_replaced_once_it_is_no_longer_wanted,
		a_stop_that_comes_before_a_failed_start_ends_quietly,
		a_worker_that_drains_is_asked_to_end_when_its_clients_have_left_or_had_their_time,
		a_worker_that_dies_while_it_drains_is_not_replaced,
		a_worker_that_drains_or_stands_still_may_be_wanted_again,
		a_worker_that_is_not_started_again_leaves_its_slot_empty_until_somebody_asks,
		that_a_worker_is_late_is_noted_and_it_goes_on,
		every_cell_is_right_for_its_state_and_event,
		no_slot_that_is_gone_ever_comes_back,
		from_every_state_a_stop_ends_in_an_empty_slot,
		every_state_can_be_reached,
		every_state_has_a_word,
	};
	TCase *tcase = tcase_create("worker_fsm");
	Suite *suite = suite_create("worker_fsm");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
