/*
 * Who belongs to a process tree. The program that is tested on is this one:
 * started with an argument, it grows a tree.
 */
#include "os/tree.h"

#include <check.h>
#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "as_primary.h"
#include "base/own.h"
#include "os/clock.h"
#include "os/spawn.h"
#include "run_suite.h"

#define SIGN        "BERTH_RUN=1.1"
#define OTHER_SIGN  "BERTH_RUN=1.11"
#define DEADLINE_MS 5000 /* for what happens at once */
#define LIFETIME_S  60   /* of what a failed test leaves behind */
#define PADDING     200000
#define ORIGIN      77
#define ALL         6 /* KINDS of a tree without its leader */

/* A list as exec() takes it. */
#define TEXTS(...) ((char *const *)(const char *const[]){ __VA_ARGS__, NULL })

enum kind {
	LEADER,
	CHILD,
	SESSION,       /* a child in a session of its own */
	GRANDCHILD,    /* its child */
	DAEMON,        /* forked twice, in a session of its own, without parent */
	DAEMONS_CHILD, /* its child */
	ORPHAN,        /* in the leader's session, without parent */
	KINDS,
};

struct announcement {
	enum kind kind;
	pid_t pid;
};

/* --- growing a tree --- */

static _Noreturn void stay(int line, enum kind kind)
{
	const struct announcement a = { kind, getpid() };

	(void)alarm(LIFETIME_S);
	(void)!write(line, &a, sizeof(a));
	for (;;)
		(void)pause();
}

static void fork_one(int line, enum kind kind)
{
	if (fork() == 0)
		stay(line, kind);
}

static void be_session(int line)
{
	(void)setsid();
	fork_one(line, GRANDCHILD);
	stay(line, SESSION);
}

static void be_daemon(int line)
{
	(void)setsid();
	if (fork() == 0) {
		fork_one(line, DAEMONS_CHILD);
		stay(line, DAEMON);
	}
	_exit(0);
}

static void be_parent_of_orphan(int line)
{
	fork_one(line, ORPHAN);
	_exit(0);
}

static pid_t fork_into(int line, void (*be)(int line))
{
	pid_t pid = fork();

	if (pid == 0)
		be(line);
	return pid;
}

/* What the program does when it's started with the number of a line and "all" or "alone". */
static _Noreturn void grow(int line, const char *what)
{
	if (strcmp(what, "all") == 0) {
		fork_one(line, CHILD);
		(void)fork_into(line, be_session);
		(void)waitpid(fork_into(line, be_daemon), NULL, 0);
		(void)waitpid(fork_into(line, be_parent_of_orphan), NULL, 0);
	}
	stay(line, LEADER);
}

/* --- looking at one --- */

struct grown {
	pid_t pids[KINDS];
	int pidfds[KINDS];
};

static pid_t start_leader(int line, const char *what, const char *sign)
{
	char number[16];
	char *padding = malloc(PADDING);
	pid_t pid;

	ck_assert_ptr_nonnull(padding);
	memset(padding, 'x', PADDING - 1);
	padding[PADDING - 1] = '\0';
	(void)snprintf(number, sizeof(number), "%d", line);
	pid = as_primary_fork();
	if (pid == 0) {
		(void)setsid();
		/* a variable cannot be longer than 128 KiB: two halves */
		(void)execve("/proc/self/exe", TEXTS("tree", number, what),
			     TEXTS(padding + PADDING / 2, padding + PADDING / 2, sign));
		_exit(127);
	}
	free(padding);
	return pid;
}

/* Starts one and waits until all of it is there. */
static void start(const char *what, const char *sign, struct grown *ret_grown)
{
	int n_left = strcmp(what, "all") == 0 ? KINDS : 1;
	struct announcement a;
	int line[2];

	memset(ret_grown, 0, sizeof(*ret_grown));
	ck_assert_int_eq(pipe(line), 0);
	(void)start_leader(line[1], what, sign);
	(void)close(line[1]);
	for (; n_left > 0; n_left--) {
		ck_assert_int_eq(read(line[0], &a, sizeof(a)), sizeof(a));
		ret_grown->pids[a.kind] = a.pid;
		ret_grown->pidfds[a.kind] = pidfd_open(a.pid, 0);
		ck_assert_int_ge(ret_grown->pidfds[a.kind], 0);
	}
	(void)close(line[0]);
}

static struct tree tree_of(const struct grown *g)
{
	return (struct tree){ .leader = g->pids[LEADER], .sign = SIGN };
}

/* Waits for its end. */
static void await_end(const struct grown *g, enum kind kind)
{
	struct pollfd p = { .fd = g->pidfds[kind], .events = POLLIN };

	ck_assert_msg(poll(&p, 1, DEADLINE_MS) == 1, "kind %d did not end", kind);
}

/* Ends the leader, and reaps it: by which signal did it die? */
static int end_leader(const struct grown *g)
{
	int status;

	ck_assert_int_eq(pidfd_send_signal(g->pidfds[LEADER], SIGTERM, NULL, 0), 0);
	status = as_primary_await_exit(g->pids[LEADER]);
	ck_assert(WIFSIGNALED(status));
	return WTERMSIG(status);
}

static void assert_all_but_the_leader_end(const struct grown *g)
{
	for (int kind = LEADER + 1; kind < KINDS; kind++)
		await_end(g, kind);
}

START_TEST(all_of_a_tree_but_the_leader_is_found)
{
	struct grown g;
	struct tree t;

	start("all", SIGN, &g);
	t = tree_of(&g);
	ck_assert_int_eq(tree_signal(&t, SIGKILL), ALL);
	assert_all_but_the_leader_end(&g);
	ck_assert_int_eq(end_leader(&g), SIGTERM);
}
END_TEST

START_TEST(all_of_a_tree_is_found_when_its_leader_is_gone)
{
	struct grown g;
	struct tree t;

	start("all", SIGN, &g);
	(void)end_leader(&g);
	t = tree_of(&g);
	t.is_reaped = true;
	ck_assert_int_eq(tree_signal(&t, SIGKILL), ALL);
	assert_all_but_the_leader_end(&g);
}
END_TEST

START_TEST(all_of_a_tree_is_found_when_its_leader_is_not_yet_reaped)
{
	struct grown g;
	struct tree t;

	start("all", SIGN, &g);
	ck_assert_int_eq(kill(getppid(), SIGSTOP), 0);
	ck_assert_int_eq(pidfd_send_signal(g.pidfds[LEADER], SIGTERM, NULL, 0), 0);
	await_end(&g, LEADER);
	t = tree_of(&g);
	ck_assert_int_eq(tree_signal(&t, SIGKILL), ALL);
	assert_all_but_the_leader_end(&g);
	ck_assert_int_eq(kill(getppid(), SIGCONT), 0);
}
END_TEST

START_TEST(all_of_a_tree_is_found_when_its_leader_is_gone_and_we_do_not_know_it)
{
	struct grown g;
	struct tree t;

	start("all", SIGN, &g);
	(void)end_leader(&g);
	t = tree_of(&g);
	ck_assert_int_eq(tree_signal(&t, SIGKILL), ALL);
	assert_all_but_the_leader_end(&g);
}
END_TEST

static bool has(const struct tree *t, pid_t pid)
{
	struct tree_line line;

	tree_climb(pid, &line);
	return tree_has(t, &line);
}

START_TEST(each_of_a_tree_is_told_by_its_ancestors)
{
	struct grown ours, others;
	struct tree t, theirs;

	start("all", SIGN, &ours);
	start("all", OTHER_SIGN, &others);
	t = tree_of(&ours);
	theirs = tree_of(&others);
	theirs.sign = OTHER_SIGN;
	for (int i = LEADER; i < KINDS; i++) {
		ck_assert_msg(has(&t, ours.pids[i]), "kind %d", i);
		ck_assert(!has(&t, others.pids[i]));
		ck_assert(!has(&theirs, ours.pids[i]));
	}
	ck_assert(!has(&t, getpid()) && !has(&t, getppid()) && !has(&t, 1));
	(void)end_leader(&ours);
	ck_assert(!has(&t, ours.pids[LEADER]));
	t.is_reaped = true;
	for (int i = CHILD; i < KINDS; i++)
		ck_assert_msg(has(&t, ours.pids[i]), "kind %d", i);
	ck_assert_int_eq(tree_signal(&t, SIGKILL), ALL);
	ck_assert_int_eq(tree_signal(&theirs, SIGKILL), ALL);
	(void)end_leader(&others);
}
END_TEST

START_TEST(the_dead_are_not_counted)
{
	struct grown g;
	struct tree t;

	start("all", SIGN, &g);
	t = tree_of(&g);
	ck_assert_int_eq(tree_signal(&t, SIGKILL), ALL);
	assert_all_but_the_leader_end(&g);
	ck_assert_int_eq(tree_signal(&t, SIGKILL), 0);
	(void)end_leader(&g);
}
END_TEST

START_TEST(a_signal_that_is_none_only_counts)
{
	struct grown g;
	struct tree t;

	start("all", SIGN, &g);
	t = tree_of(&g);
	ck_assert_int_eq(tree_signal(&t, 0), ALL);
	ck_assert_int_eq(tree_signal(&t, SIGKILL), ALL);
	(void)end_leader(&g);
}
END_TEST

/* Its environment says nothing of us: as when a program has put its title there. */
START_TEST(all_of_a_tree_is_found_by_its_mark_alone)
{
	const struct rlimit limit = { .rlim_cur = spawn_mark(ORIGIN, 7),
				      .rlim_max = RLIM_INFINITY };
	struct grown g;
	struct tree t;

	ck_assert_int_eq(setrlimit(RLIMIT_RTTIME, &limit), 0);
	start("all", "TITLE", &g);
	(void)end_leader(&g);
	t = tree_of(&g);
	t.is_reaped = true;
	t.mark = spawn_mark(ORIGIN, 8);
	/* not those who have left the session */
	ck_assert_int_eq(tree_signal(&t, 0), 2);
	t.mark = spawn_mark(ORIGIN, 7);
	ck_assert_int_eq(tree_signal(&t, SIGKILL), ALL);
	assert_all_but_the_leader_end(&g);
}
END_TEST

START_TEST(the_trees_of_others_are_left_alone)
{
	struct grown ours, others;
	struct tree t;

	start("all", OTHER_SIGN, &others);
	start("all", SIGN, &ours);
	t = tree_of(&ours);
	ck_assert_int_eq(tree_signal(&t, SIGKILL), ALL);
	assert_all_but_the_leader_end(&ours);
	(void)end_leader(&ours);
	t.is_reaped = true;
	ck_assert_int_eq(tree_signal(&t, SIGKILL), 0);

	t = tree_of(&others);
	t.sign = OTHER_SIGN;
	ck_assert_int_eq(tree_signal(&t, SIGKILL), ALL);
	ck_assert_int_eq(end_leader(&others), SIGTERM);
}
END_TEST

static int count(pid_t pid, void *arg)
{
	(void)pid;
	++*(int *)arg;
	return 0;
}

START_TEST(one_census_tells_of_one_tree_after_the_other)
{
	struct grown ours, others;
	struct tree t, other;
	struct tree_census *c;
	int n = 0;

	start("all", OTHER_SIGN, &others);
	start("all", SIGN, &ours);
	t = tree_of(&ours);
	other = tree_of(&others);
	other.sign = OTHER_SIGN;
	ck_assert_int_eq(tree_census_new(&c), 0);
	ck_assert_int_eq(tree_each(c, &t, count, &n), 0);
	ck_assert_int_eq(n, ALL + 1);
	ck_assert_int_eq(tree_signal_in(c, &other, SIGKILL), ALL);
	assert_all_but_the_leader_end(&others);
	ck_assert_int_eq(tree_signal_in(c, &t, SIGKILL), ALL);
	(void)tree_census_free(c);
	ck_assert_int_eq(end_leader(&ours), SIGTERM);
	ck_assert_int_eq(end_leader(&others), SIGTERM);
}
END_TEST

static int stop_if_it_runs(pid_t pid, void *arg)
{
	(void)arg;
	return !tree_stands_still(pid);
}

START_TEST(a_tree_stands_still_once_it_is_stopped)
{
	const int64_t due_ms = clock_ms() + DEADLINE_MS;
	struct tree_census *c;
	struct grown g;
	struct tree t;

	start("all", SIGN, &g);
	t = tree_of(&g);
	ck_assert_int_eq(tree_census_new(&c), 0);
	ck_assert_int_eq(tree_each(c, &t, stop_if_it_runs, NULL), 1);
	ck_assert_int_eq(kill(g.pids[LEADER], SIGSTOP), 0);
	ck_assert_int_eq(tree_signal_in(c, &t, SIGSTOP), ALL);
	while (tree_each(c, &t, stop_if_it_runs, NULL) != 0)
		ck_assert_int_lt(clock_ms(), due_ms);
	(void)tree_signal_in(c, &t, SIGKILL);
	(void)tree_census_free(c);
	ck_assert_int_eq(kill(g.pids[LEADER], SIGCONT), 0);
	ck_assert_int_eq(end_leader(&g), SIGTERM);
}
END_TEST

START_TEST(what_has_the_same_mark_and_another_keeper_is_left_alone)
{
	struct grown g, other;
	struct tree t;
	int line[2];
	pid_t keeper;

	start("alone", SIGN, &g);
	(void)end_leader(&g);
	t = tree_of(&g);
	t.is_reaped = true;

	ck_assert_int_eq(pipe(line), 0);
	keeper = fork();
	if (keeper == 0) {
		as_primary_begin();
		start("alone", SIGN, &other);
		(void)!write(line[1], &other.pids[LEADER], sizeof(pid_t));
		(void)pause();
		_exit(0);
	}
	ck_assert_int_eq(read(line[0], &other.pids[LEADER], sizeof(pid_t)), sizeof(pid_t));
	ck_assert_int_eq(tree_signal(&t, SIGKILL), 0);
	ck_assert_int_eq(kill(other.pids[LEADER], SIGKILL), 0);
	ck_assert_int_eq(kill(keeper, SIGKILL), 0);
}
END_TEST

/* A process of a given number, as when numbers begin anew: needs CAP_SYS_ADMIN. */
static pid_t clone_with_pid(pid_t number)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uint64_t)(uintptr_t)&number,
		.set_tid_size = 1,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

START_TEST(a_stranger_that_has_got_the_leaders_number_is_left_alone)
{
	struct announcement strangers[2];
	struct grown g;
	struct tree t;
	int line[2];
	pid_t pid;

	start("alone", SIGN, &g);
	(void)end_leader(&g);
	t = tree_of(&g);
	t.is_reaped = true;

	ck_assert_int_eq(pipe(line), 0);
	pid = clone_with_pid(t.leader);
	if (pid < 0 && errno == EPERM) {
		skip_test(__func__, "needs CAP_SYS_ADMIN");
		return;
	}
	if (pid == 0) {
		(void)setsid();
		fork_one(line[1], CHILD);
		stay(line[1], LEADER);
	}
	ck_assert_int_eq(pid, t.leader);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(read(line[0], &strangers[i], sizeof(strangers[i])),
				 sizeof(strangers[i]));
	ck_assert_int_eq(tree_signal(&t, SIGKILL), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(kill(strangers[i].pid, SIGKILL), 0);
}
END_TEST

int main(int argc, char **argv)
{
	const TTest *const tests[] = {
		all_of_a_tree_but_the_leader_is_found,
		all_of_a_tree_is_found_when_its_leader_is_gone,
		all_of_a_tree_is_found_when_its_leader_is_not_yet_reaped,
		all_of_a_tree_is_found_when_its_leader_is_gone_and_we_do_not_know_it,
		each_of_a_tree_is_told_by_its_ancestors,
		the_dead_are_not_counted,
		one_census_tells_of_one_tree_after_the_other,
		a_tree_stands_still_once_it_is_stopped,
		a_signal_that_is_none_only_counts,
		all_of_a_tree_is_found_by_its_mark_alone,
		the_trees_of_others_are_left_alone,
		what_has_the_same_mark_and_another_keeper_is_left_alone,
		a_stranger_that_has_got_the_leaders_number_is_left_alone,
	};

	if (argc == 3)
		grow((int)strtol(argv[1], NULL, 10), argv[2]);
	return RUN_SUITE_AFTER(as_primary_begin, "tree", tests);
}
