/*
 * The control socket's file: where it is made, by whom, and when it goes.
 */
#include "control/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/own.h"
#include "run_suite.h"

static char scratch[] = "/tmp/berth-unit-XXXXXX";
static char directory[CONTROL_PATH_MAX];

static void begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(scratch));
	(void)snprintf(directory, sizeof(directory), "%s/run", scratch);
	ck_assert_int_eq(setenv("BERTH_RUNTIME_DIR", directory, 1), 0);
}

static void end(const char *path)
{
	(void)unlink(path);
	ck_assert_int_eq(rmdir(directory), 0);
	ck_assert_int_eq(rmdir(scratch), 0);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	return st.st_mode;
}

START_TEST(the_directory_and_the_socket_are_for_their_user_alone)
{
	char path[CONTROL_PATH_MAX], wanted[CONTROL_PATH_MAX];
	own_fd fd = NO_FD;

	begin();
	(void)umask(0);
	ck_assert_int_eq(control_socket_open("web", &fd, path), 0);
	ck_assert_int_eq(control_socket_path(directory, "web", wanted), 0);
	ck_assert_str_eq(path, wanted);
	ck_assert_uint_eq(mode_of(directory), S_IFDIR | 0700);
	ck_assert_uint_eq(mode_of(path), S_IFSOCK | 0600);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	end(path);
}
END_TEST

START_TEST(a_socket_that_was_left_behind_is_replaced_and_a_live_one_is_not)
{
	char path[CONTROL_PATH_MAX], other[CONTROL_PATH_MAX];
	int fd = NO_FD, second = NO_FD;

	begin();
	ck_assert_int_eq(control_socket_open("web", &fd, path), 0);
	ck_assert_int_eq(control_socket_open("web", &second, other), -EADDRINUSE);
	ck_assert_int_eq(second, NO_FD);
	drop_fd(&fd);
	ck_assert_int_eq(control_socket_open("web", &second, other), 0);
	ck_assert_str_eq(other, path);
	drop_fd(&second);
	end(path);
}
END_TEST

START_TEST(another_file_in_its_place_stays)
{
	char path[CONTROL_PATH_MAX];
	int fd = NO_FD;

	begin();
	ck_assert_int_eq(mkdir(directory, 0700), 0);
	ck_assert_int_eq(control_socket_path(directory, "web", path), 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	drop_fd(&fd);
	ck_assert_int_eq(control_socket_open("web", &fd, path), -EADDRINUSE);
	ck_assert_uint_eq(mode_of(path), S_IFREG | 0600);
	end(path);
}
END_TEST

START_TEST(a_socket_removes_its_own_file_and_no_later_one)
{
	char path[CONTROL_PATH_MAX];
	int first = NO_FD, second = NO_FD;

	begin();
	ck_assert_int_eq(control_socket_open("web", &first, path), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(control_socket_open("web", &second, path), 0);
	control_socket_remove(path, first);
	ck_assert_int_eq(access(path, F_OK), 0);
	control_socket_remove(path, second);
	ck_assert_int_ne(access(path, F_OK), 0);
	drop_fd(&first);
	drop_fd(&second);
	end(path);
}
END_TEST

START_TEST(a_socket_whose_file_has_gone_or_is_anothers_is_not_at_its_place)
{
	char path[CONTROL_PATH_MAX];
	int first = NO_FD, second = NO_FD;

	begin();
	ck_assert_int_eq(control_socket_open("web", &first, path), 0);
	ck_assert(control_socket_is_at(path, first));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert(!control_socket_is_at(path, first));
	ck_assert_int_eq(control_socket_open("web", &second, path), 0);
	ck_assert(!control_socket_is_at(path, first));
	ck_assert(control_socket_is_at(path, second));
	control_socket_remove(path, second);
	drop_fd(&first);
	drop_fd(&second);
	end(path);
}
END_TEST

START_TEST(a_directory_that_others_may_change_is_refused)
{
	char path[CONTROL_PATH_MAX] = "";
	int fd = NO_FD;

	begin();
	ck_assert_int_eq(mkdir(directory, 0700), 0);
	ck_assert_int_eq(chmod(directory, 0770), 0);
	ck_assert_int_eq(control_socket_open("web", &fd, path), -EPERM);
	ck_assert_int_eq(fd, NO_FD);
	end(directory);
}
END_TEST

START_TEST(without_a_place_for_the_directory_there_is_no_socket)
{
	char path[CONTROL_PATH_MAX], deep[200];
	int fd = NO_FD;

	ck_assert_int_eq(setenv("BERTH_RUNTIME_DIR", "/nonexistent/run", 1), 0);
	ck_assert_int_eq(control_socket_open("web", &fd, path), -ENOENT);
	memset(deep, 'x', sizeof(deep) - 1);
	deep[0] = '/';
	deep[sizeof(deep) - 1] = '\0';
	ck_assert_int_eq(setenv("BERTH_RUNTIME_DIR", deep, 1), 0);
	ck_assert_int_eq(control_socket_open("web", &fd, path), -ENAMETOOLONG);
}
END_TEST

START_TEST(clients_look_in_the_directory_of_the_user_and_in_that_of_root)
{
	char found[CONTROL_DIRECTORIES_MAX][CONTROL_PATH_MAX];

	ck_assert_int_eq(setenv("BERTH_RUNTIME_DIR", "", 1), 0);
	ck_assert_int_eq(setenv("XDG_RUNTIME_DIR", "/run/user/7", 1), 0);
	ck_assert_uint_eq(control_socket_directories(found), 2);
	ck_assert_str_eq(found[0], "/run/user/7/berth");
	ck_assert_str_eq(found[1], "/run/berth");
	ck_assert_int_eq(unsetenv("XDG_RUNTIME_DIR"), 0);
	ck_assert_uint_eq(control_socket_directories(found), 1);
	ck_assert_str_eq(found[0], "/run/berth");
	ck_assert_int_eq(setenv("BERTH_RUNTIME_DIR", "/chosen", 1), 0);
	ck_assert_uint_eq(control_socket_directories(found), 1);
	ck_assert_str_eq(found[0], "/chosen");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_directory_and_the_socket_are_for_their_user_alone,
		a_socket_that_was_left_behind_is_replaced_and_a_live_one_is_not,
		another_file_in_its_place_stays,
		a_socket_removes_its_own_file_and_no_later_one,
		a_socket_whose_file_has_gone_or_is_anothers_is_not_at_its_place,
		a_directory_that_others_may_change_is_refused,
		without_a_place_for_the_directory_there_is_no_socket,
		clients_look_in_the_directory_of_the_user_and_in_that_of_root,
	};

	return RUN_SUITE("control_socket", tests);
}
