/*
 * Lines as people and programs see them.
 */
#include "core/message.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct message_source web2 = {
	.app = "web",
	.slot = 2,
	.pid = 4711,
	.generation = 3,
};

static const struct message_style plain = { .is_json = false };
static const struct message_style json = { .is_json = true };

static void assert_and_forget(struct buf *out, const char *text)
{
	ck_assert_msg(out->size == strlen(text) && memcmp(buf_span(out).at, text, out->size) == 0,
		      "'%.*s' instead of '%s'", (int)out->size, buf_span(out).at, text);
	buf_done(out);
}

static struct message_line line_of(const char *bytes, size_t size)
{
	return (struct message_line){
		.when = "2026-01-02T03:04:05.678Z",
		.source = &web2,
		.stream = "stdout",
		.text = { .at = bytes, .size = size },
	};
}

static void assert_line(const struct message_style *style, const char *text, const char *shown)
{
	struct message_line line = line_of(text, strlen(text));
	struct buf out;

	buf_init(&out, 10000);
	ck_assert(message_from_worker(style, &line, &out));
	assert_and_forget(&out, shown);
}

static void assert_note(const struct message_style *style, const struct message_note *note,
			const char *shown)
{
	struct buf out;

	buf_init(&out, 10000);
	ck_assert(message_from_berth(style, note, &out));
	assert_and_forget(&out, shown);
}

/* The message in the JSON object that is made of these bytes. */
static void assert_json_message(const char *bytes, size_t size, const char *message,
				size_t message_size)
{
	struct message_line line = line_of(bytes, size);
	json_auto_t *object = NULL;
	json_t *value;
	struct buf out;

	buf_init(&out, 10000);
	ck_assert(message_from_worker(&json, &line, &out));
	object = json_loadb(buf_span(&out).at, out.size, JSON_ALLOW_NUL, NULL);
	ck_assert_ptr_nonnull(object);
	value = json_object_get(object, "message");
	ck_assert_uint_eq(json_string_length(value), message_size);
	ck_assert_mem_eq(json_string_value(value), message, message_size);
	buf_done(&out);
}

START_TEST(a_workers_line_has_its_label_and_a_bar)
{
	assert_line(&plain, "listening", "web.2 | listening\n");
	assert_line(&plain, "", "web.2 | \n");
}
END_TEST

START_TEST(labels_are_as_wide_as_the_last_slots)
{
	struct message_style style = { .label_width = message_label_width("web", 12) };

	ck_assert_uint_eq(style.label_width, 6);
	ck_assert_uint_eq(message_label_width("web", 9), 5);
	ck_assert_uint_eq(message_label_width("web", 1000), 8);
	assert_line(&style, "listening", "web.2  | listening\n");
}
END_TEST

START_TEST(as_text_a_workers_bytes_pass_as_they_are)
{
	static const char bytes[] = "a\0b\xff\x1b[31m\tc";
	static const char shown[] = "web.2 | a\0b\xff\x1b[31m\tc\n";
	struct message_line line = line_of(bytes, sizeof(bytes) - 1);
	struct buf out;

	buf_init(&out, 1000);
	ck_assert(message_from_worker(&plain, &line, &out));
	ck_assert_uint_eq(out.size, sizeof(shown) - 1);
	ck_assert_mem_eq(buf_span(&out).at, shown, sizeof(shown) - 1);
	buf_done(&out);
}
END_TEST

START_TEST(on_a_terminal_each_slot_has_its_colour)
{
	struct message_style style = { .is_colour = true, .label_width = 6 };

	assert_line(&style, "up", "\x1b[0;33mweb.2  |\x1b[0m up\n");
}
END_TEST

START_TEST(a_colour_that_a_worker_leaves_on_ends_with_its_line)
{
	struct message_style style = { .is_colour = true };

	assert_line(&style, "\x1b[31mred", "\x1b[0;33mweb.2 |\x1b[0m \x1b[31mred\x1b[0m\n");
}
END_TEST

START_TEST(in_json_a_line_is_one_object)
{
	assert_line(&json, "say \"hi\"\t\xc3\xa9",
		    "{\"ts\":\"2026-01-02T03:04:05.678Z\",\"app\":\"web\",\"slot\":2,\"pid\":4711,"
		    "\"generation\":3,\"stream\":\"stdout\","
		    "\"message\":\"say \\\"hi\\\"\\t\xc3\xa9\"}\n");
}
END_TEST

START_TEST(in_json_every_byte_that_is_no_text_is_replaced)
{
	assert_json_message("a\xff"
			    "b",
			    3,
			    "a\xef\xbf\xbd"
			    "b",
			    5);
	assert_json_message("\xc3", 1, "\xef\xbf\xbd", 3);
	assert_json_message("\xe2\x82", 2, "\xef\xbf\xbd\xef\xbf\xbd", 6);
	assert_json_message("\xed\xa0\x80x", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx", 10);
	assert_json_message("\xc0\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd", 6);
}
END_TEST

START_TEST(in_json_control_characters_and_nul_are_kept)
{
	assert_json_message("a\0b\x1b[0m\x7f", 8, "a\0b\x1b[0m\x7f", 8);
	assert_json_message("\xc2\x85", 2, "\xc2\x85", 2);
	assert_json_message("", 0, "", 0);
}
END_TEST

START_TEST(berths_own_message_begins_with_its_name)
{
	struct message_note note = { .when = "", .event = "ready", .text = "2 workers are up" };

	assert_note(&plain, &note, "berth: 2 workers are up\n");
	note.source = &web2;
	note.text = "ended with exit code 1";
	assert_note(&plain, &note, "berth: web.2 ended with exit code 1\n");
}
END_TEST

START_TEST(on_a_terminal_warnings_and_errors_are_coloured)
{
	struct message_style style = { .is_colour = true };
	struct message_note note = { .when = "", .event = "x", .text = "text" };

	assert_note(&style, &note, "\x1b[0;1mberth:\x1b[0m text\n");
	note.level = MESSAGE_WARNING;
	assert_note(&style, &note, "\x1b[0;33mberth: text\x1b[0m\n");
	note.level = MESSAGE_ERROR;
	assert_note(&style, &note, "\x1b[0;31mberth: text\x1b[0m\n");
}
END_TEST

START_TEST(in_json_berths_own_message_has_a_level_and_an_event)
{
	struct message_note note = {
		.when = "2026-01-02T03:04:05.678Z",
		.level = MESSAGE_WARNING,
		.event = "worker_ended",
		.text = "ended",
	};

	assert_note(&json, &note,
		    "{\"ts\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warning\","
		    "\"event\":\"worker_ended\",\"message\":\"ended\"}\n");
	note.source = &web2;
	assert_note(&json, &note,
		    "{\"ts\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warning\","
		    "\"event\":\"worker_ended\",\"app\":\"web\",\"slot\":2,\"pid\":4711,"
		    "\"generation\":3,\"message\":\"ended\"}\n");
}
END_TEST

START_TEST(a_name_in_berths_own_message_cannot_end_the_line_or_reach_the_terminal)
{
	struct message_note note = {
		.when = "",
		.event = "x",
		.text = "held by \x1b[2Jevil\nberth: all is well \xff",
	};

	assert_note(&plain, &note, "berth: held by \\x1b[2Jevil\\x0aberth: all is well \\xff\n");
}
END_TEST

START_TEST(a_line_that_does_not_fit_leaves_no_trace)
{
	struct message_line line = line_of("0123456789", 10);
	struct message_note note = { .when = "", .event = "x", .text = "0123456789" };

	for (size_t max = 0; max < strlen("berth: 0123456789"); max++) {
		struct buf out;

		buf_init(&out, max);
		ck_assert(!message_from_worker(&plain, &line, &out));
		ck_assert(!message_from_worker(&json, &line, &out));
		ck_assert(!message_from_berth(&plain, &note, &out));
		ck_assert(!message_from_berth(&json, &note, &out));
		ck_assert_uint_eq(out.size, 0);
		buf_done(&out);
	}
}
END_TEST

static Suite *suite(void)
{
	const TTest *tests[] = {
		a_workers_line_has_its_label_and_a_bar,
		labels_are_as_wide_as_the_last_slots,
		as_text_a_workers_bytes_pass_as_they_are,
		on_a_terminal_each_slot_has_its_colour,
		a_colour_that_a_worker_leaves_on_ends_with_its_line,
		in_json_a_line_is_one_object,
		in_json_every_byte_that_is_no_text_is_replaced,
		in_json_control_characters_and_nul_are_kept,
		berths_own_message_begins_with_its_name,
		on_a_terminal_warnings_and_errors_are_coloured,
		in_json_berths_own_message_has_a_level_and_an_event,
		a_name_in_berths_own_message_cannot_end_the_line_or_reach_the_terminal,
		a_line_that_does_not_fit_leaves_no_trace,
	};
	Suite *s = suite_create("message");
	TCase *c = tcase_create("message");

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(c, tests[i]);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int n_failed;

	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
