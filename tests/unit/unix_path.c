/*
 * The file of a shared Unix socket, and what programs do to it.
 */
#include "os/unix_path.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "os/sock.h"
#include "run_suite.h"

#define OTHER_UID 1234
#define ORIGIN    77

static char place[] = "/tmp/berth-path-XXXXXX";
static struct addr address;
static struct unix_path path;
static int listener;

static void claim_as(const char *text)
{
	ck_assert_int_eq(addr_parse(text, &address), ADDR_OK);
	ck_assert_int_eq(sock_claim(&address, NULL, &listener), 0);
	ck_assert_int_eq(unix_path_init(&path, &address, ORIGIN), 0);
}

/* A listening socket at "s" in a directory of its own, which is the working directory. */
static void begin(void)
{
	char text[64];

	ck_assert_ptr_nonnull(mkdtemp(place));
	ck_assert_int_eq(chdir(place), 0);
	(void)snprintf(text, sizeof(text), "unix:%s/s", place);
	claim_as(text);
}

static size_t n_files(void)
{
	DIR *directory = opendir(place);
	size_t n = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		n++;
	(void)closedir(directory);
	return n - 2; /* "." and ".." */
}

static void end(void)
{
	unix_path_done(&path);
	ck_assert_uint_eq(n_files(), 0);
	ck_assert_int_eq(rmdir(place), 0);
}

static void make_file(const char *name)
{
	int fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	(void)close(fd);
}

static bool has_file(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0;
}

START_TEST(a_socket_has_a_second_name_beside_its_first)
{
	begin();
	ck_assert_str_eq(path.first, address.u.path);
	ck_assert(strncmp(path.second, place, strlen(place)) == 0);
	ck_assert(strncmp(path.second + strlen(place), "/.s.berth-", 10) == 0);
	ck_assert(has_file(path.first) && has_file(path.second));
	ck_assert_uint_eq(n_files(), 2);
	end();
}
END_TEST

START_TEST(a_path_without_directory_has_its_second_name_in_the_same_place)
{
	ck_assert_ptr_nonnull(mkdtemp(place));
	ck_assert_int_eq(chdir(place), 0);
	claim_as("unix:relative");
	ck_assert(strncmp(path.second, ".relative.berth-", 16) == 0);
	ck_assert_uint_eq(n_files(), 2);
	end();
}
END_TEST

START_TEST(an_unlinked_path_is_made_again_and_leads_to_the_same_socket)
{
	begin();
	for (int round = 0; round < 3; round++) {
		ck_assert_int_eq(unlink(path.first), 0);
		ck_assert(!sock_unix_is_alive(&address));
		ck_assert_int_eq(unix_path_restore(&path), 0);
		ck_assert(sock_unix_is_alive(&address));
	}
	end();
}
END_TEST

START_TEST(a_path_that_is_still_there_needs_no_restoring)
{
	begin();
	ck_assert_int_eq(unix_path_restore(&path), 0);
	ck_assert_uint_eq(n_files(), 2);
	end();
}
END_TEST

START_TEST(a_path_that_somebody_else_has_taken_is_not_restored_and_not_removed)
{
	begin();
	ck_assert_int_eq(unlink(path.first), 0);
	make_file("s");
	ck_assert_int_eq(unix_path_restore(&path), -EADDRINUSE);
	unix_path_done(&path);
	ck_assert(has_file("s"));
	ck_assert_int_eq(unlink("s"), 0);
	end();
}
END_TEST

START_TEST(a_path_that_has_no_second_name_cannot_be_restored)
{
	begin();
	ck_assert_int_eq(unlink(path.second), 0);
	free(path.second);
	path.second = NULL; /* as where a file system has no links */
	ck_assert_int_eq(unix_path_restore(&path), 0);
	ck_assert_int_eq(unlink(path.first), 0);
	ck_assert_int_eq(unix_path_restore(&path), -EADDRINUSE);
	end();
}
END_TEST

START_TEST(a_directory_that_is_gone_is_told)
{
	begin();
	ck_assert_int_eq(unlink(path.first), 0);
	ck_assert_int_eq(unlink(path.second), 0);
	ck_assert_int_eq(rmdir(place), 0);
	ck_assert_int_eq(unix_path_restore(&path), -ENOENT);
	unix_path_done(&path);
}
END_TEST

START_TEST(a_second_name_that_a_killed_primary_left_is_replaced)
{
	struct unix_path again;

	begin();
	free(path.first);
	free(path.second);
	ck_assert_int_eq(unix_path_init(&again, &address, ORIGIN), 0);
	path = again;
	ck_assert_uint_eq(n_files(), 2);
	end();
}
END_TEST

/* Forgets it, as with the death of its primary, and takes it up again. */
static void resume(pid_t origin)
{
	const struct unix_path_mark mark = {
		.device = path.device,
		.inode = path.inode,
		.origin = origin,
	};

	free(path.first);
	free(path.second);
	ck_assert_int_eq(unix_path_resume(&path, &address, &mark), 0);
}

START_TEST(a_successor_makes_an_unlinked_path_again)
{
	begin();
	ck_assert_int_eq(unlink(path.first), 0);
	resume(ORIGIN);
	ck_assert_int_eq(unix_path_restore(&path), 0);
	ck_assert(sock_unix_is_alive(&address));
	ck_assert_uint_eq(n_files(), 2);
	end();
}
END_TEST

START_TEST(a_second_name_that_is_not_of_our_file_is_not_taken_up)
{
	char second[PATH_MAX];

	begin();
	(void)snprintf(second, sizeof(second), "%s", path.second);
	ck_assert_int_eq(unlink(second), 0);
	make_file(second);
	resume(ORIGIN);
	ck_assert_ptr_null(path.second);
	ck_assert_int_eq(unix_path_restore(&path), 0); /* the first one is still there */
	ck_assert_int_eq(unlink(second), 0);
	end();
}
END_TEST

START_TEST(an_abstract_name_has_no_file)
{
	ck_assert_int_eq(addr_parse("unix:@name", &address), ADDR_OK);
	ck_assert_int_eq(unix_path_init(&path, &address, ORIGIN), 0);
	ck_assert_ptr_null(path.first);
	ck_assert_ptr_null(path.second);
	ck_assert_int_eq(unix_path_restore(&path), 0);
	ck_assert(!unix_path_remove_stale(&address));
	unix_path_done(&path);
}
END_TEST

START_TEST(a_path_without_a_file_is_told)
{
	ck_assert_int_eq(addr_parse("unix:/nowhere/at/all", &address), ADDR_OK);
	ck_assert_int_eq(unix_path_init(&path, &address, ORIGIN), -ENOENT);
	unix_path_done(&path);
	unix_path_done(&path);
}
END_TEST

START_TEST(as_another_user_nothing_is_removed_that_he_may_not_remove)
{
	const struct peek_identity other = { .uid = OTHER_UID, .gid = OTHER_UID };

	char second[PATH_MAX];

	begin();
	(void)snprintf(second, sizeof(second), "%s", path.second);
	if (geteuid() == 0) {
		unix_path_set_owner(&path, &other);
		ck_assert_int_eq(unlink(path.first), 0);
		ck_assert_int_eq(unix_path_restore(&path), -EACCES);
		unix_path_done(&path);
		ck_assert_uint_eq(n_files(), 1); /* the second name: the directory is ours alone */
		ck_assert_int_eq(unlink(second), 0); /* and we are ourselves again */
	}
	end();
}
END_TEST

START_TEST(a_file_that_a_dead_process_left_is_removed_and_a_living_ones_is_not)
{
	begin();
	ck_assert(!unix_path_remove_stale(&address));
	ck_assert(has_file("s"));
	(void)close(listener);
	ck_assert(unix_path_remove_stale(&address));
	ck_assert(!has_file("s"));
	ck_assert(!unix_path_remove_stale(&address));
	end();
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_not_removed)
{
	begin();
	(void)close(listener);
	ck_assert_int_eq(unlink("s"), 0);
	make_file("s");
	ck_assert(!unix_path_remove_stale(&address));
	ck_assert(has_file("s"));
	ck_assert_int_eq(unlink("s"), 0);
	end();
}
END_TEST

START_TEST(a_link_to_a_dead_socket_is_not_removed)
{
	begin();
	(void)close(listener);
	ck_assert_int_eq(rename("s", "dead"), 0);
	ck_assert_int_eq(symlink("dead", "s"), 0);
	ck_assert(!unix_path_remove_stale(&address));
	ck_assert(has_file("s") && has_file("dead"));
	ck_assert_int_eq(unlink("s"), 0);
	ck_assert_int_eq(unlink("dead"), 0);
	end();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_socket_has_a_second_name_beside_its_first,
		a_path_without_directory_has_its_second_name_in_the_same_place,
		an_unlinked_path_is_made_again_and_leads_to_the_same_socket,
		a_path_that_is_still_there_needs_no_restoring,
		a_path_that_somebody_else_has_taken_is_not_restored_and_not_removed,
		a_path_that_has_no_second_name_cannot_be_restored,
		a_directory_that_is_gone_is_told,
		a_second_name_that_a_killed_primary_left_is_replaced,
		a_successor_makes_an_unlinked_path_again,
		a_second_name_that_is_not_of_our_file_is_not_taken_up,
		an_abstract_name_has_no_file,
		a_path_without_a_file_is_told,
		as_another_user_nothing_is_removed_that_he_may_not_remove,
		a_file_that_a_dead_process_left_is_removed_and_a_living_ones_is_not,
		a_file_that_is_no_socket_is_not_removed,
		a_link_to_a_dead_socket_is_not_removed,
	};

	return RUN_SUITE("unix_path", tests);
}
