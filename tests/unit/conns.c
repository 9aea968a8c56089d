/*
 * The connections at a port, as the kernel tells of them, and whose they are.
 */
#include "os/conns.h"

#include <grp.h>

#include "conn_help.h"
#include "run_suite.h"

#define NOBODY 65534

static bool is_acked(const struct conn_info *info)
{
	return info->n_acked > 0 && info->n_unacked == 0;
}

START_TEST(a_connection_is_found_with_what_it_has_carried)
{
	struct conn_server s = conn_server("127.0.0.1");
	struct conns *c = conns_new();
	int fd;
	own_fd client = connect_and_accept(&s, &fd);
	struct addr peer = bound_to(client);
	struct conn *conn = look_at_one(c, &s);

	ck_assert_uint_eq(conn->info.n_received, 0);
	ck_assert_uint_eq(conn->info.n_acked, 0);
	ask(client);
	conn = await(c, &s, has_unread);
	ck_assert_uint_eq(conn->info.n_received, 9);
	ck_assert_uint_eq(conn->info.n_unread, 9);
	ck_assert_int_eq(tell(&s, DO_READ, fd), 9);
	ck_assert_int_eq(tell(&s, DO_ANSWER, fd), strlen(ANSWER));
	conn = await(c, &s, is_acked);
	ck_assert_uint_eq(conn->info.n_acked, strlen(ANSWER));
	ck_assert_uint_eq(conn->info.n_unread, 0);
	ck_assert_int_eq(conn->info.state, CONN_OPEN);
	ck_assert_uint_gt(conn->info.segment_max, 500);
	ck_assert(addr_equal(&conn->info.local, &s.addr));
	ck_assert_uint_eq(conn->info.peer.port, peer.port);
	ck_assert_int_eq(conn->pid, s.pid);
	ck_assert_int_eq(conn->fd, fd);
	ck_assert_uint_eq(conn->owner, WEB);
	conns_free(c);
	conn_server_end(&s);
}
END_TEST

static bool is_old(const struct conn_info *info)
{
	return info->received_ms >= 30 && info->sent_ms >= 30 && info->same_ms >= 20;
}

START_TEST(a_connection_that_has_carried_nothing_grows_old_all_the_same)
{
	struct conn_server s = conn_server("127.0.0.1");
	struct conns *c = conns_new();
	int fd;
	own_fd client = connect_and_accept(&s, &fd);
	struct conn *conn = await(c, &s, is_old);

	ck_assert_uint_lt(conn->info.received_ms, DEADLINE_MS);
	ck_assert_uint_lt(conn->info.same_ms, DEADLINE_MS);
	conns_free(c);
	conn_server_end(&s);
}
END_TEST

START_TEST(what_nobody_has_accepted_is_left_out)
{
	struct conn_server s = conn_server("127.0.0.1");
	struct conns *c = conns_new();
	own_fd client = connect_to(&s.addr);
	size_t n;

	look(c, &s.addr);
	(void)conns_all(c, &n);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(conns_claim(c, s.pid, WEB), 0);
	conns_free(c);
	conn_server_end(&s);
}
END_TEST

static bool is_peer_done(const struct conn_info *info)
{
	return info->state == CONN_PEER_DONE;
}

static bool is_closing(const struct conn_info *info)
{
	return info->state == CONN_CLOSING;
}

START_TEST(one_that_is_half_closed_is_found)
{
	struct conn_server s = conn_server("127.0.0.1");
	struct conns *c = conns_new();
	int fd;
	own_fd client = connect_and_accept(&s, &fd);

	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	(void)await(c, &s, is_peer_done);
	conns_free(c);
	conn_server_end(&s);

	s = conn_server("127.0.0.1");
	c = conns_new();
	drop_fd(&client);
	client = connect_and_accept(&s, &fd);
	ck_assert_int_eq(tell(&s, DO_HALF_CLOSE, fd), 0);
	(void)await(c, &s, is_closing);
	conns_free(c);
	conn_server_end(&s);
}
END_TEST

START_TEST(an_ipv6_wildcard_has_the_clients_of_both_families)
{
	own_fd listener = make(AF_INET6, SOCK_STREAM);
	struct addr any = any_port("[::]"), v4, v6;
	struct conns *c = conns_new();
	struct conn_server s;
	int clients[2];
	size_t n;
	int no = 0;

	ck_assert_int_eq(setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)), 0);
	ck_assert_int_eq(sock_bind(listener, &any), 0);
	ck_assert_int_eq(listen(listener, 5), 0);
	s = conn_server_at(listener);
	v4 = at_port("127.0.0.1", s.addr.port);
	v6 = at_port("[::1]", s.addr.port);
	clients[0] = connect_to(&v4);
	clients[1] = connect_to(&v6);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_ge(tell(&s, DO_ACCEPT, -1), 0);
		ck_assert_int_ge(clients[i], 0);
	}
	look(c, &s.addr);
	(void)conns_all(c, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(conns_claim(c, s.pid, WEB), 2);
	look(c, &v6);
	(void)conns_all(c, &n);
	ck_assert_uint_eq(n, 1);
	look(c, &v4); /* as no socket of IPv4 has it */
	(void)conns_all(c, &n);
	ck_assert_uint_eq(n, 0);
	conns_free(c);
	conn_server_end(&s);
	for (int i = 0; i < 2; i++)
		(void)close(clients[i]);
}
END_TEST

START_TEST(connections_at_other_addresses_are_left_out)
{
	struct conn_server s = conn_server("127.0.0.1");
	struct conns *c = conns_new();
	int fd;
	own_fd client = connect_and_accept(&s, &fd);
	struct addr other = at_port("127.0.0.2", s.addr.port);
	struct addr port = { .protocol = IPPROTO_TCP, .port = s.addr.port };
	size_t n;

	look(c, &other);
	(void)conns_all(c, &n);
	ck_assert_uint_eq(n, 0);
	look(c, &port);
	(void)conns_all(c, &n);
	ck_assert_uint_eq(n, 1);
	other.port ^= 1;
	look(c, &other);
	(void)conns_all(c, &n);
	ck_assert_uint_eq(n, 0);
	conns_free(c);
	conn_server_end(&s);
}
END_TEST

/* Each of them is in one of the filters that the kernel is asked with. */
START_TEST(more_ports_than_one_filter_has_room_for_are_found)
{
	struct conn_server servers[70];
	struct addr ports[70];
	int clients[70];
	struct conns *c = conns_new();
	size_t n;
	int fd;

	for (size_t n_ports = 30; n_ports <= 70; n_ports++) {
		for (size_t i = n_ports == 30 ? 0 : n_ports - 1; i < n_ports; i++) {
			servers[i] = conn_server("127.0.0.1");
			ports[i] = servers[i].addr;
			clients[i] = connect_and_accept(&servers[i], &fd);
		}
		ck_assert_int_eq(conns_look(c, ports, n_ports, clock_ms()), 0);
		(void)conns_all(c, &n);
		ck_assert_uint_eq(n, n_ports);
	}
	for (size_t i = 0; i < 70; i++) {
		conn_server_end(&servers[i]);
		(void)close(clients[i]);
	}
	conns_free(c);
}
END_TEST

START_TEST(only_what_a_process_has_open_is_claimed_for_it_and_stays_so)
{
	own_fd listener = conn_listen("127.0.0.1");
	struct conn_server ours = conn_server_at(listener);
	struct conn_server others = conn_server_at(listener);
	struct conns *c = conns_new();
	int fd, other_fd;
	own_fd client = connect_and_accept(&ours, &fd);
	own_fd other_client = connect_and_accept(&others, &other_fd);
	uint16_t port = bound_to(client).port;
	struct conn *all;
	size_t n;

	look(c, &ours.addr);
	ck_assert_int_eq(conns_claim(c, ours.pid, WEB), 1);
	for (int looks = 0; looks < 3; looks++) {
		all = conns_all(c, &n);
		ck_assert_uint_eq(n, 2);
		for (size_t i = 0; i < n; i++)
			ck_assert_uint_eq(all[i].owner, all[i].info.peer.port == port ? WEB : 0);
		look(c, &ours.addr);
	}
	conns_free(c);
	conn_server_end(&ours);
	conn_server_end(&others);
}
END_TEST

/* As a primary that isn't root sees a worker that has changed its user. */
static int claim_as_nobody(struct conns *c, pid_t server)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
			_exit(0);
		_exit(-conns_claim(c, server, WEB));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return -WEXITSTATUS(status);
}

START_TEST(a_process_that_we_may_not_look_into_is_told_from_one_that_is_gone)
{
	struct conn_server s = conn_server("127.0.0.1");
	struct conns *c = conns_new();
	int fd;
	own_fd client = connect_and_accept(&s, &fd);

	look(c, &s.addr);
	if (geteuid() == 0)
		ck_assert_int_eq(claim_as_nobody(c, s.pid), -EACCES);
	else
		skip_test(__func__, "not root");
	ck_assert_int_eq(conns_claim(c, s.pid, WEB), 1);
	conn_server_end(&s);
	ck_assert_int_eq(conns_claim(c, s.pid, WEB), -ESRCH);
	conns_free(c);
}
END_TEST

/* Looks at it alone until it is as @is wants it. */
static void await_alone(struct conn *conn, conn_test *is)
{
	int64_t end_ms = clock_ms() + DEADLINE_MS;

	while (!is(&conn->info)) {
		ck_assert_msg(clock_ms() < end_ms, "it did not get there");
		(void)poll(NULL, 0, 1);
		ck_assert_int_eq(conn_look(conn, clock_ms()), 0);
	}
}

START_TEST(one_that_is_known_is_seen_alone_as_a_look_at_all_sees_it)
{
	struct conn_server s = conn_server("127.0.0.1");
	struct conns *c = conns_new();
	int fd;
	own_fd client = connect_and_accept(&s, &fd);
	struct conn *conn = look_at_one(c, &s);
	struct conn alone;

	ask(client);
	await_alone(conn, has_unread);
	ck_assert_uint_eq(conn->info.n_unread, 9);
	ck_assert_int_eq(tell(&s, DO_READ, fd), 9);
	ck_assert_int_eq(tell(&s, DO_ANSWER, fd), strlen(ANSWER));
	await_alone(conn, is_acked);
	alone = *conn;
	conn = look_at_one(c, &s);
	ck_assert_int_eq(conn->info.state, alone.info.state);
	ck_assert_uint_eq(conn->info.n_received, alone.info.n_received);
	ck_assert_uint_eq(conn->info.n_acked, alone.info.n_acked);
	ck_assert_uint_eq(conn->info.n_unread, alone.info.n_unread);
	ck_assert_uint_eq(conn->info.segment_max, alone.info.segment_max);
	ck_assert_int_eq(conn->same_since_ms, alone.same_since_ms);
	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	await_alone(conn, is_peer_done);
	ck_assert_int_eq(tell(&s, DO_CLOSE, fd), 0);
	ck_assert_int_eq(conn_look(conn, clock_ms()), -ESRCH);
	conns_free(c);
	conn_server_end(&s);
}
END_TEST

START_TEST(what_is_the_same_is_so_since_the_end_of_the_first_look_at_it)
{
	struct conn_server s = conn_server("127.0.0.1");
	struct conns *c = conns_new();
	int fd;
	own_fd client = connect_and_accept(&s, &fd);
	struct conn *conn = look_at_one(c, &s);
	const int64_t since_ms = conn->same_since_ms;

	ck_assert_int_eq(conn_look(conn, since_ms - 5), 0); /* as if it had begun before */
	ck_assert_uint_eq(conn->info.same_ms, 0);
	ck_assert_int_eq(conn_look(conn, since_ms + 70), 0);
	ck_assert_uint_eq(conn->info.same_ms, 70);
	ck_assert_int_eq(conns_look(c, &s.addr, 1, since_ms + 90), 0);
	conn = look_at_one(c, &s);
	ck_assert_int_eq(conn->same_since_ms, since_ms);
	ask(client);
	await_alone(conn, has_unread);
	ck_assert_int_ge(conn->same_since_ms, since_ms);
	ck_assert_uint_eq(conn->info.same_ms, 0);
	conns_free(c);
	conn_server_end(&s);
}
END_TEST

static void one_at_a_unix_socket_is_found(const char *name)
{
	const struct addr a = address(name);
	own_fd listener = try_bind(&a, 0);
	struct conn_server s;
	struct conns *c = conns_new();
	int fd;
	size_t n;

	ck_assert_int_eq(listen(listener, 8), 0);
	s = conn_server_at(listener);
	own_fd waiting = connect_to(&s.addr);
	look(c, &s.addr);
	(void)conns_all(c, &n);
	ck_assert_uint_eq(n, 0);
	fd = (int)tell(&s, DO_ACCEPT, -1);
	struct conn *conn = look_at_one(c, &s);

	ck_assert_int_eq(conn->fd, fd);
	ck_assert(addr_equal(&conn->info.local, &a));
	ck_assert_int_eq(conn_look(conn, clock_ms()), 0);
	ck_assert_int_eq(tell(&s, DO_CLOSE, fd), 0);
	ck_assert_int_eq(conn_look(conn, clock_ms()), -ESRCH);
	look(c, &s.addr);
	(void)conns_all(c, &n);
	ck_assert_uint_eq(n, 0);
	conns_free(c);
	conn_server_end(&s);
}

START_TEST(connections_at_unix_sockets_are_found_too)
{
	char name[64], path[48];

	(void)snprintf(name, sizeof(name), "unix:@berth-conns-%d", (int)getpid());
	one_at_a_unix_socket_is_found(name);
	(void)snprintf(path, sizeof(path), "/tmp/berth-conns-%d", (int)getpid());
	(void)snprintf(name, sizeof(name), "unix:%s", path);
	one_at_a_unix_socket_is_found(name);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_connection_is_found_with_what_it_has_carried,
		a_connection_that_has_carried_nothing_grows_old_all_the_same,
		what_nobody_has_accepted_is_left_out,
		one_that_is_half_closed_is_found,
		an_ipv6_wildcard_has_the_clients_of_both_families,
		connections_at_other_addresses_are_left_out,
		more_ports_than_one_filter_has_room_for_are_found,
		only_what_a_process_has_open_is_claimed_for_it_and_stays_so,
		a_process_that_we_may_not_look_into_is_told_from_one_that_is_gone,
		one_that_is_known_is_seen_alone_as_a_look_at_all_sees_it,
		what_is_the_same_is_so_since_the_end_of_the_first_look_at_it,
		connections_at_unix_sockets_are_found_too,
	};

	return RUN_SUITE("conns", tests);
}
