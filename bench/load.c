/*
 * load - many clients in one thread, to see what a server does and what it loses
 *
 * Closed loop: N requests are under way at any time, each on its own connection. Open loop:
 * requests have a timetable; each is timed from its turn, also when it begins late, so that
 * a server that stalls is not spared the requests that it kept waiting. To time out it has
 * all of its time from when it was sent. Keep-alive: connections are used again. Whatever was
 * begun is seen to its end and counted.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "options.h"
#include "response.h"
#include "stats.h"

#define NS_PER_S           1000000000ULL
#define AGAIN_AFTER_NS     1000000ULL
#define EVENTS_AT_ONCE     256
#define NEVER              UINT64_MAX
#define REQUEST_SIZE_BYTES 1024

/* Clients by due_ns, the earliest first. */
struct queue {
	struct client *first, *last;
};

struct run {
	struct options options;
	struct client_rules rules;
	struct stats *stats;
	struct client *clients;
	struct queue resting;   /* may begin a request when due */
	struct queue blocked;   /* go on trying to begin when due */
	struct queue under_way; /* fail when due */
	uint64_t begin_ns;
	uint64_t stop_ns;  /* no request begins after */
	uint64_t taken_ns; /* what had come by then has been taken */
	uint64_t n_sent;
	bool has_stopped;
	int signal_fd;
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* User and system time so far. */
static double cpu_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Nearly always the new one is the latest. */
static void queue_add(struct queue *q, struct client *c, uint64_t due_ns)
{
	struct client *before = q->last;

	while (before && before->due_ns > due_ns)
		before = before->prev;
	c->due_ns = due_ns;
	c->prev = before;
	c->next = before ? before->next : q->first;
	if (c->prev)
		c->prev->next = c;
	else
		q->first = c;
	if (c->next)
		c->next->prev = c;
	else
		q->last = c;
}

static void queue_remove(struct queue *q, struct client *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		q->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		q->last = c->prev;
}

static void log_failure(const struct run *run, const struct client *c, uint64_t now_ns)
{
	char local[64] = "-";

	if (!run->options.failure_log)
		return;
	if (c->fd >= 0)
		target_local_name(c->fd, local, sizeof(local));
	fprintf(run->options.failure_log, "%.6f %s %s %s %.1f\n",
		(double)(now_ns - run->begin_ns) / 1e9, outcome_name(c->outcome), local,
		c->error ? strerrorname_np(c->error) : "-", (double)(now_ns - c->start_ns) / 1e3);
}

/* The request of a client, which is in no queue, has ended. */
static void settle(struct run *run, struct client *c)
{
	uint64_t now_ns = clock_ns();
	int pid = 0;

	if (c->outcome == OUTCOME_OK) {
		pid = response_pid(c->response);
	} else {
		log_failure(run, c, now_ns);
		client_close(c);
	}
	stats_count(run->stats, c->outcome, now_ns - c->start_ns, pid,
		    (unsigned)((now_ns - run->begin_ns) / NS_PER_S));
	queue_add(&run->resting, c, now_ns + run->options.think_ns);
}

static void time_out(struct run *run, struct client *c)
{
	c->outcome = OUTCOME_TIMEOUT;
	c->error = 0;
	settle(run, c);
}

/* Begins, or goes on trying to begin, the request of a client that is in no queue. */
static void begin(struct run *run, struct client *c)
{
	uint64_t deadline_ns = c->begun_ns + run->options.timeout_ns, now_ns;

	switch (client_begin(c, &run->rules)) {
	case STEP_GOES_ON:
		queue_add(&run->under_way, c, clock_ns() + run->options.timeout_ns);
		return;
	case STEP_ENDED: settle(run, c); return;
	case STEP_AGAIN: break;
	}
	now_ns = clock_ns();
	if (now_ns >= deadline_ns)
		time_out(run, c);
	else
		queue_add(&run->blocked, c, now_ns + AGAIN_AFTER_NS);
}

static bool has_requests_left(const struct run *run)
{
	return run->options.n_requests == 0 || run->n_sent < run->options.n_requests;
}

/* When the next request of an open loop has its turn. */
static uint64_t next_turn_ns(const struct run *run)
{
	double after_ns = (double)run->n_sent * 1e9 / run->options.rate_per_s;
	uint64_t turn_ns = run->begin_ns + (uint64_t)after_ns;

	return has_requests_left(run) && turn_ns < run->stop_ns ? turn_ns : NEVER;
}

/* When the first client that rests is to begin; one of an open loop waits for a turn. */
static uint64_t next_start_ns(const struct run *run)
{
	const struct client *c = run->resting.first;

	if (!c)
		return NEVER;
	if (run->options.mode == MODE_OPEN)
		return next_turn_ns(run);
	return has_requests_left(run) && c->due_ns < run->stop_ns ? c->due_ns : NEVER;
}

static void begin_due(struct run *run, uint64_t now_ns)
{
	struct client *c;
	uint64_t start_ns;

	while (run->blocked.first && run->blocked.first->due_ns <= now_ns) {
		c = run->blocked.first;
		queue_remove(&run->blocked, c);
		begin(run, c);
	}
	while ((start_ns = next_start_ns(run)) <= now_ns) {
		c = run->resting.first;
		queue_remove(&run->resting, c);
		c->begun_ns = clock_ns();
		c->start_ns = run->options.mode == MODE_OPEN ? start_ns : c->begun_ns;
		run->n_sent++;
		begin(run, c);
	}
}

/* With every client busy, a turn of an open loop can pass altogether. It counts. */
static void miss_turns(struct run *run, uint64_t now_ns)
{
	if (run->options.mode != MODE_OPEN || run->resting.first)
		return;
	while (next_turn_ns(run) < now_ns - run->options.timeout_ns) {
		stats_count(run->stats, OUTCOME_TIMEOUT, 0, 0, 0);
		run->n_sent++;
	}
}

/*
 * Of those whose answers have been taken as far as they have come: where the machine leaves us
 * waiting, too, an answer that has come in time is not late.
 */
static void expire(struct run *run)
{
	struct client *c = run->under_way.first;

	while (c && c->due_ns <= run->taken_ns) {
		queue_remove(&run->under_way, c);
		time_out(run, c);
		c = run->under_way.first;
	}
}

/* Rates are counted up to here; what is under way is only waited for. */
static void stop(struct run *run, uint64_t now_ns)
{
	if (run->has_stopped)
		return;
	run->has_stopped = true;
	if (now_ns < run->stop_ns)
		run->stop_ns = now_ns;
	stats_close_window(run->stats, (double)(now_ns - run->begin_ns) / 1e9,
			   run->rules.n_connections);
}

static bool is_over(const struct run *run, uint64_t now_ns)
{
	if (run->under_way.first || run->blocked.first)
		return false;
	if (run->options.mode == MODE_OPEN)
		return next_turn_ns(run) == NEVER;
	return !has_requests_left(run) || now_ns >= run->stop_ns;
}

static void handle_events(struct run *run, const struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++) {
		struct client *c = events[i].data.ptr;

		if (!c) {
			struct signalfd_siginfo info;

			(void)!read(run->signal_fd, &info, sizeof(info));
			stop(run, clock_ns());
		} else if (client_event(c, &run->rules, events[i].events) == STEP_ENDED) {
			queue_remove(&run->under_way, c);
			settle(run, c);
		}
	}
}

static uint64_t earlier_ns(uint64_t time_ns, const struct queue *q)
{
	return q->first && q->first->due_ns < time_ns ? q->first->due_ns : time_ns;
}

static void wait_for_something(struct run *run)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	uint64_t until_ns = run->has_stopped ? NEVER : run->stop_ns;
	uint64_t start_ns = next_start_ns(run), now_ns = clock_ns(), wait_ns;
	struct timespec wait;
	int n;

	if (start_ns < until_ns)
		until_ns = start_ns;
	until_ns = earlier_ns(earlier_ns(until_ns, &run->under_way), &run->blocked);
	wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
	wait.tv_sec = (time_t)(wait_ns / NS_PER_S);
	wait.tv_nsec = (long)(wait_ns % NS_PER_S);
	n = epoll_pwait2(run->rules.epoll_fd, events, EVENTS_AT_ONCE,
			 until_ns == NEVER ? NULL : &wait, NULL);
	handle_events(run, events, n);
	if (n < EVENTS_AT_ONCE)
		run->taken_ns = now_ns;
}

static void go(struct run *run)
{
	uint64_t now_ns = clock_ns();

	run->begin_ns = now_ns;
	run->stop_ns = run->options.duration_ns ? now_ns + run->options.duration_ns : NEVER;
	for (;;) {
		if (now_ns >= run->stop_ns)
			stop(run, now_ns);
		expire(run);
		miss_turns(run, now_ns);
		begin_due(run, now_ns);
		if (is_over(run, now_ns))
			break;
		wait_for_something(run);
		now_ns = clock_ns();
	}
	stop(run, now_ns);
}

static int watch_signals(struct run *run)
{
	struct epoll_event event = { .events = EPOLLIN };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0)
		return -errno;
	return epoll_ctl(run->rules.epoll_fd, EPOLL_CTL_ADD, run->signal_fd, &event) < 0 ? -errno
											 : 0;
}

/* All clients rest. With a pause between their requests, they don't begin in step. */
static void line_up(struct run *run)
{
	uint64_t now_ns = clock_ns(), apart_ns = run->options.think_ns / run->options.n_clients;

	for (unsigned i = 0; i < run->options.n_clients; i++) {
		client_init(&run->clients[i]);
		queue_add(&run->resting, &run->clients[i], now_ns + i * apart_ns);
	}
}

static int set_up(struct run *run)
{
	run->rules.target = run->options.target;
	run->rules.keeps_alive = run->options.mode == MODE_KEEP_ALIVE;
	run->rules.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (run->rules.epoll_fd < 0)
		return -errno;
	run->stats = stats_new(run->options.by_second, run->options.slow_ns);
	run->clients = calloc(run->options.n_clients, sizeof(*run->clients));
	if (!run->stats || !run->clients)
		return -ENOMEM;
	line_up(run);
	(void)prctl(PR_SET_TIMERSLACK, 1UL); /* turns are to be on time */
	return watch_signals(run);
}

static void tear_down(struct run *run)
{
	for (unsigned i = 0; run->clients && i < run->options.n_clients; i++)
		client_close(&run->clients[i]);
	free(run->clients);
	run->stats = stats_free(run->stats);
	if (run->options.failure_log)
		(void)fclose(run->options.failure_log);
	close(run->signal_fd);
	close(run->rules.epoll_fd);
}

int main(int argc, char **argv)
{
	char request[REQUEST_SIZE_BYTES];
	struct run run = { .signal_fd = -EBADF, .rules.epoll_fd = -EBADF };
	int r;

	options_read(argc, argv, &run.options);
	r = snprintf(request, sizeof(request), "GET %s HTTP/1.%d\r\nHost: localhost\r\n\r\n",
		     run.options.path, run.options.mode == MODE_KEEP_ALIVE);
	run.rules.request = request;
	run.rules.request_bytes = (size_t)r;
	if ((size_t)r >= sizeof(request)) {
		fprintf(stderr, "load: the path is too long\n");
		return 2;
	}
	r = set_up(&run);
	if (r < 0) {
		fprintf(stderr, "load: cannot start: %s\n", strerror(-r));
	} else {
		go(&run);
		stats_print(run.stats, run.n_sent, run.rules.n_connections, cpu_s());
	}
	tear_down(&run);
	return r < 0;
}
