/*
 * Notifications as programs send them, and as none should.
 */
#include "core/notify_message.h"

#include <check.h>
#include <string.h>

#include "run_suite.h"

/* Of a text, without its NUL. */
static struct notify_message parsed(const char *text)
{
	struct notify_message m;

	ck_assert_msg(notify_message_parse(text, strlen(text), &m) == NOTIFY_OK, "%s", text);
	return m;
}

static void assert_verdict(enum notify_verdict v, const char *bytes, size_t size)
{
	struct notify_message m = { .has_status = true };

	ck_assert_int_eq(notify_message_parse(bytes, size, &m), v);
	ck_assert(m.has_status); /* nothing is written */
	ck_assert_ptr_nonnull(notify_verdict_text(v));
}

START_TEST(ready_is_one_line)
{
	struct notify_message m = parsed("READY=1");

	ck_assert(m.is_ready);
	ck_assert(!m.is_stopping && !m.is_reloading && !m.is_alive && !m.wants_storage);
	ck_assert(!m.has_status);
	ck_assert(parsed("READY=1\n").is_ready);
}
END_TEST

START_TEST(several_lines_may_come_at_once)
{
	struct notify_message m = parsed("READY=1\nSTATUS=Serving = 3 clients\nMAINPID=77\n"
					 "WATCHDOG=1\n\nSTOPPING=1");

	ck_assert(m.is_ready && m.is_alive && m.is_stopping);
	ck_assert(m.has_status);
	ck_assert_str_eq(m.status, "Serving = 3 clients");
}
END_TEST

START_TEST(the_other_words_are_known_too)
{
	ck_assert(parsed("RELOADING=1\nMONOTONIC_USEC=123").is_reloading);
	ck_assert(parsed("FDSTORE=1\nFDNAME=x").wants_storage);
	ck_assert(parsed("STATUS=").has_status);
	ck_assert_str_eq(parsed("STATUS=").status, "");
}
END_TEST

START_TEST(a_nul_at_the_end_is_let_pass)
{
	struct notify_message m;

	ck_assert_int_eq(notify_message_parse("READY=1", 8, &m), NOTIFY_OK);
	ck_assert(m.is_ready);
	assert_verdict(NOTIFY_HAS_NUL, "READY=1\0\0", 9);
	assert_verdict(NOTIFY_HAS_NUL, "READY=1\0STATUS=x", 16);
	assert_verdict(NOTIFY_NOTHING, "\0", 1);
}
END_TEST

START_TEST(only_the_exact_word_counts)
{
	assert_verdict(NOTIFY_NOTHING, "READY=0", 7);
	assert_verdict(NOTIFY_NOTHING, "READY=11", 8);
	assert_verdict(NOTIFY_NOTHING, "READY=1 ", 8);
	assert_verdict(NOTIFY_NOTHING, " READY=1", 8);
	assert_verdict(NOTIFY_NOTHING, "ready=1", 7);
	assert_verdict(NOTIFY_NOTHING, "READY", 5);
	assert_verdict(NOTIFY_NOTHING, "XREADY=1", 8);
	assert_verdict(NOTIFY_NOTHING, "READY=1\r\n", 9);
	assert_verdict(NOTIFY_NOTHING, "BARRIER=1", 9);
	assert_verdict(NOTIFY_NOTHING, "=\n==\n\n", 6);
	assert_verdict(NOTIFY_NOTHING, "", 0);
}
END_TEST

START_TEST(of_two_the_first_counts)
{
	struct notify_message m = parsed("STATUS=one\nREADY=0\nSTATUS=two\nREADY=1");

	ck_assert_str_eq(m.status, "one");
	ck_assert(!m.is_ready);
}
END_TEST

START_TEST(a_status_may_be_shown_whatever_it_was)
{
	char text[NOTIFY_SIZE_MAX + 1];
	struct notify_message m = parsed("STATUS=a\033[2J\xff\t\xe2\x80\xae");

	ck_assert_str_eq(m.status, "a\\x1b[2J\\xff\\x09\\xe2\\x80\\xae");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "STATUS=", 7);
	m = parsed(text);
	ck_assert_uint_eq(strlen(m.status), NOTIFY_STATUS_MAX - 1);
	ck_assert_str_eq(m.status + NOTIFY_STATUS_MAX - 4, "...");
}
END_TEST

START_TEST(what_is_too_long_is_not_read)
{
	char text[NOTIFY_SIZE_MAX + 1] = "READY=1\n";
	struct notify_message m;

	memset(text + 8, 'x', sizeof(text) - 8);
	ck_assert_int_eq(notify_message_parse(text, NOTIFY_SIZE_MAX, &m), NOTIFY_OK);
	assert_verdict(NOTIFY_TOO_LONG, text, NOTIFY_SIZE_MAX + 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		ready_is_one_line,
		several_lines_may_come_at_once,
		the_other_words_are_known_too,
		a_nul_at_the_end_is_let_pass,
		only_the_exact_word_counts,
		of_two_the_first_counts,
		a_status_may_be_shown_whatever_it_was,
		what_is_too_long_is_not_read,
	};

	return RUN_SUITE("notify_message", tests);
}
