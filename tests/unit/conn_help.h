/*
 * A worker that does what the test tells it, on its connections: so that the test
 * knows what has happened when it looks at them from outside.
 */
#ifndef BERTH_TESTS_CONN_HELP_H
#define BERTH_TESTS_CONN_HELP_H

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/conns.h"
#include "sock_help.h"

#define WEB         7 /* whom what is claimed belongs to */
#define DEADLINE_MS 10000
#define ANSWER      "an answer"

struct conn_server {
	pid_t pid;
	int line;
	struct addr addr;
};

/* What the server is told: it replies with what the call returned. */
enum conn_order {
	DO_ACCEPT,
	DO_READ,
	DO_ANSWER,
	DO_FLOOD, /* writes until the socket takes no more */
	DO_HALF_CLOSE,
	DO_CLOSE,
};

struct conn_call {
	enum conn_order order;
	int fd;
};

static inline ssize_t conn_do(int listener, const struct conn_call *call)
{
	static char bytes[65536];
	ssize_t n, n_all = 0;

	switch (call->order) {
	case DO_ACCEPT: return accept(listener, NULL, NULL);
	case DO_READ: return recv(call->fd, bytes, sizeof(bytes), 0);
	case DO_ANSWER: return send(call->fd, ANSWER, strlen(ANSWER), MSG_NOSIGNAL);
	case DO_HALF_CLOSE: return shutdown(call->fd, SHUT_WR);
	case DO_CLOSE: return close(call->fd);
	case DO_FLOOD:
		do {
			n = send(call->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
			n_all += n > 0 ? n : 0;
		} while (n > 0);
		return n_all;
	}
	return -1;
}

static inline _Noreturn void conn_serve(int listener, int line)
{
	struct conn_call call;
	ssize_t result;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(line, &call, sizeof(call)) == sizeof(call)) {
		result = conn_do(listener, &call);
		(void)!write(line, &result, sizeof(result));
	}
	_exit(0);
}

static inline struct conn_server conn_server_at(int listener)
{
	struct conn_server s = { .addr = bound_to(listener) };
	int line[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, line), 0);
	s.line = line[0];
	s.pid = fork();
	ck_assert_int_ge(s.pid, 0);
	if (s.pid == 0)
		conn_serve(listener, line[1]);
	(void)close(line[1]);
	return s;
}

static inline int conn_listen(const char *host)
{
	struct addr a = any_port(host);
	int fd = try_bind(&a, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(listen(fd, 512), 0);
	return fd;
}

static inline struct conn_server conn_server(const char *host)
{
	own_fd fd = conn_listen(host);

	return conn_server_at(fd);
}

static inline void conn_server_end(const struct conn_server *s)
{
	ck_assert_int_eq(kill(s->pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(s->pid, NULL, 0), s->pid);
	(void)close(s->line);
}

static inline ssize_t tell(const struct conn_server *s, enum conn_order order, int fd)
{
	const struct conn_call call = { order, fd };
	ssize_t result;

	ck_assert_int_eq(write(s->line, &call, sizeof(call)), sizeof(call));
	ck_assert_int_eq(read(s->line, &result, sizeof(result)), sizeof(result));
	return result;
}

/* A client, and the number that the server has for its connection. */
static inline int connect_and_accept(const struct conn_server *s, int *ret_fd)
{
	int client = connect_to(&s->addr);

	*ret_fd = (int)tell(s, DO_ACCEPT, -1);
	ck_assert_int_ge(*ret_fd, 0);
	return client;
}

static inline void ask(int client)
{
	ck_assert_int_eq(send(client, "a request", 9, 0), 9);
}

static inline void look(struct conns *c, const struct addr *at)
{
	ck_assert_int_eq(conns_look(c, at, 1, clock_ms()), 0);
}

/* The only one that there is. */
static inline struct conn *look_at_one(struct conns *c, const struct conn_server *s)
{
	struct conn *all;
	size_t n;

	look(c, &s->addr);
	ck_assert_int_ge(conns_claim(c, s->pid, WEB), 0);
	all = conns_all(c, &n);
	ck_assert_uint_eq(n, 1);
	return all;
}

typedef bool conn_test(const struct conn_info *info);

/* Looks until it is as @is wants it. */
static inline struct conn *await(struct conns *c, const struct conn_server *s, conn_test *is)
{
	int64_t end_ms = clock_ms() + DEADLINE_MS;
	struct conn *conn = look_at_one(c, s);

	while (!is(&conn->info)) {
		ck_assert_msg(clock_ms() < end_ms, "it did not get there");
		(void)poll(NULL, 0, 1);
		conn = look_at_one(c, s);
	}
	return conn;
}

/* What a client has sent may be on its way for a while, even here. */
static inline bool has_unread(const struct conn_info *info)
{
	return info->n_unread > 0;
}

static inline bool can_read_soon(int client)
{
	struct pollfd p = { .fd = client, .events = POLLIN };

	return poll(&p, 1, DEADLINE_MS) == 1;
}

/* Reads to the end of the stream; the client sees it within the deadline. */
static inline size_t read_all(int client, char *ret_bytes, size_t size)
{
	size_t used = 0;
	ssize_t n = 1;

	while (n > 0) {
		ck_assert(can_read_soon(client));
		n = recv(client, ret_bytes + used, size - used, 0);
		ck_assert_int_ge(n, 0);
		used += (size_t)n;
	}
	return used;
}

static inline bool has_nothing_to_read(int client)
{
	struct pollfd p = { .fd = client, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

#endif
