/*
 * What the kernel promises about things that have names in the file system:
 * Unix sockets can change theirs while they listen, and a pipe that is opened
 * again through /proc has flags of its own.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel_help.h"

static void must_run(int result)
{
	ck_assert_int_eq(result, 0);
}

static struct sockaddr_un unix_address(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", name);
	return sun;
}

static int unix_listener(const char *name)
{
	struct sockaddr_un sun = unix_address(name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	must_run(bind(fd, (const struct sockaddr *)&sun, sizeof(sun)));
	must_run(listen(fd, 8));
	return fd;
}

/* Whether a client that connects to @name arrives at @listener. */
static bool leads_to(const char *name, int listener)
{
	struct sockaddr_un sun = unix_address(name);
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int served = -1;

	if (!connect(client, (const struct sockaddr *)&sun, sizeof(sun)))
		served = accept(listener, NULL, NULL);
	(void)close(client);
	if (served >= 0)
		(void)close(served);
	return served >= 0;
}

/* Goes to a new directory, where names are free. */
static void enter_directory(char path[static 32])
{
	(void)snprintf(path, 32, "/tmp/berth-promise-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(path));
	must_run(chdir(path));
}

START_TEST(a_unix_listener_is_reached_by_its_second_name_when_the_first_is_gone)
{
	char directory[32];
	int listener;

	enter_directory(directory);
	listener = unix_listener("first");
	must_run(link("first", "second"));
	ck_assert(leads_to("first", listener));
	ck_assert(leads_to("second", listener));

	must_run(unlink("first"));
	ck_assert(!leads_to("first", listener));
	ck_assert(leads_to("second", listener));

	must_run(link("second", "first"));
	ck_assert(leads_to("first", listener));
	must_run(unlink("first"));
	must_run(unlink("second"));
	must_run(rmdir(directory));
}
END_TEST

START_TEST(a_unix_listener_that_takes_over_a_name_leaves_the_other_its_second_one)
{
	char directory[32];
	int old;
	int new;

	enter_directory(directory);
	old = unix_listener("first");
	must_run(link("first", "second"));
	new = unix_listener("third");
	must_run(rename("third", "first"));
	ck_assert(leads_to("first", new));
	ck_assert(leads_to("second", old));
	must_run(unlink("first"));
	must_run(unlink("second"));
	must_run(rmdir(directory));
}
END_TEST

START_TEST(a_pipe_opened_again_through_proc_has_flags_of_its_own)
{
	char name[32];
	int ends[2];
	int again;

	ck_assert_int_eq(pipe(ends), 0);
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", ends[1]);
	again = open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(again, 0);
	ck_assert_int_eq(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(again, F_GETFL) & O_NONBLOCK, O_NONBLOCK);

	/* and it is the same pipe */
	ck_assert_int_eq(write(again, "x", 1), 1);
	ck_assert_int_ne(help_poll(ends[0], POLLIN, HELP_DEADLINE_MS), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_unix_listener_is_reached_by_its_second_name_when_the_first_is_gone,
		a_unix_listener_that_takes_over_a_name_leaves_the_other_its_second_one,
		a_pipe_opened_again_through_proc_has_flags_of_its_own,
	};

	return help_run("paths", tests, ARRAY_SIZE(tests));
}
