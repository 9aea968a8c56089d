/*
 * tree [--exit]
 *
 * A process with descendants of every kind. Each says "KIND PID", the parent last:
 *   child      in the parent's process group
 *   session    in a session of its own
 *   daemon     forked twice, in a session of its own, its parent gone
 *   stubborn   ignores SIGTERM, SIGINT and SIGHUP
 * All stay until they are killed, or for two minutes; with --exit the parent leaves at once.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIFETIME_S 120

static void say(const char *kind)
{
	printf("%s %d\n", kind, getpid());
	(void)fflush(stdout);
}

/* Says who it is, tells the parent so, and stays. */
__attribute__((noreturn)) static void stay(const char *kind, int ready_fd)
{
	alarm(LIFETIME_S);
	say(kind);
	close(ready_fd);
	for (;;)
		pause();
}

static void be_child(int ready_fd)
{
	stay("child", ready_fd);
}

static void be_session(int ready_fd)
{
	setsid();
	stay("session", ready_fd);
}

static void be_daemon(int ready_fd)
{
	setsid();
	if (fork() == 0)
		stay("daemon", ready_fd);
	_exit(0);
}

static void be_stubborn(int ready_fd)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	stay("stubborn", ready_fd);
}

/* Forks, and returns when the last copy of the pipe's end is closed. */
static int grow(void (*be)(int ready_fd))
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		close(ready[0]);
		be(ready[1]);
	}
	close(ready[1]);
	(void)!read(ready[0], &byte, 1);
	close(ready[0]);
	return 0;
}

int main(int argc, char **argv)
{
	static void (*const kinds[])(int) = { be_child, be_session, be_daemon, be_stubborn };
	bool exits = argc > 1 && strcmp(argv[1], "--exit") == 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int r = grow(kinds[i]);

		if (r < 0) {
			fprintf(stderr, "tree: cannot fork: %s\n", strerror(-r));
			return 1;
		}
	}
	say("parent");
	if (exits)
		return 0;
	alarm(LIFETIME_S);
	for (;;)
		pause();
}
