/*
 * Trying whether a worker could be run: here it can, unless something forbids it.
 */
#include "os/worker_try.h"

#include <check.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/filter.h"
#include "run_suite.h"

/* Whether it's possible here at all: not under Yama, or in a strict container. */
static bool is_possible(const char *test)
{
	struct machine_worker_try found;

	if (worker_try(&found) == 0 && !found.filter_error && !found.memory_error &&
	    !found.fd_error)
		return true;
	skip_test(test, "this machine does not let workers be looked into");
	return false;
}

START_TEST(it_leaves_no_child_and_no_descriptor)
{
	struct machine_worker_try found;
	int before = dup(STDIN_FILENO);

	(void)close(before);
	if (!is_possible(__func__))
		return;
	ck_assert_int_eq(worker_try(&found), 0);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	ck_assert_int_eq(dup(STDIN_FILENO), before);
}
END_TEST

/* As a program is whose file has capabilities. */
START_TEST(a_primary_that_nobody_may_look_into_can_look_into_workers)
{
	struct machine_worker_try found;

	if (!is_possible(__func__))
		return;
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), 0);
	ck_assert_int_eq(worker_try(&found), 0);
	ck_assert_int_eq(found.memory_error, 0);
	ck_assert_int_eq(found.fd_error, 0);
}
END_TEST

START_TEST(under_another_supervisor_there_is_no_filter_to_be_had)
{
	struct machine_worker_try found;
	struct sock_fprog *filter;

	if (!is_possible(__func__))
		return;
	ck_assert_int_eq(filter_new(&filter), 0);
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_ge(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				 SECCOMP_FILTER_FLAG_NEW_LISTENER, filter),
			 0);
	(void)filter_free(filter);
	ck_assert_int_eq(worker_try(&found), 0);
	ck_assert_int_eq(found.filter_error, EBUSY);
	ck_assert_int_eq(found.memory_error, 0);
}
END_TEST

static void forbid(int number)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	ck_assert_ptr_nonnull(ctx);
	ck_assert_int_eq(seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), number, 0), 0);
	ck_assert_int_eq(seccomp_load(ctx), 0);
	seccomp_release(ctx);
}

START_TEST(a_call_that_a_container_forbids_is_told)
{
	struct machine_worker_try found;

	if (!is_possible(__func__))
		return;
	forbid(SCMP_SYS(pidfd_getfd));
	ck_assert_int_eq(worker_try(&found), 0);
	ck_assert_int_eq(found.fd_error, EPERM);
	ck_assert_int_eq(found.memory_error, 0);
	forbid(SCMP_SYS(process_vm_readv));
	ck_assert_int_eq(worker_try(&found), 0);
	ck_assert_int_eq(found.memory_error, EPERM);
	ck_assert_int_eq(found.filter_error, 0);
}
END_TEST

START_TEST(without_a_descriptor_to_be_had_nothing_is_tried)
{
	struct rlimit limit, none;
	int next;
	struct machine_worker_try found = { .fd_error = -1 };

	if (!is_possible(__func__))
		return;
	next = dup(STDIN_FILENO);
	ck_assert_int_eq(close(next), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ (rlim_t)next, limit.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(worker_try(&found), -EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0); /* for a sanitizer's last words */
	ck_assert_int_eq(found.fd_error, -1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		it_leaves_no_child_and_no_descriptor,
		a_primary_that_nobody_may_look_into_can_look_into_workers,
		under_another_supervisor_there_is_no_filter_to_be_had,
		a_call_that_a_container_forbids_is_told,
		without_a_descriptor_to_be_had_nothing_is_tried,
	};

	return RUN_SUITE("worker_try", tests);
}
