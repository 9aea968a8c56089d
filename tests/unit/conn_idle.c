/*
 * Which connections may be closed, at which moment of a drain.
 */
#include "core/conn_idle.h"

#include "run_suite.h"

#define IDLE_CLOSE_MS 5000
#define DRAIN_MS      30000

/* Answered, and acknowledged, @quiet_ms ago. */
static struct conn_info answered(uint32_t quiet_ms)
{
	return (struct conn_info){
		.n_received = 100,
		.n_acked = 500,
		.segment_max = 1448,
		.received_ms = quiet_ms + 8,
		.sent_ms = quiet_ms,
		.heard_ms = quiet_ms,
	};
}

static bool is_idle_at(const struct conn_info *c, uint32_t left_ms)
{
	struct conn_patience p = conn_patience(IDLE_CLOSE_MS, left_ms);

	return conn_is_idle(c, &p);
}

START_TEST(a_connection_is_idle_when_the_server_had_the_last_word_for_long_enough)
{
	struct conn_info c = answered(IDLE_CLOSE_MS - 1);

	ck_assert(!is_idle_at(&c, DRAIN_MS));
	c = answered(IDLE_CLOSE_MS);
	ck_assert(is_idle_at(&c, DRAIN_MS));
	c.state = CONN_PEER_DONE;
	ck_assert(is_idle_at(&c, DRAIN_MS));
	c.state = CONN_CLOSING;
	ck_assert(!is_idle_at(&c, DRAIN_MS));
}
END_TEST

START_TEST(a_request_in_flight_is_never_idle_however_long_it_takes)
{
	struct conn_info c = answered(60000);

	c.sent_ms = c.received_ms + 1;
	for (uint32_t left_ms = 0; left_ms <= DRAIN_MS; left_ms += 10)
		ck_assert(!is_idle_at(&c, left_ms));
}
END_TEST

START_TEST(what_is_unread_or_unacknowledged_or_unsent_keeps_a_connection_open)
{
	for (int i = 0; i < 3; i++) {
		struct conn_info c = answered(60000);

		c.n_unread = i == 0;
		c.n_unacked = i >= 1 ? 3000 : 0;
		c.n_unsent = i == 2;
		ck_assert(!is_idle_at(&c, DRAIN_MS));
		ck_assert(!is_idle_at(&c, 10));
	}
}
END_TEST

START_TEST(an_acknowledgement_that_the_client_keeps_is_not_waited_for_in_short_pauses)
{
	struct conn_info c = answered(60000);

	c.n_unacked = 200;
	ck_assert(!is_idle_at(&c, DRAIN_MS));
	ck_assert(!is_idle_at(&c, 160));
	ck_assert(is_idle_at(&c, 159));
	c.received_ms = c.heard_ms = c.sent_ms; /* a next request would have brought it */
	ck_assert(is_idle_at(&c, 159));
	c.sent_ms = c.received_ms + 1;
	ck_assert(!is_idle_at(&c, 159));
}
END_TEST

START_TEST(an_acknowledgement_behind_the_last_request_tells_that_it_was_answered)
{
	struct conn_info c = answered(IDLE_CLOSE_MS);

	c.received_ms = c.sent_ms;
	c.heard_ms = c.sent_ms - 40;
	ck_assert(is_idle_at(&c, DRAIN_MS));
}
END_TEST

START_TEST(one_that_may_have_asked_again_at_once_is_left_for_as_long_as_the_drain_may_take)
{
	struct conn_info c = answered(IDLE_CLOSE_MS);

	c.received_ms = c.heard_ms = c.sent_ms;
	ck_assert(!is_idle_at(&c, DRAIN_MS));
	ck_assert(!is_idle_at(&c, IDLE_CLOSE_MS + 1));
	ck_assert(is_idle_at(&c, IDLE_CLOSE_MS));
	c.received_ms = c.heard_ms = c.sent_ms = IDLE_CLOSE_MS - 1;
	ck_assert(!is_idle_at(&c, 1));
	c.received_ms = c.heard_ms = c.sent_ms = DRAIN_MS;
	ck_assert(is_idle_at(&c, DRAIN_MS));
}
END_TEST

START_TEST(a_client_that_has_just_connected_may_take_idle_close_to_say_something)
{
	struct conn_info c = { .received_ms = IDLE_CLOSE_MS - 1, .sent_ms = IDLE_CLOSE_MS - 1 };

	ck_assert(!is_idle_at(&c, DRAIN_MS));
	ck_assert(!is_idle_at(&c, 1));
	c.received_ms = c.sent_ms = IDLE_CLOSE_MS;
	ck_assert(is_idle_at(&c, DRAIN_MS));
	ck_assert(is_idle_at(&c, 1));
}
END_TEST

START_TEST(a_first_request_that_is_not_answered_is_in_flight)
{
	struct conn_info c = { .n_received = 100, .received_ms = 60000, .sent_ms = 60000 };

	c.heard_ms = 59000;
	ck_assert(!is_idle_at(&c, DRAIN_MS));
	ck_assert(!is_idle_at(&c, 1));
}
END_TEST

START_TEST(a_server_that_speaks_first_has_had_the_last_word)
{
	struct conn_info c = answered(IDLE_CLOSE_MS);

	c.n_received = 0;
	c.received_ms = c.sent_ms;
	ck_assert(is_idle_at(&c, DRAIN_MS));
}
END_TEST

START_TEST(off_closes_and_holds_nothing)
{
	struct conn_info c = answered(UINT32_MAX - 8);
	struct conn_patience p;

	for (uint32_t left_ms = 0; left_ms <= DRAIN_MS; left_ms += 10) {
		p = conn_patience(0, left_ms);
		ck_assert(!conn_is_idle(&c, &p));
		ck_assert(!conn_is_to_hold(&c, &p));
		ck_assert_uint_eq(conn_look_again_ms(&p, true), CONN_LOOK_MAX_MS);
	}
}
END_TEST

START_TEST(patience_shrinks_as_the_deadline_comes_near_and_never_grows)
{
	struct conn_patience before = conn_patience(IDLE_CLOSE_MS, DRAIN_MS);

	ck_assert_uint_eq(before.idle_ms, IDLE_CLOSE_MS);
	for (uint32_t left_ms = DRAIN_MS; left_ms-- > 0;) {
		struct conn_patience p = conn_patience(IDLE_CLOSE_MS, left_ms);

		ck_assert_uint_le(p.idle_ms, before.idle_ms);
		ck_assert_uint_le(p.unsure_ms, before.unsure_ms);
		ck_assert_uint_ge(p.idle_ms, 1);
		ck_assert(p.idle_ms <= left_ms || p.idle_ms == 1);
		before = p;
	}
	ck_assert_uint_eq(before.idle_ms, 1);
}
END_TEST

START_TEST(the_next_look_comes_soon_enough_to_find_a_pause_of_that_length)
{
	for (uint32_t left_ms = 0; left_ms <= DRAIN_MS; left_ms++) {
		struct conn_patience p = conn_patience(IDLE_CLOSE_MS, left_ms);
		uint32_t pause_ms = conn_look_again_ms(&p, false);

		ck_assert_uint_ge(pause_ms, 1);
		ck_assert_uint_le(pause_ms, 250);
		ck_assert_uint_eq(conn_look_again_ms(&p, true), 1);
		ck_assert(pause_ms <= p.idle_ms / 8 || pause_ms == 1);
		ck_assert(p.held_ms == 0 || pause_ms <= p.held_ms / 2 || pause_ms == 1);
	}
}
END_TEST

START_TEST(connections_are_closed_a_few_at_a_time_but_all_within_a_few_dozen_looks)
{
	ck_assert_uint_eq(conn_close_max(0), 4);
	ck_assert_uint_eq(conn_close_max(100), 4);
	ck_assert_uint_eq(conn_close_max(10000), 312);
}
END_TEST

START_TEST(answers_are_held_in_the_last_part_only)
{
	struct conn_info c = answered(0);
	struct conn_patience p = conn_patience(IDLE_CLOSE_MS, CONN_HOLD_MS + 1);

	ck_assert(!conn_is_to_hold(&c, &p));
	p = conn_patience(IDLE_CLOSE_MS, CONN_HOLD_MS);
	ck_assert(conn_is_to_hold(&c, &p));
	ck_assert_uint_eq(p.held_ms, 50);
	c.is_held = true;
	ck_assert(!conn_is_to_hold(&c, &p));
	c.is_held = false;
	c.state = CONN_CLOSING;
	ck_assert(!conn_is_to_hold(&c, &p));
	ck_assert_uint_eq(conn_patience(IDLE_CLOSE_MS, 0).held_ms, 1);
}
END_TEST

/* Nothing has been sent since the request: only what waits tells that it is answered. */
static struct conn_info held(uint32_t same_ms)
{
	struct conn_info c = answered(0);

	c.received_ms = 5;
	c.sent_ms = 300;
	c.is_held = true;
	c.n_unacked = c.n_unsent = 200;
	c.same_ms = same_ms;
	return c;
}

START_TEST(an_answer_whose_end_is_held_and_does_not_grow_is_the_end)
{
	struct conn_info c = held(50);

	ck_assert(is_idle_at(&c, CONN_HOLD_MS));
	c = held(49);
	ck_assert(!is_idle_at(&c, CONN_HOLD_MS));
	ck_assert(is_idle_at(&c, 160));
	c.n_unread = 1;
	ck_assert(!is_idle_at(&c, 160));
}
END_TEST

START_TEST(an_answer_whose_beginning_is_on_its_way_or_that_no_one_reads_is_not_the_end)
{
	struct conn_info c = held(50);

	c.n_unacked += 1448;
	ck_assert(!is_idle_at(&c, 1));
	c = held(50);
	c.n_unacked = c.n_unsent = 1448;
	ck_assert(!is_idle_at(&c, 1));
	c = held(50);
	c.is_held = false;
	ck_assert(!is_idle_at(&c, 1));
	c = held(50);
	c.n_unacked = c.n_unsent = 0;
	ck_assert(!is_idle_at(&c, 1));
}
END_TEST

START_TEST(a_connection_is_quiet_since_the_last_byte_of_either_side)
{
	struct conn_info c = { .sent_ms = 7, .received_ms = 9, .heard_ms = 1 };

	ck_assert_uint_eq(conn_quiet_ms(&c), 7);
	c.received_ms = 3;
	ck_assert_uint_eq(conn_quiet_ms(&c), 3);
}
END_TEST

START_TEST(one_at_a_unix_socket_is_never_closed_as_nobody_tells_when_it_was_used)
{
	const struct conn_patience p = conn_patience(IDLE_CLOSE_MS, 1);
	struct conn_info c = answered(2 * DRAIN_MS);

	c.local.family = AF_UNIX;
	ck_assert(!is_idle_at(&c, DRAIN_MS));
	ck_assert(!is_idle_at(&c, 1));
	ck_assert(!conn_is_to_hold(&c, &p));
}
END_TEST

START_TEST(where_the_server_spoke_long_after_the_client_more_may_come_until_late_in_the_drain)
{
	struct conn_info c = answered(IDLE_CLOSE_MS);

	c.received_ms = c.sent_ms + IDLE_CLOSE_MS;
	ck_assert(is_idle_at(&c, DRAIN_MS));
	c.received_ms++;
	ck_assert(!is_idle_at(&c, DRAIN_MS));
	ck_assert(!is_idle_at(&c, IDLE_CLOSE_MS + 1));
	ck_assert(is_idle_at(&c, IDLE_CLOSE_MS));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_connection_is_idle_when_the_server_had_the_last_word_for_long_enough,
		a_request_in_flight_is_never_idle_however_long_it_takes,
		what_is_unread_or_unacknowledged_or_unsent_keeps_a_connection_open,
		an_acknowledgement_that_the_client_keeps_is_not_waited_for_in_short_pauses,
		an_acknowledgement_behind_the_last_request_tells_that_it_was_answered,
		one_that_may_have_asked_again_at_once_is_left_for_as_long_as_the_drain_may_take,
		a_client_that_has_just_connected_may_take_idle_close_to_say_something,
		a_first_request_that_is_not_answered_is_in_flight,
		a_server_that_speaks_first_has_had_the_last_word,
		off_closes_and_holds_nothing,
		patience_shrinks_as_the_deadline_comes_near_and_never_grows,
		the_next_look_comes_soon_enough_to_find_a_pause_of_that_length,
		connections_are_closed_a_few_at_a_time_but_all_within_a_few_dozen_looks,
		answers_are_held_in_the_last_part_only,
		an_answer_whose_end_is_held_and_does_not_grow_is_the_end,
		an_answer_whose_beginning_is_on_its_way_or_that_no_one_reads_is_not_the_end,
		a_connection_is_quiet_since_the_last_byte_of_either_side,
		one_at_a_unix_socket_is_never_closed_as_nobody_tells_when_it_was_used,
		where_the_server_spoke_long_after_the_client_more_may_come_until_late_in_the_drain,
	};

	return RUN_SUITE("conn_idle", tests);
}
