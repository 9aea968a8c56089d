/*
 * What counts as a reset of the server's, on real connections.
 */
#include "os/resets.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "run_suite.h"
#include "sock_help.h"

/* A marked listening socket, a connection that came by it, and its client. */
struct scene {
	struct resets *resets;
	int listener;
	int server;
	int client;
};

static bool is_refused(int err)
{
	return err == -EPERM || err == -ENOENT || err == -ESRCH || err == -EINVAL;
}

static int accept_from(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* False where this kernel, or our rights, don't allow to count. */
static bool scene_init(struct scene *s, enum resets_mark mark, const char *function)
{
	const struct addr any = any_port("127.0.0.1");
	struct addr at;
	int err = resets_new(&s->resets);

	if (is_refused(err)) {
		skip_test(function, "resets cannot be counted here");
		return false;
	}
	ck_assert_int_eq(err, 0);
	s->listener = make(AF_INET, SOCK_STREAM);
	ck_assert_int_eq(sock_bind(s->listener, &any), 0);
	ck_assert_int_eq(listen(s->listener, 8), 0);
	at = bound_to(s->listener);
	ck_assert_int_eq(resets_mark(s->resets, s->listener, mark), 0);
	s->client = connect_to(&at);
	s->server = accept_from(s->listener);
	return true;
}

static void scene_done(struct scene *s)
{
	(void)close(s->client);
	(void)close(s->listener);
	s->resets = resets_free(s->resets);
}

static void say(int fd, int hearer)
{
	struct pollfd heard = { .fd = hearer, .events = POLLIN };

	ck_assert_int_eq(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	ck_assert_int_eq(poll(&heard, 1, 5000), 1);
}

/* What the client reads in the end: 0, or the error. */
static int client_hears(const struct scene *s)
{
	char byte;

	return recv(s->client, &byte, 1, 0) < 0 ? errno : 0;
}

static uint64_t of_canary(const struct scene *s)
{
	return resets_count(s->resets, RESETS_OF_CANARY);
}

START_TEST(a_close_with_a_request_unread_is_a_reset)
{
	struct scene s;

	if (!scene_init(&s, RESETS_OF_CANARY, __func__))
		return;
	say(s.client, s.server);
	(void)close(s.server);
	ck_assert_int_eq(client_hears(&s), ECONNRESET);
	ck_assert_uint_eq(of_canary(&s), 1);
	ck_assert_uint_eq(resets_count(s.resets, RESETS_OF_OTHERS), 0);
	scene_done(&s);
}
END_TEST

START_TEST(a_close_without_patience_is_a_reset)
{
	const struct linger hasty = { .l_onoff = 1, .l_linger = 0 };
	struct scene s;

	if (!scene_init(&s, RESETS_OF_OTHERS, __func__))
		return;
	ck_assert_int_eq(setsockopt(s.server, SOL_SOCKET, SO_LINGER, &hasty, sizeof(hasty)), 0);
	(void)close(s.server);
	ck_assert_int_eq(client_hears(&s), ECONNRESET);
	ck_assert_uint_eq(of_canary(&s), 0);
	ck_assert_uint_eq(resets_count(s.resets, RESETS_OF_OTHERS), 1);
	scene_done(&s);
}
END_TEST

START_TEST(a_close_after_the_answer_is_none)
{
	char byte;
	struct scene s;

	if (!scene_init(&s, RESETS_OF_CANARY, __func__))
		return;
	say(s.client, s.server);
	ck_assert_int_eq(recv(s.server, &byte, 1, 0), 1);
	say(s.server, s.client);
	(void)close(s.server);
	ck_assert_int_eq(recv(s.client, &byte, 1, 0), 1);
	ck_assert_int_eq(client_hears(&s), 0);
	ck_assert_uint_eq(of_canary(&s), 0);
	scene_done(&s);
}
END_TEST

START_TEST(what_the_client_resets_is_none_of_the_server_s)
{
	struct scene s;
	char byte;

	if (!scene_init(&s, RESETS_OF_CANARY, __func__))
		return;
	say(s.server, s.client);
	(void)close(s.client);
	ck_assert_int_lt(recv(s.server, &byte, 1, 0), 0);
	ck_assert_int_eq(errno, ECONNRESET);
	(void)close(s.server);
	ck_assert_uint_eq(of_canary(&s), 0);
	s.client = -1;
	scene_done(&s);
}
END_TEST

START_TEST(what_came_before_the_mark_or_by_another_socket_is_not_counted)
{
	struct scene s;
	struct addr at;
	int other, client, server;

	if (!scene_init(&s, RESETS_OF_CANARY, __func__))
		return;
	other = make(AF_INET, SOCK_STREAM);
	at = any_port("127.0.0.1");
	ck_assert_int_eq(sock_bind(other, &at), 0);
	ck_assert_int_eq(listen(other, 8), 0);
	at = bound_to(other);
	client = connect_to(&at);
	server = accept_from(other);
	ck_assert_int_eq(resets_mark(s.resets, other, RESETS_OF_CANARY), 0);
	say(client, server);
	(void)close(server);
	ck_assert_uint_eq(of_canary(&s), 0);
	(void)close(client);
	(void)close(other);
	scene_done(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_close_with_a_request_unread_is_a_reset,
		a_close_without_patience_is_a_reset,
		a_close_after_the_answer_is_none,
		what_the_client_resets_is_none_of_the_server_s,
		what_came_before_the_mark_or_by_another_socket_is_not_counted,
	};

	return RUN_SUITE("resets", tests);
}
