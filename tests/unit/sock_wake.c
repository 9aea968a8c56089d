/*
 * sock_wake(): whoever sleeps until there is a connection looks again, and goes
 * on sleeping if there is none. The kernel tells how often a thread fell asleep.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/own.h"
#include "os/sock.h"
#include "run_suite.h"

#define DEADLINE_MS 5000 /* for what happens at once */
#define LOOK_MS     1    /* how often we look where no event tells */

/* --- one who sleeps until there is a connection --- */

struct sleeper {
	pthread_t thread;
	long call;    /* what it sleeps in */
	int listener; /* or an epoll that has it */
	pid_t tid;    /* 0 until it is known */
	bool result;
};

static void *sleep_in_accept(void *arg)
{
	struct sleeper *s = arg;

	__atomic_store_n(&s->tid, gettid(), __ATOMIC_RELEASE);
	s->result = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC) >= 0;
	return NULL;
}

static void *sleep_in_poll(void *arg)
{
	struct sleeper *s = arg;
	struct pollfd p = { .fd = s->listener, .events = POLLIN };

	__atomic_store_n(&s->tid, gettid(), __ATOMIC_RELEASE);
	s->result = ppoll(&p, 1, NULL, NULL) == 1 && p.revents == POLLIN;
	return NULL;
}

static void *sleep_in_epoll(void *arg)
{
	struct sleeper *s = arg;
	struct epoll_event event;

	__atomic_store_n(&s->tid, gettid(), __ATOMIC_RELEASE);
	s->result = epoll_pwait(s->listener, &event, 1, -1, NULL) == 1 && event.events == EPOLLIN;
	return NULL;
}

/* Reads the start of a file of the sleeper in /proc. */
static void read_proc(const struct sleeper *s, const char *name, char *text, size_t size)
{
	char path[64];
	own_fd fd = NO_FD;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/%s",
		       (int)__atomic_load_n(&s->tid, __ATOMIC_ACQUIRE), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
}

/* Whether it sleeps in its call; the kernel says "running" while it doesn't. */
static bool is_asleep(const struct sleeper *s)
{
	char expected[32];
	char text[128];

	(void)snprintf(expected, sizeof(expected), "%ld ", s->call);
	read_proc(s, "syscall", text, sizeof(text));
	return strncmp(text, expected, strlen(expected)) == 0;
}

static unsigned long n_times_fallen_asleep(const struct sleeper *s)
{
	static const char name[] = "\nvoluntary_ctxt_switches:";
	char text[4096];
	const char *line;

	read_proc(s, "status", text, sizeof(text));
	line = strstr(text, name);
	ck_assert_ptr_nonnull(line);
	return strtoul(line + sizeof(name) - 1, NULL, 10);
}

/* Waits until it sleeps, and has fallen asleep more than @n_before times. */
static void await_sleep(const struct sleeper *s, unsigned long n_before)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };

	for (int waited_ms = 0; !is_asleep(s) || n_times_fallen_asleep(s) <= n_before;
	     waited_ms += LOOK_MS) {
		ck_assert_int_lt(waited_ms, DEADLINE_MS);
		(void)nanosleep(&pause, NULL);
	}
}

/* Whether it woke up with a connection. */
static bool wakes_up(struct sleeper *s)
{
	struct timespec deadline;

	(void)clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += DEADLINE_MS / 1000;
	return pthread_timedjoin_np(s->thread, NULL, &deadline) == 0 && s->result;
}

/* --- the promise --- */

static int listen_somewhere(struct addr *ret_addr)
{
	struct sock_facts facts;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(sock_listen(fd, 16), 0); /* the kernel chooses the address */
	ck_assert_int_eq(sock_facts(fd, &facts), 0);
	ck_assert_int_eq(sock_bound_to(fd, &facts, ret_addr), 0);
	ret_addr->u.v4.s_addr = htonl(INADDR_LOOPBACK);
	return fd;
}

static void connect_to(const struct addr *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage bytes;
	socklen_t size = addr_to_sockaddr(a, &bytes);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&bytes, size), 0);
}

static int epoll_of(int listener, uint32_t flags)
{
	struct epoll_event wanted = { .events = EPOLLIN | flags };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	ck_assert_int_eq(epoll_ctl(fd, EPOLL_CTL_ADD, listener, &wanted), 0);
	return fd;
}

/* @epoll_flags count where @sleep_in is sleep_in_epoll. */
static void assert_wakes(long call, void *(*sleep_in)(void *), uint32_t epoll_flags)
{
	struct sleeper s = { .call = call };
	struct sock_facts facts;
	struct addr a;
	int listener = listen_somewhere(&a);

	s.listener = sleep_in == sleep_in_epoll ? epoll_of(listener, epoll_flags) : listener;
	ck_assert_int_eq(pthread_create(&s.thread, NULL, sleep_in, &s), 0);
	await_sleep(&s, 0);
	for (int round = 0; round < 10; round++) {
		unsigned long n_before = n_times_fallen_asleep(&s);

		sock_wake(listener);
		await_sleep(&s, n_before);
	}
	ck_assert_int_eq(sock_facts(listener, &facts), 0);
	ck_assert(facts.is_listening);
	connect_to(&a);
	ck_assert(wakes_up(&s));
}

START_TEST(who_sleeps_in_accept_looks_again)
{
	assert_wakes(SYS_accept4, sleep_in_accept, 0);
}
END_TEST

START_TEST(who_sleeps_in_poll_looks_again)
{
	assert_wakes(SYS_ppoll, sleep_in_poll, 0);
}
END_TEST

START_TEST(who_sleeps_in_epoll_looks_again)
{
	assert_wakes(SYS_epoll_pwait, sleep_in_epoll, 0);
}
END_TEST

START_TEST(who_sleeps_in_epoll_for_edges_looks_again)
{
	assert_wakes(SYS_epoll_pwait, sleep_in_epoll, EPOLLET);
}
END_TEST

START_TEST(who_sleeps_in_an_exclusive_epoll_looks_again)
{
	assert_wakes(SYS_epoll_pwait, sleep_in_epoll, EPOLLEXCLUSIVE);
}
END_TEST

START_TEST(all_who_sleep_look_again)
{
	struct sleeper sleepers[3] = { { .call = SYS_accept4 },
				       { .call = SYS_accept4 },
				       { .call = SYS_accept4 } };
	unsigned long n_before[3];
	struct addr a;
	int listener = listen_somewhere(&a);

	for (int i = 0; i < 3; i++) {
		sleepers[i].listener = listener;
		ck_assert_int_eq(
			pthread_create(&sleepers[i].thread, NULL, sleep_in_accept, &sleepers[i]),
			0);
		await_sleep(&sleepers[i], 0);
		n_before[i] = n_times_fallen_asleep(&sleepers[i]);
	}
	sock_wake(listener);
	for (int i = 0; i < 3; i++)
		await_sleep(&sleepers[i], n_before[i]);
	for (int i = 0; i < 3; i++)
		connect_to(&a);
	for (int i = 0; i < 3; i++)
		ck_assert(wakes_up(&sleepers[i]));
}
END_TEST

START_TEST(what_waits_in_the_queue_stays_there)
{
	struct addr a;
	int listener = listen_somewhere(&a);
	int server;

	connect_to(&a);
	sock_wake(listener);
	ck_assert(sock_has_queue(listener));
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(server, 0);
	ck_assert_int_eq(send(server, "x", 1, MSG_NOSIGNAL), 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		who_sleeps_in_accept_looks_again,
		who_sleeps_in_poll_looks_again,
		who_sleeps_in_epoll_looks_again,
		who_sleeps_in_epoll_for_edges_looks_again,
		who_sleeps_in_an_exclusive_epoll_looks_again,
		all_who_sleep_look_again,
		what_waits_in_the_queue_stays_there,
	};

	return RUN_SUITE("sock_wake", tests);
}
