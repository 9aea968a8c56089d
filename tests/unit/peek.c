/*
 * What can be seen of a process that is there, and of one that is gone.
 */
#include "os/peek.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "run_suite.h"

#define MANY_TARGETS 100 /* more than the first 4096 bytes of an epoll's fdinfo hold */

/* The pid of a process that has been reaped; nobody gets it anew while the test runs. */
static pid_t dead_process(void)
{
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0)
		_exit(0);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	return child;
}

START_TEST(of_a_process_that_is_gone_nothing_can_be_known)
{
	pid_t gone = dead_process();
	struct peek_identity identity;
	char path[256];
	bool is_cloexec;
	pid_t process;
	int fd;

	ck_assert_int_eq(peek_memory(gone, (uint64_t)(uintptr_t)path, path, 1), -ESRCH);
	ck_assert_int_eq(peek_fd(gone, 0, &fd), -ESRCH);
	ck_assert_int_eq(peek_process(gone, &process), -ESRCH);
	ck_assert_int_eq(peek_find_socket(gone, 1, &fd), -ESRCH);
	ck_assert_int_eq(peek_fd_is_cloexec(gone, 0, &is_cloexec), -ESRCH);
	ck_assert_int_eq(peek_identity(gone, &identity), -ESRCH);
	ck_assert_int_eq(peek_cwd(gone, path, sizeof(path)), -ESRCH);
	ck_assert(!peek_is_polled(gone, 0));
	ck_assert(!peek_is_our_netns(gone));
	ck_assert(!peek_sees_our_files(gone));
}
END_TEST

START_TEST(a_zombie_has_no_umask_and_no_directory)
{
	struct peek_identity identity;
	char path[256];
	siginfo_t info;
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0)
		_exit(0);
	ck_assert_int_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(peek_identity(child, &identity), -ESRCH);
	ck_assert_int_eq(peek_cwd(child, path, sizeof(path)), -ESRCH);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
}
END_TEST

START_TEST(a_socket_is_found_by_its_inode)
{
	own_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;
	int found = -1;

	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(peek_find_socket(getpid(), st.st_ino, &found), 0);
	ck_assert_int_eq(found, fd);
	(void)close(take_fd(&fd));
	ck_assert_int_eq(peek_find_socket(getpid(), st.st_ino, &found), -ENOENT);
}
END_TEST

START_TEST(who_makes_files_is_read_with_the_umask)
{
	struct peek_identity identity;

	(void)umask(037);
	ck_assert_int_eq(peek_identity(getpid(), &identity), 0);
	ck_assert_uint_eq(identity.uid, geteuid());
	ck_assert_uint_eq(identity.gid, getegid());
	ck_assert_uint_eq(identity.umask, 037);
}
END_TEST

START_TEST(a_directory_that_does_not_fit_is_told)
{
	char path[4096];
	char wanted[4096];
	size_t size;

	ck_assert_ptr_nonnull(getcwd(wanted, sizeof(wanted)));
	ck_assert_int_eq(peek_cwd(getpid(), path, sizeof(path)), 0);
	ck_assert_str_eq(path, wanted);
	size = strlen(wanted);
	ck_assert_int_eq(peek_cwd(getpid(), path, size + 1), 0);
	ck_assert_int_eq(peek_cwd(getpid(), path, size), -ENAMETOOLONG);
}
END_TEST

START_TEST(close_on_exec_is_seen)
{
	own_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_cloexec = false;

	ck_assert_int_eq(peek_fd_is_cloexec(getpid(), fd, &is_cloexec), 0);
	ck_assert(is_cloexec);
	ck_assert_int_eq(fcntl(fd, F_SETFD, 0), 0);
	ck_assert_int_eq(peek_fd_is_cloexec(getpid(), fd, &is_cloexec), 0);
	ck_assert(!is_cloexec);
}
END_TEST

static void watch(int epoll_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = UINT64_MAX };

	ck_assert_int_eq(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
}

START_TEST(a_target_is_found_behind_many_others)
{
	own_fd epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int fds[MANY_TARGETS];

	ck_assert_int_ge(epoll_fd, 0);
	for (int i = 0; i < MANY_TARGETS; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_ge(fds[i], 0);
		ck_assert(!peek_is_polled(getpid(), fds[i]));
		watch(epoll_fd, fds[i]);
	}
	/* the kernel lists them in an order of its own: all of them, then */
	for (int i = 0; i < MANY_TARGETS; i++)
		ck_assert_msg(peek_is_polled(getpid(), fds[i]), "number %d", i);
	ck_assert_int_eq(epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fds[7], NULL), 0);
	ck_assert(!peek_is_polled(getpid(), fds[7]));
	for (int i = 0; i < MANY_TARGETS; i++)
		(void)close(fds[i]);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		of_a_process_that_is_gone_nothing_can_be_known,
		a_zombie_has_no_umask_and_no_directory,
		a_socket_is_found_by_its_inode,
		who_makes_files_is_read_with_the_umask,
		a_directory_that_does_not_fit_is_told,
		close_on_exec_is_seen,
		a_target_is_found_behind_many_others,
	};

	return RUN_SUITE("peek", tests);
}
