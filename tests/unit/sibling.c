/*
 * Where the other programs of berth are looked for. This program stands in for berth:
 * copied to a place and started with a name, it prints which file that is.
 */
#include "os/sibling.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/own.h"
#include "run_suite.h"

#define SELF_NAME "unit-sibling"

static char place[] = "/tmp/berth-sibling-XXXXXX";

/* As an installed berth has them: bin, libexec/berth. */
static void begin(void)
{
	static const char *const directories[] = { "bin", "libexec", "libexec/berth" };

	ck_assert_ptr_nonnull(mkdtemp(place));
	ck_assert_int_eq(chdir(place), 0);
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		ck_assert_int_eq(mkdir(directories[i], 0755), 0);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
	(void)st;
	(void)kind;
	(void)walk;
	return remove(path);
}

static void end(void)
{
	ck_assert_int_eq(nftw(place, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void make_file(const char *path, mode_t mode)
{
	own_fd fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);

	ck_assert_int_ge(fd, 0);
}

static void copy_self_to(const char *path)
{
	own_fd from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	own_fd to = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0755);
	ssize_t n;

	ck_assert_int_ge(from, 0);
	ck_assert_int_ge(to, 0);
	while ((n = sendfile(to, from, NULL, INT_MAX)) > 0)
		;
	ck_assert_int_eq(n, 0);
}

/* What the program at @path prints when it is started with @name. */
static void run(const char *path, const char *name, char ret_output[static PATH_MAX])
{
	ssize_t n;
	int line[2];
	pid_t pid;

	ck_assert_int_eq(pipe2(line, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(line[1], STDOUT_FILENO);
		(void)execl(path, path, name, NULL);
		_exit(127);
	}
	(void)close(line[1]);
	n = read(line[0], ret_output, PATH_MAX - 1);
	(void)close(line[0]);
	ck_assert_int_ge(n, 0);
	ret_output[n] = '\0';
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* What the program at @path finds under a name is the file @expected. */
static void assert_finds(const char *path, const char *name, const char *expected)
{
	char found[PATH_MAX];
	struct stat of_found, of_expected;

	run(path, name, found);
	ck_assert_int_eq(stat(found, &of_found), 0);
	ck_assert_int_eq(stat(expected, &of_expected), 0);
	ck_assert_uint_eq(of_found.st_ino, of_expected.st_ino);
}

START_TEST(a_program_in_the_same_directory_is_found)
{
	char path[PATH_MAX];

	ck_assert_int_eq(sibling_path(SELF_NAME, path, sizeof(path)), 0);
	ck_assert_int_eq(path[0], '/');
	ck_assert_str_eq(strrchr(path, '/'), "/" SELF_NAME);
	ck_assert_int_eq(sibling_path("no-such-program", path, sizeof(path)), -ENOENT);
}
END_TEST

START_TEST(a_path_that_there_is_no_room_for_is_not_found)
{
	char path[sizeof(SELF_NAME)];

	ck_assert_int_eq(sibling_path(SELF_NAME, path, sizeof(path)), -ENOENT);
}
END_TEST

START_TEST(from_bin_a_program_in_libexec_is_found)
{
	begin();
	copy_self_to("bin/berth");
	make_file("libexec/berth/keeper", 0755);
	assert_finds("bin/berth", "keeper", "libexec/berth/keeper");
	end();
}
END_TEST

START_TEST(from_libexec_a_program_in_bin_is_found)
{
	begin();
	copy_self_to("libexec/berth/berthd");
	make_file("bin/berth", 0755);
	assert_finds("libexec/berth/berthd", "berth", "bin/berth");
	end();
}
END_TEST

START_TEST(the_same_directory_counts_first)
{
	begin();
	copy_self_to("bin/berth");
	make_file("libexec/berth/keeper", 0755);
	make_file("bin/keeper", 0755);
	assert_finds("bin/berth", "keeper", "bin/keeper");
	end();
}
END_TEST

START_TEST(what_may_not_be_executed_is_no_program)
{
	char found[PATH_MAX];

	begin();
	copy_self_to("bin/berth");
	make_file("bin/keeper", 0644);
	run("bin/berth", "keeper", found);
	ck_assert_str_eq(found, "none");
	make_file("libexec/berth/keeper", 0755);
	assert_finds("bin/berth", "keeper", "libexec/berth/keeper");
	end();
}
END_TEST

START_TEST(what_belongs_to_another_program_is_looked_for_where_that_is)
{
	char of[PATH_MAX], path[PATH_MAX];

	begin();
	make_file("libexec/berth/keeper", 0755);
	(void)snprintf(of, sizeof(of), "%s/bin/berth", place);
	ck_assert_int_eq(sibling_path_of(of, "keeper", path, sizeof(path)), 0);
	ck_assert_int_eq(access(path, X_OK), 0);
	ck_assert_ptr_null(strstr(path, ".."));
	ck_assert_int_eq(sibling_path_of(of, "keeper", path, strlen(path)), -ENOENT);
	(void)snprintf(of, sizeof(of), "%s/a/b/c/berth", place);
	ck_assert_int_eq(sibling_path_of(of, "keeper", path, sizeof(path)), -ENOENT);
	ck_assert_int_eq(sibling_path_of("/berth", "no-such-program", path, sizeof(path)), -ENOENT);
	end();
}
END_TEST

START_TEST(all_places_that_are_looked_at_can_be_told)
{
	char text[4 * PATH_MAX], self[PATH_MAX];

	ck_assert_int_eq(sibling_path(SELF_NAME, self, sizeof(self)), 0);
	ck_assert_int_eq(sibling_places(SELF_NAME, text, sizeof(text)), 0);
	ck_assert_int_eq(strncmp(text, self, strlen(self)), 0);
	ck_assert_ptr_nonnull(strstr(text, "/libexec/berth/" SELF_NAME ", "));
	ck_assert_ptr_nonnull(strstr(text, "/bin/" SELF_NAME));
	ck_assert_int_eq(sibling_places(SELF_NAME, text, 5), 0);
	ck_assert_uint_eq(strlen(text), 4);
}
END_TEST

static int print_path(const char *name)
{
	char path[PATH_MAX];
	int r = sibling_path(name, path, sizeof(path));

	(void)printf("%s", r == 0 ? path : "none");
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	const TTest *const tests[] = {
		a_program_in_the_same_directory_is_found,
		a_path_that_there_is_no_room_for_is_not_found,
		from_bin_a_program_in_libexec_is_found,
		from_libexec_a_program_in_bin_is_found,
		the_same_directory_counts_first,
		what_may_not_be_executed_is_no_program,
		what_belongs_to_another_program_is_looked_for_where_that_is,
		all_places_that_are_looked_at_can_be_told,
	};

	if (argc == 2)
		return print_path(argv[1]);
	return RUN_SUITE("sibling", tests);
}
