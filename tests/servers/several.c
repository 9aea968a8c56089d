/*
 * several [--even-as UID] ADDRESS...
 *
 * Listens on each address, "PORT", "HOST:PORT" or "unix:/path", with sockets of MPTCP, as some
 * languages' servers do, and answers. Says "ready 0" when it listens at all of them;
 * after a SIGUSR1 it closes them all, listens again, and says "ready 1", and so on. A call
 * that fails is a line ("bind: EADDRINUSE"), after which it tries again 10 ms later. In a
 * slot of an even number it is the user UID. SIGTERM ends it between two clients; the
 * child that it has from the beginning does nothing, and stays.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define ADDRESSES_MAX 8
#define RETRY_MS      10

struct several {
	int n;
	struct serve_address addresses[ADDRESSES_MAX];
	struct pollfd listeners[ADDRESSES_MAX];
};

static volatile sig_atomic_t is_to_renew, is_to_end;

static void on_signal(int number)
{
	if (number == SIGUSR1)
		is_to_renew = 1;
	else
		is_to_end = 1;
}

static void read_address(char *text, struct serve_address *ret_address)
{
	char *words[2] = { text, NULL };
	char *colon = strncmp(text, "unix:", 5) == 0 ? NULL : strrchr(text, ':');

	if (colon) {
		*colon = '\0';
		words[0] = colon + 1;
		words[1] = text;
	}
	serve_address_read(colon ? 2 : 1, words, ret_address);
}

static int try_to_listen(const struct serve_address *a, int *ret_fd, const char **ret_call)
{
	int family = a->addr.ss_family, yes = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			family == AF_UNIX ? 0 : IPPROTO_MPTCP);

	*ret_call = "socket";
	if (fd < 0)
		return -errno;
	if (family == AF_UNIX)
		(void)unlink(((const struct sockaddr_un *)&a->addr)->sun_path);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	*ret_fd = fd;
	*ret_call = "bind";
	if (bind(fd, (const struct sockaddr *)&a->addr, a->size) < 0)
		return -errno;
	*ret_call = "listen";
	return listen(fd, SOMAXCONN) < 0 ? -errno : 0;
}

static int open_listener(const struct serve_address *a)
{
	for (;;) {
		const char *call;
		int fd = -1;
		int r = try_to_listen(a, &fd, &call);

		if (r == 0)
			return fd;
		if (fd >= 0)
			close(fd);
		printf("%s: %s\n", call, strerrorname_np(-r));
		(void)fflush(stdout);
		(void)poll(NULL, 0, RETRY_MS);
	}
}

static void open_all(struct several *s)
{
	static unsigned n_times;

	for (int i = 0; i < s->n; i++)
		s->listeners[i] =
			(struct pollfd){ .fd = open_listener(&s->addresses[i]), .events = POLLIN };
	printf("ready %u\n", n_times++);
	(void)fflush(stdout);
}

static void serve(struct several *s, const sigset_t *while_waiting)
{
	if (ppoll(s->listeners, (nfds_t)s->n, NULL, while_waiting) <= 0)
		return;
	for (int i = 0; i < s->n; i++) {
		int fd;

		if (!(s->listeners[i].revents & POLLIN))
			continue;
		fd = accept4(s->listeners[i].fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			serve_answer(fd);
	}
}

static void become(const char *uid)
{
	const char *slot = getenv("BERTH_SLOT");

	if (slot && strtoul(slot, NULL, 10) % 2 == 0 && seteuid(serve_number(uid, 65534)) < 0)
		exit(1);
}

static void make_child(void)
{
	if (fork() != 0)
		return;
	for (;;)
		(void)pause();
}

int main(int argc, char **argv)
{
	struct several s = { 0 };
	const struct sigaction handler = { .sa_handler = on_signal };
	sigset_t taken, before;
	int at = 1;

	make_child();
	(void)sigemptyset(&taken);
	(void)sigaddset(&taken, SIGUSR1);
	(void)sigaddset(&taken, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &taken, &before);
	(void)sigaction(SIGUSR1, &handler, NULL);
	(void)sigaction(SIGTERM, &handler, NULL);
	if (argc > 2 && strcmp(argv[1], "--even-as") == 0) {
		become(argv[2]);
		at = 3;
	}
	for (; at < argc && s.n < ADDRESSES_MAX; at++)
		read_address(argv[at], &s.addresses[s.n++]);
	open_all(&s);
	while (!is_to_end) {
		serve(&s, &before);
		if (!is_to_renew)
			continue;
		is_to_renew = 0;
		for (int i = 0; i < s.n; i++)
			close(s.listeners[i].fd);
		open_all(&s);
	}
	return 0;
}
