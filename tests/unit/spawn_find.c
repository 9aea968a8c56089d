/*
 * Which file a command is, as a shell would find it.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/spawn.h"
#include "run_suite.h"

static char place[] = "/tmp/berth-spawn-XXXXXX";

static void make_file(const char *name, mode_t mode)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", place, name);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, mode);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
}

static void make_directory(const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/%s", place, name);
	ck_assert_int_eq(mkdir(path, 0755), 0);
}

/* one: tool; two: tool, plain (not executable), folder/ (a directory) */
static void make_place(void)
{
	(void)umask(0);
	ck_assert_ptr_nonnull(mkdtemp(place));
	ck_assert_int_eq(chdir(place), 0);
	make_directory("one");
	make_directory("two");
	make_directory("two/folder");
	make_file("one/tool", 0755);
	make_file("two/tool", 0755);
	make_file("two/plain", 0644);
}

static void remove_place(void)
{
	static const char *const made[] = { "one/tool",   "two/tool", "two/plain",
					    "two/folder", "one",      "two" };

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		(void)remove(made[i]);
	(void)rmdir(place);
}

static void assert_finds(const char *command, const char *search, const char *path)
{
	char found[PATH_MAX];

	ck_assert_int_eq(spawn_find(command, search, found, sizeof(found)), 0);
	ck_assert_str_eq(found, path);
}

static void assert_finds_none(const char *command, const char *search, int error)
{
	char found[PATH_MAX] = "untouched";

	ck_assert_int_eq(spawn_find(command, search, found, sizeof(found)), -error);
	ck_assert_str_eq(found, "untouched");
}

START_TEST(a_command_is_searched_for_in_order)
{
	make_place();
	assert_finds("tool", "one:two", "one/tool");
	assert_finds("tool", "two:one", "two/tool");
	assert_finds("tool", "/nowhere:two/plain:two", "two/tool");
	assert_finds_none("tool", "", ENOENT);
	assert_finds_none("nothing", "one:two", ENOENT);
	assert_finds_none("", "one:two", ENOENT);
	remove_place();
}
END_TEST

START_TEST(without_a_path_variable_the_usual_places_are_searched)
{
	char found[PATH_MAX];

	ck_assert_int_eq(spawn_find("sh", NULL, found, sizeof(found)), 0);
	ck_assert_int_eq(found[0], '/');
}
END_TEST

START_TEST(a_command_with_a_slash_is_not_searched_for)
{
	make_place();
	assert_finds("one/tool", "two", "one/tool");
	assert_finds("./one/tool", NULL, "./one/tool");
	assert_finds("/bin/sh", "one", "/bin/sh");
	assert_finds_none("one/nothing", "one", ENOENT);
	assert_finds_none("one/tool/x", "one", ENOTDIR);
	remove_place();
}
END_TEST

START_TEST(an_empty_element_of_the_path_is_the_working_directory)
{
	make_place();
	ck_assert_int_eq(chdir("one"), 0);
	assert_finds("tool", ":../two", "tool");
	assert_finds("tool", "../two:", "../two/tool");
	assert_finds("tool", "/nowhere:", "tool");
	ck_assert_int_eq(chdir(".."), 0);
	remove_place();
}
END_TEST

START_TEST(what_may_not_be_executed_is_told_from_what_is_not_there)
{
	make_place();
	assert_finds_none("plain", "two", EACCES);
	assert_finds_none("plain", "two:one:/nowhere", EACCES);
	assert_finds_none("two/plain", NULL, EACCES);
	assert_finds_none("folder", "two", EACCES);
	assert_finds_none("two/folder", NULL, EACCES);
	make_file("one/plain", 0755);
	assert_finds("plain", "two:one", "one/plain");
	(void)remove("one/plain");
	remove_place();
}
END_TEST

START_TEST(a_path_that_has_no_room_is_refused)
{
	char found[10] = "untouched";

	ck_assert_int_eq(spawn_find("/bin/true", NULL, found, sizeof("/bin/true") - 1),
			 -ENAMETOOLONG);
	ck_assert_str_eq(found, "untouched");
	ck_assert_int_eq(spawn_find("/bin/true", NULL, found, sizeof("/bin/true")), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_command_is_searched_for_in_order,
		without_a_path_variable_the_usual_places_are_searched,
		a_command_with_a_slash_is_not_searched_for,
		an_empty_element_of_the_path_is_the_working_directory,
		what_may_not_be_executed_is_told_from_what_is_not_there,
		a_path_that_has_no_room_is_refused,
	};

	return RUN_SUITE("spawn_find", tests);
}
