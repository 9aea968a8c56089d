/*
 * Where threads stand: texts as the kernel writes them, and threads of our own.
 */
#include "os/stacks.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "run_suite.h"

static void assert_call(const char *text, const char *expected)
{
	char call[STACKS_CALL_MAX];

	stacks_parse_call(text, call);
	ck_assert_str_eq(call, expected);
}

START_TEST(a_system_call_has_a_name_and_a_strange_one_its_number)
{
	assert_call("running\n", "running");
	assert_call("-1 0x7ffd 0x7f00\n", "");
	assert_call("", "");
	assert_call("runningx", "");
	assert_call("99999 0x0\n", "99999");
	assert_call("99999999999999999999 0x0\n", "");
#ifdef __x86_64__
	assert_call("0 0x3 0x7ffd 0x400 0x0 0x0 0x0 0x7ffd 0x7f00\n", "read");
#endif
}
END_TEST

START_TEST(a_stack_is_its_functions_in_their_order)
{
	char stack[STACKS_STACK_MAX];

	stacks_parse_stack("[<0>] ep_poll+0x3c5/0x3f0\n[<0>] do_epoll_wait+0xb4/0xe0\n"
			   "[<0>] entry_SYSCALL_64_after_hwframe+0x76/0x7e\n",
			   stack);
	ck_assert_str_eq(stack, "ep_poll < do_epoll_wait < entry_SYSCALL_64_after_hwframe");
	stacks_parse_stack("", stack);
	ck_assert_str_eq(stack, "");
	stacks_parse_stack("\n\n]\n[<0>] \n", stack);
	ck_assert_str_eq(stack, "");
}
END_TEST

START_TEST(a_stack_that_is_too_long_is_cut_between_two_functions)
{
	static const char line[] = "[<0>] a_function_of_the_kernel+0x1/0x2\n";
	char text[4000] = "";
	char stack[STACKS_STACK_MAX];

	for (size_t at = 0; at + sizeof(line) <= sizeof(text); at += sizeof(line) - 1)
		memcpy(text + at, line, sizeof(line));
	stacks_parse_stack(text, stack);
	ck_assert_uint_lt(strlen(stack), STACKS_STACK_MAX);
	ck_assert_str_eq(stack + strlen(stack) - strlen("a_function_of_the_kernel"),
			 "a_function_of_the_kernel");
}
END_TEST

static void *wait_for_ever(void *ready)
{
	(void)prctl(PR_SET_NAME, "a thread", 0, 0, 0);
	(void)pthread_barrier_wait(ready);
	for (;;)
		(void)pause();
	return NULL;
}

struct seen {
	unsigned n;
	unsigned n_named;
};

static int see(const struct stacks_thread *t, void *arg)
{
	struct seen *seen = arg;

	ck_assert_int_eq(t->process, getpid());
	ck_assert_int_gt(t->thread, 0);
	ck_assert_ptr_nonnull(strchr("RSD", t->state));
	seen->n++;
	seen->n_named += strcmp(t->comm, "a thread") == 0;
	return 0;
}

static int stop(const struct stacks_thread *t, void *arg)
{
	(void)t;
	(void)arg;
	return -ECANCELED;
}

START_TEST(each_thread_is_visited_until_the_visitor_has_enough)
{
	pthread_barrier_t ready;
	pthread_t threads[3];
	struct seen seen = { 0 };

	ck_assert_int_eq(pthread_barrier_init(&ready, NULL, 4), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, wait_for_ever, &ready), 0);
	(void)pthread_barrier_wait(&ready);
	ck_assert_int_eq(stacks_each_thread(getpid(), see, &seen), 0);
	ck_assert_uint_eq(seen.n, 4);
	ck_assert_uint_eq(seen.n_named, 3);
	ck_assert_int_eq(stacks_each_thread(getpid(), stop, NULL), -ECANCELED);
}
END_TEST

START_TEST(a_process_that_there_is_not_has_no_threads)
{
	ck_assert_int_eq(stacks_each_thread(INT32_MAX, stop, NULL), -ENOENT);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_system_call_has_a_name_and_a_strange_one_its_number,
		a_stack_is_its_functions_in_their_order,
		a_stack_that_is_too_long_is_cut_between_two_functions,
		each_thread_is_visited_until_the_visitor_has_enough,
		a_process_that_there_is_not_has_no_threads,
	};

	return RUN_SUITE("stacks", tests);
}
