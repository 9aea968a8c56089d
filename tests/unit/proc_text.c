/*
 * Status and fdinfo as the kernel writes them, and as nobody should.
 */
#include "os/proc_text.h"

#include <check.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "run_suite.h"

#define HEAD "Name:\tnode\nUmask:\t0027\nState:\tS (sleeping)\nTgid:\t42\nNgid:\t0\nPid:\t43\n"
#define IDS  "Uid:\t1000\t1001\t1002\t1003\nGid:\t2000\t2001\t2002\t4294967295\n"

START_TEST(a_thread_is_read_from_its_status)
{
	struct proc_status s;

	ck_assert_int_eq(proc_text_parse_status(HEAD IDS "FDSize:\t64\nGroups:\t1 2 3", &s), 0);
	ck_assert_int_eq(s.process, 42);
	ck_assert_uint_eq(s.uid, 1001);
	ck_assert_uint_eq(s.file_uid, 1003);
	ck_assert_uint_eq(s.file_gid, UINT32_MAX);
	ck_assert(s.has_umask);
	ck_assert_uint_eq(s.umask, 027);
}
END_TEST

START_TEST(a_zombie_has_no_umask)
{
	struct proc_status s;

	ck_assert_int_eq(proc_text_parse_status("Name:\tsh\nTgid:\t42\n" IDS, &s), 0);
	ck_assert(!s.has_umask);
	ck_assert_uint_eq(s.uid, 1001);
}
END_TEST

START_TEST(a_name_is_not_taken_for_another_line)
{
	struct proc_status s;

	ck_assert_int_eq(proc_text_parse_status("Name:\tUid:\t0\t0\t0\t0\\nTgid:\t1\n"
						"Tgid:\t42\n" IDS,
						&s),
			 0);
	ck_assert_int_eq(s.process, 42);
	ck_assert_uint_eq(s.uid, 1001);
}
END_TEST

START_TEST(a_text_that_is_no_status_is_refused)
{
	static const char *const texts[] = {
		"",
		"\n",
		HEAD,
		HEAD "Uid:\t0\t0\t0\t0\n",
		HEAD "Gid:\t0\t0\t0\t0\n",
		IDS,
		"Tgid:\n" IDS,
		"Tgid:\t-1\n" IDS,
		"Tgid:\t2147483648\n" IDS,
		"Tgid:\t4x\n" IDS,
		HEAD "Uid:\t0\t0\t0\nGid:\t0\t0\t0\t0\n",
		HEAD "Uid:\t0\t0\t0\t4294967296\nGid:\t0\t0\t0\t0\n",
		HEAD "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t1",
		"Umask:\t0028\nTgid:\t42\n" IDS,
		"Umask:\t1000\nTgid:\t42\n" IDS,
		"Umask:\t\nTgid:\t42\n" IDS,
	};
	struct proc_status s;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(proc_text_parse_status(texts[i], &s) == -EPROTO, "%s", texts[i]);
}
END_TEST

START_TEST(the_flags_of_a_descriptor_are_octal)
{
	unsigned flags;

	ck_assert_int_eq(proc_text_parse_flags("pos:\t0\nflags:\t02000002\nmnt_id:\t9\n", &flags),
			 0);
	ck_assert_uint_eq(flags, 02000002);
	ck_assert_int_eq(proc_text_parse_flags("pos:\t0\nmnt_id:\t9\n", &flags), -EPROTO);
	ck_assert_int_eq(proc_text_parse_flags("eflags:\t02\n", &flags), -EPROTO);
	ck_assert_int_eq(proc_text_parse_flags("flags:\t9\n", &flags), -EPROTO);
	ck_assert_int_eq(proc_text_parse_flags("flags:\t\n", &flags), -EPROTO);
	ck_assert_int_eq(proc_text_parse_flags("flags:\t02", &flags), -EPROTO);
	ck_assert_int_eq(proc_text_parse_flags("flags:\t40000000000\n", &flags), -EPROTO);
	ck_assert_int_eq(proc_text_parse_flags("flags:\t37777777777\n", &flags), 0);
	ck_assert_uint_eq(flags, UINT32_MAX);
}
END_TEST

START_TEST(an_epoll_names_its_targets_one_a_line)
{
	static const char *const others[] = { "",
					      "tfd:\n",
					      "tfd: -1 events: 19\n",
					      "tfd: 2147483648 events: 19\n",
					      "tfd: 5x events: 19\n",
					      "tfd:        5",
					      " tfd:        5 events: 19\n",
					      "pos:\t0\n" };
	int fd = -1;

	ck_assert(proc_text_parse_target("tfd:        5 events:       19 data:                5  "
					 "pos:0 ino:1 sdev:8\n",
					 &fd));
	ck_assert_int_eq(fd, 5);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert_msg(!proc_text_parse_target(others[i], &fd), "%s", others[i]);
	ck_assert_int_eq(fd, 5);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_thread_is_read_from_its_status,     a_zombie_has_no_umask,
		a_name_is_not_taken_for_another_line, a_text_that_is_no_status_is_refused,
		the_flags_of_a_descriptor_are_octal,  an_epoll_names_its_targets_one_a_line,
	};

	return RUN_SUITE("proc_text", tests);
}
