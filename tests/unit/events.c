/*
 * The ring of events: numbers that go on, and what is said of those that are not kept.
 */
#include "core/events.h"

#include <string.h>

#include "run_suite.h"

static struct events ring;

static void note(const char *text)
{
	static const struct event_asker nobody;
	const struct message_note n = { .level = MESSAGE_WARNING, .event = "thing", .text = text };

	events_note(&ring, &n, 1000, &nobody);
}

START_TEST(events_come_in_the_order_of_their_numbers)
{
	const struct message_source source = { "web", 2, 77, 3 };
	const struct event_asker root = { true, 0, 12 };
	const struct message_note n = { .event = "scaled", .source = &source, .text = "more" };
	struct event event;
	uint64_t n_lost = 9;

	ck_assert(!events_next(&ring, 0, &event, &n_lost));
	note("first");
	events_note(&ring, &n, 2000, &root);
	ck_assert(events_next(&ring, 0, &event, &n_lost));
	ck_assert_uint_eq(event.number, 1);
	ck_assert_uint_eq(n_lost, 0);
	ck_assert_str_eq(event.text, "first");
	ck_assert_uint_eq(event.level, MESSAGE_WARNING);
	ck_assert(!event.asker.is_known);
	ck_assert(events_next(&ring, 1, &event, &n_lost));
	ck_assert_uint_eq(event.number, 2);
	ck_assert_str_eq(event.app, "web");
	ck_assert_uint_eq(event.slot, 2);
	ck_assert_int_eq(event.asker.pid, 12);
	ck_assert(!events_next(&ring, 2, &event, &n_lost));
	ck_assert(!events_next(&ring, UINT64_MAX, &event, &n_lost));
}
END_TEST

START_TEST(a_number_beyond_the_last_is_taken_for_the_last)
{
	struct event event;
	uint64_t n_lost, after = events_reach(&ring, 1000);

	ck_assert_uint_eq(after, 0);
	note("one");
	ck_assert(!events_next(&ring, 1000, &event, &n_lost));
	ck_assert(events_next(&ring, after, &event, &n_lost));
	ck_assert_uint_eq(event.number, 1);
	ck_assert_uint_eq(events_reach(&ring, UINT64_MAX), 1);
	ck_assert_uint_eq(events_reach(&ring, 1), 1);
	ck_assert_uint_eq(events_reach(&ring, 0), 0);
}
END_TEST

START_TEST(what_is_not_kept_any_more_is_counted)
{
	struct event event;
	uint64_t n_lost;

	for (int i = 0; i < EVENTS_MAX + 10; i++)
		note("");
	ck_assert(events_next(&ring, 0, &event, &n_lost));
	ck_assert_uint_eq(event.number, 11);
	ck_assert_uint_eq(n_lost, 10);
	ck_assert(events_next(&ring, 7, &event, &n_lost));
	ck_assert_uint_eq(n_lost, 3);
	ck_assert(events_next(&ring, 11, &event, &n_lost));
	ck_assert_uint_eq(event.number, 12);
	ck_assert_uint_eq(n_lost, 0);
}
END_TEST

START_TEST(one_that_was_being_written_when_its_writer_died_is_none)
{
	struct event event;
	uint64_t n_lost;

	note("one");
	/* the next one is begun: not the head, but its place is changed */
	memset(&ring.ring[2], 0xff, sizeof(ring.ring[2]));
	ck_assert(events_next(&ring, 0, &event, &n_lost));
	ck_assert(!events_next(&ring, 1, &event, &n_lost));
	note("two");
	ck_assert(events_next(&ring, 1, &event, &n_lost));
	ck_assert_str_eq(event.text, "two");
}
END_TEST

START_TEST(memory_that_others_have_left_is_not_trusted)
{
	struct event event;
	uint64_t n_lost;

	memset(&ring, 0xff, sizeof(ring));
	ck_assert(events_next(&ring, 0, &event, &n_lost));
	ck_assert_uint_lt(strlen(event.text), sizeof(event.text));
	memset(&ring, 'x', sizeof(ring));
	ring.last = 1;
	ring.ring[1].number = 1;
	ck_assert(events_next(&ring, 0, &event, &n_lost));
	ck_assert_uint_lt(strlen(event.text), sizeof(event.text));
	ck_assert_uint_lt(strlen(event.app), sizeof(event.app));
	note("goes on");
	ck_assert(events_next(&ring, 1, &event, &n_lost));
}
END_TEST

START_TEST(a_text_that_is_too_long_is_cut)
{
	char text[2 * EVENTS_TEXT_SIZE];
	struct event event;
	uint64_t n_lost;

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	note(text);
	ck_assert(events_next(&ring, 0, &event, &n_lost));
	ck_assert_uint_eq(strlen(event.text), EVENTS_TEXT_SIZE - 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		events_come_in_the_order_of_their_numbers,
		a_number_beyond_the_last_is_taken_for_the_last,
		what_is_not_kept_any_more_is_counted,
		one_that_was_being_written_when_its_writer_died_is_none,
		memory_that_others_have_left_is_not_trusted,
		a_text_that_is_too_long_is_cut,
	};

	return RUN_SUITE("events", tests);
}
