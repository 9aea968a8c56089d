/*
 * Closing a worker's connections from outside: what the client sees of it, and when
 * it is left alone.
 */
#include "os/conn_close.h"

#include "conn_help.h"
#include "core/conn_idle.h"
#include "run_suite.h"

/* At a moment when it would be closed as soon as it may be. */
static const struct conn_patience hasty = { .idle_ms = 1, .unsure_ms = 1, .silent_ms = 1 };

struct pair {
	struct conns *conns;
	struct conn_server server;
	int fd; /* the server's */
	int client;
};

static struct pair pair_init(void)
{
	struct pair p = { .conns = conns_new(), .server = conn_server("127.0.0.1") };

	p.client = connect_and_accept(&p.server, &p.fd);
	return p;
}

static void pair_done(struct pair *p)
{
	conns_free(p->conns);
	conn_server_end(&p->server);
	(void)close(p->client);
}

static bool is_idle(const struct conn_info *info)
{
	return conn_is_idle(info, &hasty);
}

static bool is_a_tick_behind_the_request(const struct conn_info *info)
{
	return info->n_received > 0 && info->received_ms >= 20;
}

/* A request, and its answer a good while later: nobody is in doubt about their order. */
static struct conn *exchange(struct pair *p)
{
	char answer[sizeof(ANSWER)];

	ask(p->client);
	ck_assert_int_eq(tell(&p->server, DO_READ, p->fd), 9);
	(void)await(p->conns, &p->server, is_a_tick_behind_the_request);
	ck_assert_int_eq(tell(&p->server, DO_ANSWER, p->fd), strlen(ANSWER));
	ck_assert_int_eq(recv(p->client, answer, sizeof(answer), 0), strlen(ANSWER));
	return await(p->conns, &p->server, is_idle);
}

START_TEST(the_client_of_an_idle_connection_reads_the_end_of_the_stream_and_so_does_the_worker)
{
	struct pair p = pair_init();
	char bytes[16];

	ck_assert_int_eq(conn_close(exchange(&p)), 0);
	ck_assert_uint_eq(read_all(p.client, bytes, sizeof(bytes)), 0);
	ck_assert_int_eq(tell(&p.server, DO_READ, p.fd), 0);
	pair_done(&p);
}
END_TEST

START_TEST(a_request_that_the_worker_has_read_is_in_flight)
{
	struct pair p = pair_init();
	struct conn *conn;

	ask(p.client);
	ck_assert_int_eq(tell(&p.server, DO_READ, p.fd), 9);
	conn = await(p.conns, &p.server, is_a_tick_behind_the_request);
	ck_assert(!is_idle(&conn->info));
	pair_done(&p);
}
END_TEST

START_TEST(a_request_that_the_worker_has_not_read_is_seen)
{
	struct pair p = pair_init();
	struct conn *conn;

	(void)exchange(&p);
	ask(p.client);
	conn = await(p.conns, &p.server, has_unread);
	ck_assert(!is_idle(&conn->info));
	pair_done(&p);
}
END_TEST

START_TEST(an_answer_that_the_client_has_not_acknowledged_keeps_it_open)
{
	struct pair p = pair_init();
	struct conn *conn;

	(void)exchange(&p);
	ck_assert_int_gt(tell(&p.server, DO_FLOOD, p.fd), 0);
	conn = look_at_one(p.conns, &p.server);
	ck_assert_uint_gt(conn->info.n_unacked, 0);
	ck_assert(!is_idle(&conn->info));
	pair_done(&p);
}
END_TEST

START_TEST(a_connection_on_which_something_has_happened_since_the_look_is_left_alone)
{
	struct pair p = pair_init();
	struct conn then = *exchange(&p);
	char answer[64];

	ask(p.client);
	(void)await(p.conns, &p.server, has_unread);
	ck_assert_int_eq(conn_close(&then), -EAGAIN);
	ck_assert_int_eq(tell(&p.server, DO_READ, p.fd), 9);
	ck_assert_int_eq(conn_close(&then), -EAGAIN);
	ck_assert_int_eq(tell(&p.server, DO_ANSWER, p.fd), strlen(ANSWER));
	ck_assert_int_eq(recv(p.client, answer, sizeof(answer), 0), strlen(ANSWER));
	ck_assert(has_nothing_to_read(p.client));
	pair_done(&p);
}
END_TEST

START_TEST(an_answer_since_the_look_is_seen_too)
{
	struct pair p = pair_init();
	struct conn *conn = exchange(&p);
	char answer[64];

	ck_assert_int_eq(tell(&p.server, DO_ANSWER, p.fd), strlen(ANSWER));
	ck_assert_int_eq(conn_close(conn), -EAGAIN);
	ck_assert_int_eq(recv(p.client, answer, sizeof(answer), 0), strlen(ANSWER));
	ck_assert(has_nothing_to_read(p.client));
	pair_done(&p);
}
END_TEST

START_TEST(a_request_that_crosses_the_end_is_refused_and_the_worker_does_not_get_it)
{
	struct pair p = pair_init();
	struct pollfd wait = { .fd = p.client };
	char byte;

	ck_assert_int_eq(conn_close(exchange(&p)), 0);
	ask(p.client);
	ck_assert_int_eq(poll(&wait, 1, DEADLINE_MS), 1);
	ck_assert(wait.revents & POLLHUP);
	ck_assert_int_lt(send(p.client, "more", 4, MSG_NOSIGNAL), 0);
	ck_assert_int_le(tell(&p.server, DO_READ, p.fd), 0);
	ck_assert_int_le(recv(p.client, &byte, 1, 0), 0);
	pair_done(&p);
}
END_TEST

START_TEST(a_number_that_means_another_connection_by_now_is_left_alone)
{
	struct pair p = pair_init();
	struct conn *conn = exchange(&p);
	own_fd other = NO_FD;
	int fd;

	ck_assert_int_eq(tell(&p.server, DO_CLOSE, p.fd), 0);
	ck_assert_int_eq(conn_close(conn), -ESRCH);
	other = connect_and_accept(&p.server, &fd);
	ck_assert_int_eq(fd, p.fd);
	ck_assert_int_eq(conn_close(conn), -ESRCH);
	ck_assert_int_eq(conn_cut(conn), -ESRCH);
	ck_assert_int_eq(conn_hold(conn), -ESRCH);
	ck_assert(has_nothing_to_read(other));
	pair_done(&p);
}
END_TEST

START_TEST(a_socket_that_has_got_the_same_inode_is_left_alone)
{
	struct pair p = pair_init();
	struct conn then = *exchange(&p);

	then.info.cookie++;
	ck_assert_int_eq(conn_close(&then), -ESRCH);
	ck_assert_int_eq(conn_cut(&then), -ESRCH);
	ck_assert(has_nothing_to_read(p.client));
	pair_done(&p);
}
END_TEST

START_TEST(nothing_is_taken_from_a_process_that_is_gone)
{
	struct pair p = pair_init();
	struct conn then = *exchange(&p);

	pair_done(&p);
	ck_assert_int_eq(conn_close(&then), -ESRCH);
	ck_assert_int_eq(conn_cut(&then), -ESRCH);
}
END_TEST

START_TEST(the_deadline_cuts_a_request_in_flight)
{
	struct pair p = pair_init();
	char bytes[16];

	ask(p.client);
	ck_assert_int_eq(tell(&p.server, DO_READ, p.fd), 9);
	ck_assert_int_eq(conn_cut(look_at_one(p.conns, &p.server)), 0);
	ck_assert_uint_eq(read_all(p.client, bytes, sizeof(bytes)), 0);
	ck_assert_int_lt(tell(&p.server, DO_ANSWER, p.fd), 0);
	pair_done(&p);
}
END_TEST

static bool is_held_and_quiet(const struct conn_info *info)
{
	const struct conn_patience p = { .idle_ms = 1000, .held_ms = 5 };

	return conn_is_idle(info, &p);
}

/* The request is not yet answered when it's held. */
static struct conn *hold_an_answer(struct pair *p)
{
	struct conn *conn;

	ask(p->client);
	ck_assert_int_eq(tell(&p->server, DO_READ, p->fd), 9);
	ck_assert_int_eq(conn_hold(look_at_one(p->conns, &p->server)), 0);
	ck_assert_int_eq(tell(&p->server, DO_ANSWER, p->fd), strlen(ANSWER));
	conn = look_at_one(p->conns, &p->server);
	ck_assert(conn->info.is_held);
	return conn;
}

START_TEST(a_held_answer_arrives_with_the_end_of_the_stream)
{
	struct pair p = pair_init();
	struct conn *conn = hold_an_answer(&p);
	char bytes[64];

	ck_assert_uint_eq(conn->info.n_unsent, strlen(ANSWER));
	ck_assert(has_nothing_to_read(p.client));
	conn = await(p.conns, &p.server, is_held_and_quiet);
	ck_assert_int_eq(conn_close(conn), 0);
	ck_assert_uint_eq(read_all(p.client, bytes, sizeof(bytes)), strlen(ANSWER));
	ck_assert_mem_eq(bytes, ANSWER, strlen(ANSWER));
	pair_done(&p);
}
END_TEST

START_TEST(a_held_answer_that_the_worker_goes_on_with_is_not_the_end)
{
	struct pair p = pair_init();
	struct conn *conn;

	(void)hold_an_answer(&p);
	conn = await(p.conns, &p.server, is_held_and_quiet);
	ck_assert_int_eq(tell(&p.server, DO_ANSWER, p.fd), strlen(ANSWER));
	ck_assert_int_eq(conn_close(conn), -EAGAIN);
	conn = look_at_one(p.conns, &p.server);
	ck_assert(!is_held_and_quiet(&conn->info));
	pair_done(&p);
}
END_TEST

START_TEST(a_held_answer_leaves_when_it_is_released)
{
	struct pair p = pair_init();
	struct conn *conn = hold_an_answer(&p);
	char bytes[64];

	ck_assert(has_nothing_to_read(p.client));
	ck_assert_int_eq(conn_release(conn), 0);
	ck_assert(!conn->info.is_held);
	ck_assert_int_eq(recv(p.client, bytes, sizeof(bytes), 0), strlen(ANSWER));
	ck_assert(has_nothing_to_read(p.client));
	pair_done(&p);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_client_of_an_idle_connection_reads_the_end_of_the_stream_and_so_does_the_worker,
		a_request_that_the_worker_has_read_is_in_flight,
		a_request_that_the_worker_has_not_read_is_seen,
		an_answer_that_the_client_has_not_acknowledged_keeps_it_open,
		a_connection_on_which_something_has_happened_since_the_look_is_left_alone,
		an_answer_since_the_look_is_seen_too,
		a_request_that_crosses_the_end_is_refused_and_the_worker_does_not_get_it,
		a_number_that_means_another_connection_by_now_is_left_alone,
		a_socket_that_has_got_the_same_inode_is_left_alone,
		nothing_is_taken_from_a_process_that_is_gone,
		the_deadline_cuts_a_request_in_flight,
		a_held_answer_arrives_with_the_end_of_the_stream,
		a_held_answer_that_the_worker_goes_on_with_is_not_the_end,
		a_held_answer_leaves_when_it_is_released,
	};

	return RUN_SUITE("conn_close", tests);
}
