/*
 * One probe on a loop, and a server for it in a thread: one connection, one answer.
 */
#ifndef BERTH_TESTS_PROBE_STAGE_H
#define BERTH_TESTS_PROBE_STAGE_H

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/own.h"
#include "primary/probe.h"

#define LONG_MS 20000 /* for what is to end by itself */

struct server {
	int fd;
	struct addr at;
	const char *answer; /* NULL: none */
	bool repeats;       /* its answer, until the client has had enough */
	bool stays;         /* afterwards, until the client goes */
	char request[4096];
	struct addr client;
	uv_thread_t thread;
};

struct stage {
	uv_loop_t loop;
	struct probe probe;
	struct probe_request request;
	struct probe_run *run;
	struct addr source, target;
	int refusal; /* what will_connect() returns */
	unsigned n_announced;
	unsigned n_done;
	enum probe_outcome outcome;
	char text[PROBE_SENTENCE_MAX];
};

static inline struct addr stage_addr(const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(text, &a), ADDR_OK);
	return a;
}

/* Binds a socket to @text, whose port 1 means any, and tells where it is. */
static inline int stage_bind(const char *text, struct addr *ret_at)
{
	struct sockaddr_storage bytes;
	struct addr a = stage_addr(text);
	socklen_t size;
	int fd = socket(a.family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	a.port = a.port == 1 ? 0 : a.port;
	size = addr_to_sockaddr(&a, &bytes);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&bytes, size), 0);
	size = sizeof(bytes);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&bytes, &size), 0);
	ck_assert_int_eq(addr_from_sockaddr(&bytes, size, ret_at), ADDR_OK);
	ret_at->protocol = IPPROTO_TCP;
	return fd;
}

static inline void server_play(void *arg)
{
	struct server *s = arg;
	struct sockaddr_storage bytes;
	socklen_t length = sizeof(bytes);
	size_t size = 0;
	ssize_t n = 1;
	char rest[64];
	own_fd fd = accept4(s->fd, (struct sockaddr *)&bytes, &length, SOCK_CLOEXEC);

	(void)addr_from_sockaddr(&bytes, length, &s->client);
	while (n > 0 && !strstr(s->request, "\r\n\r\n")) {
		n = read(fd, s->request + size, sizeof(s->request) - 1 - size);
		size += n > 0 ? (size_t)n : 0;
	}
	do
		n = s->answer ? send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL) : 0;
	while (s->repeats && n > 0);
	while (s->stays && read(fd, rest, sizeof(rest)) > 0)
		;
}

/* @s: says what it does */
static inline void server_begin(struct server *s, const char *at)
{
	s->fd = stage_bind(at, &s->at);
	ck_assert_int_eq(listen(s->fd, 8), 0);
	ck_assert_int_eq(uv_thread_create(&s->thread, server_play, s), 0);
}

static inline void server_end(struct server *s)
{
	ck_assert_int_eq(uv_thread_join(&s->thread), 0);
	(void)close(s->fd);
}

static inline int stage_will_connect(void *data, const struct addr *source,
				     const struct addr *target)
{
	struct stage *st = data;

	ck_assert_uint_eq(st->n_done, 0);
	st->n_announced++;
	st->source = *source;
	st->target = *target;
	return st->refusal;
}

static inline void stage_done(void *data, const struct probe_result *result)
{
	struct stage *st = data;

	st->n_done++;
	st->outcome = result->outcome;
	(void)snprintf(st->text, sizeof(st->text), "%s", result->text);
	st->run = probe_free(st->run);
}

static inline void stage_init(struct stage *st, const char *probe, const struct addr *port)
{
	static const struct probe_events events = { stage_will_connect, stage_done };

	memset(st, 0, sizeof(*st));
	ck_assert_int_eq(uv_loop_init(&st->loop), 0);
	ck_assert_int_eq(probe_parse(probe, &st->probe), PROBE_OK);
	st->request = (struct probe_request){
		.loop = &st->loop,
		.probe = &st->probe,
		.timeout_ms = LONG_MS,
		.port = *port,
		.app = "web",
		.slot = 2,
		.generation = 7,
		.pid = 1234,
		.events = &events,
		.data = st,
	};
}

static inline void stage_start(struct stage *st)
{
	ck_assert_int_eq(probe_start(&st->request, &st->run), 0);
	ck_assert_uint_eq(st->n_done, 0);
}

static inline void stage_stay(uv_idle_t *idle)
{
	siginfo_t any;

	if (waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) == 0)
		return;
	ck_assert_int_eq(errno, ECHILD);
	uv_close((uv_handle_t *)idle, NULL);
}

/* Nothing of it is left. */
static inline void stage_end(struct stage *st)
{
	uv_idle_t idle;

	/* The loop doesn't stay for a command that was given up; while it runs, that is reaped. */
	(void)uv_idle_init(&st->loop, &idle);
	(void)uv_idle_start(&idle, stage_stay);
	(void)uv_run(&st->loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&st->loop), 0);
}

/* The whole of one probe. */
static inline void stage_run(struct stage *st)
{
	stage_start(st);
	stage_end(st);
	ck_assert_uint_eq(st->n_done, 1);
}

static inline void stage_assert_said(const struct stage *st, enum probe_outcome outcome,
				     const char *format, ...) __attribute__((format(printf, 3, 4)));

static inline void stage_assert_said(const struct stage *st, enum probe_outcome outcome,
				     const char *format, ...)
{
	char text[PROBE_SENTENCE_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ck_assert_str_eq(st->text, text);
	ck_assert_int_eq(st->outcome, outcome);
}

#endif
