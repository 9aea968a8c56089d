/*
 * How much memory a tree has, on real processes.
 */
#include "os/proc_memory.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/own.h"
#include "run_suite.h"

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)

START_TEST(two_lines_are_added_and_the_second_may_be_missing)
{
	uint64_t bytes;

	ck_assert(proc_memory_parse("Name:\ta\nVmRSS:\t  12 kB\nVmSwap:\t 3 kB\n", "VmRSS",
				    "VmSwap", &bytes));
	ck_assert_uint_eq(bytes, 15 * KIB);
	ck_assert(proc_memory_parse("0-1 [rollup]\nPss:  7 kB\nPss_Dirty: 5 kB\n", "Pss", "SwapPss",
				    &bytes));
	ck_assert_uint_eq(bytes, 7 * KIB);
}
END_TEST

START_TEST(a_text_without_a_number_there_is_refused)
{
	static const char *const texts[] = { "",
					     "VmRSS",
					     "VmRSS:",
					     "VmRSS: kB",
					     "XVmRSS: 1 kB",
					     "VmRSSX: 1 kB",
					     "VmRSS: -1 kB",
					     "VmRSS: 99999999999999999999 kB" };
	uint64_t bytes = 4711;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(!proc_memory_parse(texts[i], "VmRSS", "VmSwap", &bytes), "%s",
			      texts[i]);
	ck_assert_uint_eq(bytes, 4711);
}
END_TEST

/* A leader with a child, both of which have the same 64 MiB. */
static pid_t start_pair(int *ret_fd)
{
	int pipe_fds[2];
	pid_t leader;

	ck_assert_int_eq(pipe(pipe_fds), 0);
	leader = fork();
	ck_assert_int_ge(leader, 0);
	if (leader == 0) {
		char *block = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		(void)setsid();
		memset(block, 1, 64 * MIB);
		(void)!fork();
		(void)!write(pipe_fds[1], ".", 1);
		for (;;)
			(void)pause();
	}
	(void)close(pipe_fds[1]);
	*ret_fd = pipe_fds[0];
	return leader;
}

START_TEST(what_processes_share_counts_once_where_it_matters)
{
	own_fd fd = NO_FD;
	struct tree tree = { .sign = "BERTH_RUN=none" };
	uint64_t rough = 0, exact = 0;
	char byte[2];

	tree.leader = start_pair(&fd);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(read(fd, byte, 1), 1);
	ck_assert_int_eq(proc_memory_of_tree(&tree, 1024 * MIB, &rough), 0);
	ck_assert_int_eq(proc_memory_of_tree(&tree, 1, &exact), 0);
	(void)kill(-tree.leader, SIGKILL);
	ck_assert_int_eq(waitpid(tree.leader, NULL, 0), tree.leader);
	ck_assert_uint_ge(rough, 128 * MIB);
	ck_assert_uint_ge(exact, 64 * MIB);
	ck_assert_uint_lt(exact, 96 * MIB);
}
END_TEST

START_TEST(a_tree_that_is_gone_has_none)
{
	struct tree tree = { .is_reaped = true, .sign = "BERTH_RUN=none" };
	uint64_t bytes = 4711;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	tree.leader = pid;
	ck_assert_int_eq(proc_memory_of_tree(&tree, 1, &bytes), -ESRCH);
	ck_assert_uint_eq(bytes, 4711);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		two_lines_are_added_and_the_second_may_be_missing,
		a_text_without_a_number_there_is_refused,
		what_processes_share_counts_once_where_it_matters,
		a_tree_that_is_gone_has_none,
	};

	return RUN_SUITE("proc_memory", tests);
}
