/*
 * The record of a trapped call, which outlives the primary. A thread of this process
 * makes the calls: what one mapping of the record notes, another one finds.
 */
#include "os/notif.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"
#include "os/filter.h"
#include "run_suite.h"

#define DEADLINE_MS 5000
#define RUN         0x123456789abcdefULL

static int record_fd;
static struct notif_record *record;

static void begin(void)
{
	record_fd = NO_FD;
	ck_assert_int_eq(notif_record_new(&record_fd, &record), 0);
	ck_assert_int_ge(record_fd, 0);
}

/* --- who calls --- */

struct caller {
	pthread_t thread;
	int line[2]; /* it tells of its notify fd */
	int notify_fd;
	pid_t tid;
	int result; /* of listen(-1, 77): what it was answered */
};

/* The filter is this thread's alone; its notify fd is the process's. */
static void *call(void *arg)
{
	struct caller *c = arg;
	struct sock_fprog *filter = NULL;
	int fd = filter_new(&filter);

	c->tid = gettid();
	if (fd == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				  SECCOMP_FILTER_FLAG_NEW_LISTENER |
					  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
				  filter);
	(void)filter_free(filter);
	(void)!write(c->line[1], &fd, sizeof(fd));
	if (fd >= 0)
		c->result = listen(-1, 77) < 0 ? -errno : 0;
	return NULL;
}

/* Its call waits when this returns. */
static void start(struct caller *c)
{
	struct pollfd p = { .events = POLLIN };

	ck_assert_int_eq(pipe2(c->line, O_CLOEXEC), 0);
	ck_assert_int_eq(pthread_create(&c->thread, NULL, call, c), 0);
	ck_assert_int_eq(read(c->line[0], &c->notify_fd, sizeof(c->notify_fd)),
			 sizeof(c->notify_fd));
	ck_assert_int_ge(c->notify_fd, 0);
	p.fd = c->notify_fd;
	ck_assert_int_eq(poll(&p, 1, DEADLINE_MS), 1);
}

static void answer(struct caller *c, uint64_t id, int result)
{
	ck_assert_int_eq(notif_answer(c->notify_fd, id, result), 0);
	ck_assert_int_eq(pthread_join(c->thread, NULL), 0);
	ck_assert_int_eq(c->result, result);
}

/* --- the record --- */

START_TEST(a_new_record_tells_of_nothing)
{
	struct notif_call found;
	uint64_t run;

	ck_assert(!notif_record_find(record, &run, &found));
	ck_assert(fcntl(record_fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_ptr_null(notif_record_free(record));
	ck_assert_ptr_null(notif_record_free(NULL));
	ck_assert_int_ge(fcntl(record_fd, F_GETFD), 0);
}
END_TEST

START_TEST(a_successor_finds_the_call_that_was_not_answered_and_answers_it)
{
	struct caller c = { 0 };
	struct notif_record *successors;
	struct notif_call received, found;
	uint64_t run = 0;

	start(&c);
	ck_assert_int_eq(notif_receive(c.notify_fd, record, RUN, &received), 0);
	ck_assert_int_eq(received.tid, c.tid);
	ck_assert_int_eq(received.number, SYS_listen);
	(void)notif_record_free(record);

	ck_assert_int_eq(notif_record_new(&record_fd, &successors), 0);
	ck_assert(notif_record_find(successors, &run, &found));
	ck_assert_uint_eq(run, RUN);
	ck_assert_mem_eq(&found, &received, sizeof(found));
	ck_assert_int_eq((int)found.args[0], -1);
	ck_assert_uint_eq(found.args[1], 77);
	ck_assert_int_eq(notif_still_waits(c.notify_fd, found.id), 0);
	answer(&c, found.id, -EADDRINUSE);
}
END_TEST

START_TEST(what_was_cleared_is_found_no_more)
{
	struct caller c = { 0 };
	struct notif_record *successors;
	struct notif_call received, found;
	uint64_t run;

	start(&c);
	ck_assert_int_eq(notif_receive(c.notify_fd, record, RUN, &received), 0);
	answer(&c, received.id, -EPERM);
	notif_record_clear(record);
	ck_assert(!notif_record_find(record, &run, &found));
	ck_assert_int_eq(notif_record_new(&record_fd, &successors), 0);
	ck_assert(!notif_record_find(successors, &run, &found));
}
END_TEST

START_TEST(the_next_call_takes_the_place_of_the_one_before)
{
	struct caller first = { 0 };
	struct caller second = { 0 };
	struct notif_call received, found;
	uint64_t run = 0;

	start(&first);
	ck_assert_int_eq(notif_receive(first.notify_fd, record, RUN, &received), 0);
	answer(&first, received.id, -EPERM);
	start(&second);
	ck_assert_int_eq(notif_receive(second.notify_fd, record, RUN + 1, &received), 0);
	ck_assert(notif_record_find(record, &run, &found));
	ck_assert_uint_eq(run, RUN + 1);
	ck_assert_int_eq(found.tid, second.tid);
	answer(&second, received.id, -EPERM);
}
END_TEST

START_TEST(where_nothing_is_received_the_record_stays)
{
	struct caller c = { 0 };
	struct notif_call received, found;
	uint64_t run = 0;

	start(&c);
	ck_assert_int_eq(notif_receive(c.notify_fd, record, RUN, &received), 0);
	ck_assert_int_eq(notif_receive(c.notify_fd, record, RUN + 1, &found), -ENOENT);
	ck_assert(notif_record_find(record, &run, &found));
	ck_assert_uint_eq(run, RUN);
	answer(&c, received.id, -EPERM);
}
END_TEST

START_TEST(a_record_of_another_size_is_refused)
{
	struct notif_record *other = NULL;
	struct stat st;

	ck_assert_int_eq(fstat(record_fd, &st), 0);
	for (off_t change = -1; change <= 1; change++) {
		own_fd fd = memfd_create("record", MFD_CLOEXEC);
		const int before = fd;

		ck_assert_int_eq(ftruncate(fd, st.st_size + change), 0);
		ck_assert_int_eq(notif_record_new(&fd, &other), change ? -EINVAL : 0);
		ck_assert_int_eq(other != NULL, change == 0);
		ck_assert_int_eq(fd, before);
		other = notif_record_free(other);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_new_record_tells_of_nothing,
		a_successor_finds_the_call_that_was_not_answered_and_answers_it,
		what_was_cleared_is_found_no_more,
		the_next_call_takes_the_place_of_the_one_before,
		where_nothing_is_received_the_record_stays,
		a_record_of_another_size_is_refused,
	};

	return RUN_SUITE_AFTER(begin, "notif", tests);
}
