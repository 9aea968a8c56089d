/*
 * The kernel's list of sockets: those that this test has made must be in it, as they
 * are, and no others.
 */
#include "os/sock_diag.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "own_network.h"

#define ALL_STATES (SOCK_DIAG_LISTENING | SOCK_DIAG_BOUND | SOCK_DIAG_CONNECTIONS)
#define SEEN_MAX   16

struct seen {
	struct socket_info sockets[SEEN_MAX];
	size_t n;
	const struct addr *at; /* NULL: at all addresses */
};

static int see(const struct socket_info *s, void *arg)
{
	struct seen *seen = arg;

	/* At another address, somebody else may have the same port. */
	if (seen->at && memcmp(s->local.u.path, seen->at->u.path, ADDR_UNIX_MAX) != 0)
		return 0;
	ck_assert_uint_lt(seen->n, SEEN_MAX);
	seen->sockets[seen->n++] = *s;
	return 0;
}

static uint32_t inode_of(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return (uint32_t)st.st_ino;
}

static const struct socket_info *find(const struct seen *seen, int fd)
{
	for (size_t i = 0; i < seen->n; i++) {
		if (seen->sockets[i].inode == inode_of(fd))
			return &seen->sockets[i];
	}
	ck_abort_msg("the socket is not among the %zu that were seen", seen->n);
}

/* Binds to a port that the kernel chooses; @ret_addr has it. */
static int bind_somewhere(const char *text, int type, struct addr *ret_addr)
{
	struct sockaddr_storage storage;
	struct addr a;
	socklen_t size;
	int fd;

	ck_assert_int_eq(addr_parse(text, &a), ADDR_OK);
	a.port = 0;
	size = addr_to_sockaddr(&a, &storage);
	fd = socket(a.family, type | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&storage, size), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&storage, &size), 0);
	ck_assert_int_eq(addr_from_sockaddr(&storage, size, ret_addr), ADDR_OK);
	ret_addr->protocol = type == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP;
	return fd;
}

static struct seen look(const struct addr *a, unsigned states)
{
	struct seen seen = { .at = a->family == AF_UNSPEC ? NULL : a };

	ck_assert_int_eq(sock_diag_port(a->protocol, a->port, states, see, &seen), 0);
	return seen;
}

START_TEST(a_listening_socket_is_seen_with_its_queue)
{
	struct addr a;
	own_fd fd = bind_somewhere("127.0.0.1:1", SOCK_STREAM, &a);
	own_fd client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage storage;
	socklen_t size = addr_to_sockaddr(&a, &storage);
	const struct socket_info *s;
	struct seen seen;

	ck_assert_int_eq(listen(fd, 7), 0);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&storage, size), 0);
	seen = look(&a, SOCK_DIAG_LISTENING);
	ck_assert_uint_eq(seen.n, 1);
	s = find(&seen, fd);
	ck_assert(addr_equal(&s->local, &a));
	ck_assert_int_eq(s->state, SOCKET_LISTENING);
	ck_assert_uint_eq(s->uid, geteuid());
	ck_assert_uint_eq(s->n_queued, 1);
	ck_assert_uint_eq(s->n_queued_max, 7);
	ck_assert_int_eq(s->peer.family, AF_UNSPEC);
}
END_TEST

START_TEST(v6only_is_seen)
{
	for (int v6only = 0; v6only <= 1; v6only++) {
		own_fd fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
		socklen_t size = sizeof(in6);
		struct addr a = { .protocol = IPPROTO_TCP };
		struct seen seen;

		ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)),
				 0);
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&in6, size), 0);
		ck_assert_int_eq(listen(fd, 1), 0);
		ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in6, &size), 0);
		a.port = ntohs(in6.sin6_port);
		seen = look(&a, ALL_STATES);
		ck_assert_int_eq(find(&seen, fd)->local.v6only, v6only);
	}
}
END_TEST

START_TEST(a_socket_that_is_bound_and_does_not_listen_is_seen)
{
	struct addr a;
	own_fd fd = bind_somewhere("[::1]:1", SOCK_STREAM, &a);
	struct seen seen = look(&a, ALL_STATES);

	ck_assert_int_eq(find(&seen, fd)->state, SOCKET_BOUND);
	seen = look(&a, SOCK_DIAG_LISTENING | SOCK_DIAG_CONNECTIONS);
	ck_assert_uint_eq(seen.n, 0);
}
END_TEST

START_TEST(both_ends_of_a_connection_are_seen_at_their_own_port)
{
	struct addr a, b;
	own_fd fd = bind_somewhere("127.0.0.1:1", SOCK_STREAM, &a);
	own_fd client = bind_somewhere("127.0.0.1:1", SOCK_STREAM, &b);
	own_fd server = NO_FD;
	struct sockaddr_storage storage;
	socklen_t size = addr_to_sockaddr(&a, &storage);
	struct seen seen;

	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&storage, size), 0);
	server = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(server, 0);
	seen = look(&b, ALL_STATES);
	ck_assert_uint_eq(seen.n, 1);
	ck_assert_int_eq(find(&seen, client)->state, SOCKET_CONNECTED);
	ck_assert(addr_equal(&find(&seen, client)->peer, &a));
	seen = look(&a, SOCK_DIAG_CONNECTIONS);
	ck_assert_uint_eq(seen.n, 1);
	ck_assert(addr_equal(&find(&seen, server)->peer, &b));
}
END_TEST

/* Not where others may fill the kernel's table of them. */
START_TEST(time_wait_is_seen_with_the_time_that_is_left)
{
	bool is_alone = own_network_enter("time_wait_is_seen_with_the_time_that_is_left");
	struct addr a;
	own_fd fd = bind_somewhere("127.0.0.1:1", SOCK_STREAM, &a);
	own_fd client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	own_fd server = NO_FD;
	struct sockaddr_storage storage;
	socklen_t size = addr_to_sockaddr(&a, &storage);
	struct seen seen;
	char byte;

	if (!is_alone)
		return;
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&storage, size), 0);
	server = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	drop_fd(&server);
	ck_assert_int_eq(read(client, &byte, 1), 0); /* the end has come: the server waits */
	drop_fd(&client);
	seen = look(&a, SOCK_DIAG_CONNECTIONS);
	ck_assert_uint_eq(seen.n, 1);
	ck_assert_int_eq(seen.sockets[0].state, SOCKET_TIME_WAIT);
	ck_assert_uint_eq(seen.sockets[0].inode, 0);
	ck_assert_uint_gt(seen.sockets[0].ends_in_ms, 50000);
	ck_assert_uint_le(seen.sockets[0].ends_in_ms, 60000);
}
END_TEST

START_TEST(udp_is_apart_from_tcp)
{
	struct addr a;
	own_fd fd = bind_somewhere("127.0.0.1:1", SOCK_DGRAM, &a);
	struct seen seen = look(&a, ALL_STATES);

	ck_assert_uint_eq(seen.n, 1);
	ck_assert_int_eq(find(&seen, fd)->state, SOCKET_BOUND);
	ck_assert_int_eq(find(&seen, fd)->local.protocol, IPPROTO_UDP);
}
END_TEST

static int stop_at_once(const struct socket_info *s, void *arg)
{
	(void)s;
	(*(int *)arg)++;
	return -ECANCELED;
}

START_TEST(a_visitor_may_stop)
{
	struct addr a;
	own_fd fd = bind_somewhere("127.0.0.1:1", SOCK_STREAM, &a);
	int n_visits = 0;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(sock_diag_port(IPPROTO_TCP, a.port, ALL_STATES, stop_at_once, &n_visits),
			 -ECANCELED);
	ck_assert_int_eq(n_visits, 1);
}
END_TEST

static int count_one(const struct socket_info *s, void *arg)
{
	(void)s;
	(*(int *)arg)++;
	return 0;
}

/* More sockets than one part of the kernel's answer holds. */
START_TEST(a_long_answer_is_read_to_its_end)
{
	enum {
		N_SOCKETS = 500
	};
	struct addr a;
	struct sockaddr_storage storage;
	int fds[N_SOCKETS];
	int on = 1, n_visits = 0;
	own_fd first = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t size = sizeof(in);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(setsockopt(first, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	ck_assert_int_eq(bind(first, (struct sockaddr *)&in, size), 0);
	ck_assert_int_eq(getsockname(first, (struct sockaddr *)&storage, &size), 0);
	ck_assert_int_eq(addr_from_sockaddr(&storage, size, &a), ADDR_OK);
	for (int i = 0; i < N_SOCKETS; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_ge(fds[i], 0);
		ck_assert_int_eq(setsockopt(fds[i], SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
		ck_assert_int_eq(bind(fds[i], (struct sockaddr *)&storage, size), 0);
		ck_assert_int_eq(listen(fds[i], 1), 0);
	}
	ck_assert_int_eq(
		sock_diag_port(IPPROTO_TCP, a.port, SOCK_DIAG_LISTENING, count_one, &n_visits), 0);
	ck_assert_int_eq(n_visits, N_SOCKETS);
	for (int i = 0; i < N_SOCKETS; i++)
		ck_assert_int_eq(close(fds[i]), 0);
}
END_TEST

struct place {
	char directory[32];
	char path[64];
};

static struct place make_place(void)
{
	struct place p = { .directory = "/tmp/berth-unit-XXXXXX" };

	ck_assert_ptr_nonnull(mkdtemp(p.directory));
	(void)snprintf(p.path, sizeof(p.path), "%s/socket", p.directory);
	return p;
}

static void remove_place(const struct place *p)
{
	(void)unlink(p->path);
	ck_assert_int_eq(rmdir(p->directory), 0);
}

static struct addr unix_addr(const char *before, const char *path)
{
	struct addr a;
	char text[ADDR_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "unix:%s%s", before, path);
	ck_assert_int_eq(addr_parse(text, &a), ADDR_OK);
	return a;
}

static int bind_unix(const struct addr *a)
{
	struct sockaddr_storage storage;
	socklen_t size = addr_to_sockaddr(a, &storage);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&storage, size), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	return fd;
}

static struct seen look_unix(const struct addr *a, mode_t *ret_type)
{
	struct seen seen = { 0 };

	ck_assert_int_eq(sock_diag_unix(a, see, &seen, ret_type), 0);
	return seen;
}

START_TEST(a_unix_socket_is_found_by_its_file_however_it_is_spelled)
{
	struct place p = make_place();
	struct addr a = unix_addr("", p.path), again = unix_addr("/tmp/..", p.path);
	own_fd fd = bind_unix(&a);
	mode_t type;
	struct seen seen = look_unix(&again, &type);

	ck_assert_uint_eq(seen.n, 1);
	ck_assert_int_eq(find(&seen, fd)->state, SOCKET_LISTENING);
	ck_assert_uint_eq(find(&seen, fd)->n_queued_max, 5);
	ck_assert(addr_equal(&seen.sockets[0].local, &again));
	ck_assert_uint_eq(type, S_IFSOCK);
	remove_place(&p);
}
END_TEST

START_TEST(a_unix_socket_that_is_closed_leaves_only_its_file)
{
	struct place p = make_place();
	struct addr a = unix_addr("", p.path);
	own_fd fd = bind_unix(&a);
	mode_t type;

	drop_fd(&fd);
	ck_assert_uint_eq(look_unix(&a, &type).n, 0);
	ck_assert_uint_eq(type, S_IFSOCK);
	ck_assert_int_eq(unlink(p.path), 0);
	ck_assert_uint_eq(look_unix(&a, &type).n, 0);
	ck_assert_uint_eq(type, 0);
	ck_assert_int_eq(symlink("nowhere", p.path), 0);
	ck_assert_uint_eq(look_unix(&a, &type).n, 0);
	ck_assert_uint_eq(type, S_IFLNK);
	remove_place(&p);
}
END_TEST

START_TEST(an_abstract_name_is_found_by_all_of_it)
{
	struct place p = make_place(); /* for a name that nobody else has */
	struct addr a = unix_addr("@", p.path), longer = unix_addr("@", p.path);
	own_fd fd = bind_unix(&a);
	mode_t type;
	struct seen seen = look_unix(&a, &type);

	ck_assert_uint_eq(seen.n, 1);
	ck_assert_int_eq(find(&seen, fd)->state, SOCKET_LISTENING);
	ck_assert_uint_eq(type, 0);
	longer.u.path[longer.unix_len++] = 'x';
	ck_assert_uint_eq(look_unix(&longer, &type).n, 0);
	remove_place(&p);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sock_diag");
	TCase *tcase = tcase_create("sock_diag");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(tcase, a_listening_socket_is_seen_with_its_queue);
	tcase_add_test(tcase, v6only_is_seen);
	tcase_add_test(tcase, a_socket_that_is_bound_and_does_not_listen_is_seen);
	tcase_add_test(tcase, both_ends_of_a_connection_are_seen_at_their_own_port);
	tcase_add_test(tcase, time_wait_is_seen_with_the_time_that_is_left);
	tcase_add_test(tcase, udp_is_apart_from_tcp);
	tcase_add_test(tcase, a_visitor_may_stop);
	tcase_add_test(tcase, a_long_answer_is_read_to_its_end);
	tcase_add_test(tcase, a_unix_socket_is_found_by_its_file_however_it_is_spelled);
	tcase_add_test(tcase, a_unix_socket_that_is_closed_leaves_only_its_file);
	tcase_add_test(tcase, an_abstract_name_is_found_by_all_of_it);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
