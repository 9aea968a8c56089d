/*
 * What /proc tells, from texts that a process may have chosen, and of processes that
 * are really there.
 */
#include "os/procfs.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"

#define BEHIND_NAME                                                           \
	" S 1 42 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654321 1000 200 " \
	"18446744073709551615\n"

static int parse(const char *text, struct procfs_process *ret_process)
{
	return procfs_parse_stat(text, strlen(text), ret_process);
}

START_TEST(a_process_is_read_from_its_stat)
{
	struct procfs_process p;

	ck_assert_int_eq(parse("42 (nginx)" BEHIND_NAME, &p), 0);
	ck_assert_int_eq(p.pid, 42);
	ck_assert_str_eq(p.comm, "nginx");
	ck_assert_int_eq(p.state, 'S');
	ck_assert_int_eq(p.parent, 1);
	ck_assert_int_eq(p.session, 7);
	ck_assert_uint_eq(p.start_ticks, 987654321);
}
END_TEST

START_TEST(a_name_may_look_like_the_rest_of_the_line)
{
	static const char *const names[] = { "", ")", "(", ") R 1 1 1 (", "a b", "\n", "a) S 2 2" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct procfs_process p;
		char text[256];

		(void)snprintf(text, sizeof(text), "42 (%s)" BEHIND_NAME, names[i]);
		ck_assert_msg(parse(text, &p) == 0, "%s", names[i]);
		ck_assert_str_eq(p.comm, names[i]);
		ck_assert_int_eq(p.parent, 1);
	}
}
END_TEST

START_TEST(a_process_that_is_reaped_at_that_moment_is_gone)
{
	struct procfs_process p;

	ck_assert_int_eq(parse("42 (a) X 0 -1 -1 0 -1 4227148 16 0 0 0 0 0 0 0 20 0 1 0 99 0", &p),
			 -ESRCH);
}
END_TEST

START_TEST(a_text_that_is_no_stat_is_refused)
{
	static const char *const texts[] = {
		"",
		"42",
		"42 (nginx",
		"42 nginx)",
		"42 )nginx(",
		"42 (nginx)",
		"42 (nginx) S",
		"42 (nginx) S 1 42 7 0 -1 4194560",
		"x (nginx)" BEHIND_NAME,
		"-1 (nginx)" BEHIND_NAME,
		"42 (a name of one byte more than any thread of the kernel would have)" BEHIND_NAME,
	};
	struct procfs_process p;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(parse(texts[i], &p) == -EPROTO, "%s", texts[i]);
	ck_assert_int_eq(procfs_parse_stat("42 (a\0)" BEHIND_NAME, 20, &p), -EPROTO);
}
END_TEST

/* Looks for one process among all. */
struct sought {
	pid_t pid;
	size_t n_found;
	pid_t last_pid;
	struct procfs_process found;
};

static int look_for(const struct procfs_process *p, void *arg)
{
	struct sought *sought = arg;

	ck_assert_int_gt(p->pid, sought->last_pid);
	sought->last_pid = p->pid;
	if (p->pid == sought->pid) {
		sought->found = *p;
		sought->n_found++;
	}
	return 0;
}

START_TEST(this_process_is_visited_once_with_its_parent_and_session)
{
	struct sought sought = { .pid = getpid() };

	ck_assert_int_eq(prctl(PR_SET_NAME, "a) name ("), 0);
	ck_assert_int_eq(procfs_for_each_process(look_for, &sought), 0);
	ck_assert_uint_eq(sought.n_found, 1);
	ck_assert_int_eq(sought.found.parent, getppid());
	ck_assert_int_eq(sought.found.session, getsid(0));
	ck_assert_str_eq(sought.found.comm, "a) name (");
}
END_TEST

static int stop_at_once(const struct procfs_process *p, void *arg)
{
	(void)p;
	(*(int *)arg)++;
	return -ECANCELED;
}

START_TEST(a_visitor_may_stop)
{
	int n_visits = 0;

	ck_assert_int_eq(procfs_for_each_process(stop_at_once, &n_visits), -ECANCELED);
	ck_assert_int_eq(n_visits, 1);
}
END_TEST

static uint32_t inode_of(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return (uint32_t)st.st_ino;
}

struct hits {
	struct {
		pid_t pid;
		size_t index;
		struct procfs_details details;
		char command[PROCFS_COMMAND_MAX];
	} of[16];
	size_t n;
};

static int keep_hit(const struct procfs_hit *hit, void *arg)
{
	struct hits *hits = arg;

	ck_assert_uint_lt(hits->n, 16);
	hits->of[hits->n].pid = hit->pid;
	hits->of[hits->n].index = hit->index;
	ck_assert_int_eq(procfs_read_details(hit->proc_fd, &hits->of[hits->n].details), 0);
	procfs_read_command(hit->proc_fd, hits->of[hits->n].command);
	hits->n++;
	return 0;
}

START_TEST(everybody_who_has_a_socket_open_is_found_once_for_each)
{
	int fds[2];
	int again;
	uint32_t inodes[2];
	struct hits hits = { 0 };
	size_t n_hidden;
	pid_t child;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	again = dup(fds[1]);
	ck_assert_int_ge(again, 0);
	inodes[0] = inode_of(fds[0]);
	inodes[1] = inode_of(fds[1]);
	ck_assert_uint_lt(inodes[0], inodes[1]);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)pause();
	}

	ck_assert_int_eq(procfs_find_sockets(inodes, 2, keep_hit, &hits, &n_hidden), 0);
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	ck_assert_uint_eq(hits.n, 4); /* two sockets in each of two processes */
	for (size_t i = 0; i < hits.n; i++) {
		ck_assert(hits.of[i].pid == getpid() || hits.of[i].pid == child);
		ck_assert_int_eq(hits.of[i].pid, hits.of[i].details.process.pid);
		ck_assert_uint_eq(hits.of[i].details.uid, geteuid());
	}
	ck_assert_uint_ne(hits.of[0].index, hits.of[1].index);
	ck_assert_int_lt(hits.of[1].pid, hits.of[2].pid);
}
END_TEST

START_TEST(nothing_is_looked_for_where_nothing_is_wanted)
{
	struct hits hits = { 0 };
	size_t n_hidden = 1;

	ck_assert_int_eq(procfs_find_sockets(NULL, 0, keep_hit, &hits, &n_hidden), 0);
	ck_assert_uint_eq(hits.n, 0);
	ck_assert_uint_eq(n_hidden, 0);
}
END_TEST

START_TEST(a_process_that_has_just_started_began_just_now)
{
	own_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint32_t inode = inode_of(fd);
	struct hits hits = { 0 };
	struct timespec now;
	int64_t now_ms;
	size_t n_hidden;

	ck_assert_int_eq(procfs_find_sockets(&inode, 1, keep_hit, &hits, &n_hidden), 0);
	ck_assert_uint_eq(hits.n, 1);
	ck_assert_int_eq(clock_gettime(CLOCK_REALTIME, &now), 0);
	now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	ck_assert_int_le(hits.of[0].details.started_at_ms, now_ms);
	ck_assert_int_gt(hits.of[0].details.started_at_ms, now_ms - 60000);
	ck_assert_ptr_nonnull(strstr(hits.of[0].command, "procfs"));
}
END_TEST

START_TEST(a_process_has_a_parent_until_it_is_reaped)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	ck_assert_int_eq(procfs_parent(getpid()), getppid());
	ck_assert_int_eq(procfs_parent(pid), getpid());
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(procfs_parent(pid), -ESRCH);
	ck_assert_int_eq(procfs_parent(1), 0);
}
END_TEST

START_TEST(a_user_without_a_name_has_his_number)
{
	char name[PROCFS_USER_MAX];

	ck_assert_str_eq(procfs_user_name(0, name), "root");
	ck_assert_str_eq(procfs_user_name(3999999999U, name), "3999999999");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("procfs");
	TCase *tcase = tcase_create("procfs");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(tcase, a_process_is_read_from_its_stat);
	tcase_add_test(tcase, a_name_may_look_like_the_rest_of_the_line);
	tcase_add_test(tcase, a_process_that_is_reaped_at_that_moment_is_gone);
	tcase_add_test(tcase, a_text_that_is_no_stat_is_refused);
	tcase_add_test(tcase, this_process_is_visited_once_with_its_parent_and_session);
	tcase_add_test(tcase, a_visitor_may_stop);
	tcase_add_test(tcase, everybody_who_has_a_socket_open_is_found_once_for_each);
	tcase_add_test(tcase, nothing_is_looked_for_where_nothing_is_wanted);
	tcase_add_test(tcase, a_process_that_has_just_started_began_just_now);
	tcase_add_test(tcase, a_process_has_a_parent_until_it_is_reaped);
	tcase_add_test(tcase, a_user_without_a_name_has_his_number);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
