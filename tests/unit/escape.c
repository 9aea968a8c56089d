/*
 * Nothing that others chose may reach a terminal as it is.
 */
#include "base/escape.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void assert_escaped(const char *text, const char *expected)
{
	char shown[128];

	ck_assert_str_eq(escape_text(text, strlen(text), shown, sizeof(shown)), expected);
}

START_TEST(plain_text_stays_as_it_is)
{
	assert_escaped("", "");
	assert_escaped("nginx: master process", "nginx: master process");
	assert_escaped("gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x90\x88",
		       "gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x90\x88");
}
END_TEST

START_TEST(control_characters_are_shown_and_not_done)
{
	assert_escaped("a\033[2Jb", "a\\x1b[2Jb");
	assert_escaped("a\nb\tc\rd\177", "a\\x0ab\\x09c\\x0dd\\x7f");
	assert_escaped("\xc2\x9b"
		       "2J",
		       "\\xc2\\x9b2J"); /* the same escape, in one character */
}
END_TEST

START_TEST(characters_that_turn_the_direction_of_writing_are_shown)
{
	assert_escaped("a\xe2\x80\xae"
		       "b",
		       "a\\xe2\\x80\\xaeb");
	assert_escaped("\xe2\x81\xa6", "\\xe2\\x81\\xa6");
	assert_escaped("\xe2\x80\xa8", "\\xe2\\x80\\xa8"); /* the line separator */
	assert_escaped("\xe2\x82\xac", "\xe2\x82\xac");    /* the euro sign is none of them */
}
END_TEST

START_TEST(bytes_that_are_no_utf8_are_shown)
{
	assert_escaped("a\xff"
		       "b\xc3",
		       "a\\xffb\\xc3");
}
END_TEST

START_TEST(a_nul_is_a_byte_as_any_other)
{
	char shown[16];

	ck_assert_str_eq(escape_text("a\0b", 3, shown, sizeof(shown)), "a\\x00b");
}
END_TEST

START_TEST(what_does_not_fit_is_cut_between_characters)
{
	char shown[8];

	ck_assert_str_eq(escape_text("1234567", 7, shown, sizeof(shown)), "1234567");
	ck_assert_str_eq(escape_text("12345678", 8, shown, sizeof(shown)), "1234...");
	ck_assert_str_eq(escape_text("123\xc3\xbc"
				     "5678",
				     9, shown, sizeof(shown)),
			 "123...");
	ck_assert_str_eq(escape_text("1\033\033", 3, shown, sizeof(shown)), "1...");
	ck_assert_str_eq(escape_text("12345", 5, shown, 4), "...");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("escape");
	TCase *tcase = tcase_create("escape");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(tcase, plain_text_stays_as_it_is);
	tcase_add_test(tcase, control_characters_are_shown_and_not_done);
	tcase_add_test(tcase, characters_that_turn_the_direction_of_writing_are_shown);
	tcase_add_test(tcase, bytes_that_are_no_utf8_are_shown);
	tcase_add_test(tcase, a_nul_is_a_byte_as_any_other);
	tcase_add_test(tcase, what_does_not_fit_is_cut_between_characters);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
