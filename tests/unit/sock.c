/*
 * Sockets: what one is, and how it is shared.
 */
#include "os/sock.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/own.h"
#include "run_suite.h"
#include "sock_help.h"

static const int on = 1;

/* --- what a socket is --- */

START_TEST(a_socket_tells_what_it_is)
{
	struct sock_facts facts;
	struct stat st;
	int fd = make(AF_INET6, SOCK_STREAM);

	ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(sock_facts(fd, &facts), 0);
	ck_assert_int_eq(facts.family, AF_INET6);
	ck_assert_int_eq(facts.type, SOCK_STREAM);
	ck_assert_int_eq(facts.protocol, IPPROTO_TCP);
	ck_assert(facts.v6only && !facts.is_listening && !facts.has_freebind);
	ck_assert_uint_eq(facts.device, 0);
	ck_assert_uint_eq(facts.inode, st.st_ino);
	ck_assert_uint_eq(facts.uid, geteuid());

	fd = make(AF_INET, SOCK_DGRAM);
	ck_assert_int_eq(sock_facts(fd, &facts), 0);
	ck_assert_int_eq(facts.type, SOCK_DGRAM);
	ck_assert_int_eq(facts.protocol, IPPROTO_UDP);
	ck_assert(!facts.v6only);
}
END_TEST

START_TEST(a_socket_tells_that_it_listens_and_where)
{
	struct addr a = any_port("127.0.0.1");
	struct sock_facts facts;
	int fd = make(AF_INET, SOCK_STREAM);

	ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)), 0);
	ck_assert_uint_eq(bound_to(fd).port, 0);
	ck_assert_int_eq(sock_bind(fd, &a), 0);
	ck_assert_uint_ne(bound_to(fd).port, 0);
	ck_assert_int_eq(bound_to(fd).protocol, IPPROTO_TCP);
	ck_assert_int_eq(sock_facts(fd, &facts), 0);
	ck_assert(!facts.is_listening && facts.has_freebind);
	ck_assert_int_eq(sock_listen(fd, 1), 0);
	ck_assert_int_eq(sock_facts(fd, &facts), 0);
	ck_assert(facts.is_listening);
}
END_TEST

START_TEST(a_bound_socket_has_its_device_and_v6only_in_its_address)
{
	struct addr a = any_port("[::]");
	int fd = make(AF_INET6, SOCK_STREAM);
	int loopback = 1;

	ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
	set(fd, SO_BINDTOIFINDEX, loopback);
	ck_assert_int_eq(sock_bind(fd, &a), 0);
	ck_assert_uint_eq(bound_to(fd).device, loopback);
	ck_assert(bound_to(fd).v6only);
}
END_TEST

START_TEST(copies_of_a_socket_are_known_by_its_cookie)
{
	struct sock_facts one, same, other;
	int fd = make(AF_INET, SOCK_STREAM);

	ck_assert_int_eq(sock_facts(fd, &one), 0);
	ck_assert_int_eq(sock_facts(dup(fd), &same), 0);
	ck_assert_int_eq(sock_facts(make(AF_INET, SOCK_STREAM), &other), 0);
	ck_assert_uint_ne(one.cookie, 0);
	ck_assert_uint_eq(one.cookie, same.cookie);
	ck_assert_uint_ne(one.cookie, other.cookie);
}
END_TEST

START_TEST(sockets_of_every_family_tell_their_network_namespace)
{
	static const int families[] = { AF_INET, AF_INET6, AF_UNIX };
	struct sock_facts facts;
	uint64_t ours = 0;

	ck_assert_int_eq(sock_own_netns(&ours), 0);
	ck_assert_uint_ne(ours, 0);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		ck_assert_int_eq(sock_facts(make(families[i], SOCK_STREAM), &facts), 0);
		ck_assert_uint_eq(facts.netns_cookie, ours);
	}
}
END_TEST

START_TEST(what_is_no_socket_is_told)
{
	struct sock_facts facts;
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(sock_facts(ends[0], &facts), -ENOTSOCK);
	ck_assert_int_eq(sock_facts(-1, &facts), -EBADF);
}
END_TEST

/* --- sharing --- */

START_TEST(what_a_failed_bind_changed_can_be_put_back)
{
	struct sock_sharing before, now;
	int fd = make(AF_INET, SOCK_STREAM);

	set(fd, SO_REUSEADDR, 1);
	sock_sharing(fd, &before);
	ck_assert_int_eq(sock_make_sharable(fd), 0);
	sock_sharing(fd, &now);
	ck_assert(now.reuse_addr && now.reuse_port);
	sock_restore_sharing(fd, &before);
	sock_sharing(fd, &now);
	ck_assert(now.reuse_addr && !now.reuse_port);
}
END_TEST

START_TEST(a_sharable_socket_joins_what_was_claimed)
{
	struct addr a = any_port("[::1]");
	int member = make(AF_INET6, SOCK_STREAM);

	a = bound_to(claim(&a));
	ck_assert_int_eq(sock_bind(member, &a), -EADDRINUSE);
	ck_assert_int_eq(sock_make_sharable(member), 0);
	ck_assert_int_eq(sock_bind(member, &a), 0);
	ck_assert_int_eq(sock_listen(member, 5), 0);
}
END_TEST

START_TEST(a_shared_socket_gets_what_the_worker_set_and_hands_it_on)
{
	struct addr a = any_port("127.0.0.1");
	int worker = make(AF_INET, SOCK_STREAM);
	int shared = claim(&a);
	int server;
	int idle_s = 77;

	set(worker, SO_KEEPALIVE, 1);
	ck_assert_int_eq(setsockopt(worker, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	ck_assert_int_eq(setsockopt(worker, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s)), 0);
	ck_assert_int_eq(sock_become(shared, worker), 0);
	ck_assert(!(fcntl(shared, F_GETFL) & O_NONBLOCK));

	a = bound_to(shared);
	(void)connect_to(&a);
	server = accept4(shared, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(server, 0);
	ck_assert_int_eq(get(server, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_ne(get(server, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_eq(get(server, IPPROTO_TCP, TCP_KEEPIDLE), idle_s);
}
END_TEST

START_TEST(a_shared_socket_waits_as_the_worker_does)
{
	struct addr a = any_port("127.0.0.1");
	int waiting = make(AF_INET, SOCK_STREAM);
	int not_waiting = make(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
	int shared = claim(&a);

	ck_assert_int_eq(sock_become(shared, waiting), 0);
	ck_assert(!(fcntl(shared, F_GETFL) & O_NONBLOCK));
	ck_assert_int_eq(sock_become(shared, not_waiting), 0);
	ck_assert(fcntl(shared, F_GETFL) & O_NONBLOCK);
	ck_assert_int_eq(sock_become(shared, -1), -EBADF);
}
END_TEST

/* --- Unix sockets --- */

static char place[] = "/tmp/berth-sock-XXXXXX";

static struct addr in_place(const char *name)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "unix:%s/%s", place, name);
	return address(text);
}

START_TEST(a_unix_path_is_claimed_and_found_alive_until_it_is_closed)
{
	struct addr a;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(place));
	a = in_place("s");
	ck_assert(!sock_unix_is_alive(&a));
	fd = claim(&a);
	ck_assert(addr_equal(&a, &(struct addr){ 0 }) == false);
	ck_assert(sock_unix_is_alive(&a));
	assert_not_claimed(&a, EADDRINUSE);
	(void)close(fd);
	ck_assert(!sock_unix_is_alive(&a));
	assert_not_claimed(&a, EADDRINUSE); /* the file is still there */
	ck_assert_int_eq(unlink(a.u.path), 0);
	ck_assert_int_eq(rmdir(place), 0);
}
END_TEST

START_TEST(a_full_queue_is_alive)
{
	struct addr a;
	int fd = make(AF_UNIX, SOCK_STREAM);

	ck_assert_ptr_nonnull(mkdtemp(place));
	a = in_place("s");
	ck_assert_int_eq(sock_bind(fd, &a), 0);
	ck_assert_int_eq(sock_listen(fd, 0), 0);
	for (int i = 0; i < 3; i++)
		ck_assert(sock_unix_is_alive(&a));
	ck_assert_int_eq(unlink(a.u.path), 0);
	ck_assert_int_eq(rmdir(place), 0);
}
END_TEST

START_TEST(a_unix_socket_without_a_path_is_told)
{
	struct sock_facts facts;
	struct addr a = { .port = 7 };
	int fd = make(AF_UNIX, SOCK_STREAM);

	ck_assert_int_eq(sock_facts(fd, &facts), 0);
	ck_assert_int_eq(sock_bound_to(fd, &facts, &a), 0);
	ck_assert_uint_eq(a.unix_len, 0);
}
END_TEST

START_TEST(an_abstract_name_is_claimed)
{
	char text[64];
	struct addr a;

	(void)snprintf(text, sizeof(text), "unix:@berth-sock-%d", (int)getpid());
	a = address(text);
	(void)claim(&a);
	assert_not_claimed(&a, EADDRINUSE);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_socket_tells_what_it_is,
		a_socket_tells_that_it_listens_and_where,
		a_bound_socket_has_its_device_and_v6only_in_its_address,
		copies_of_a_socket_are_known_by_its_cookie,
		sockets_of_every_family_tell_their_network_namespace,
		what_is_no_socket_is_told,
		what_a_failed_bind_changed_can_be_put_back,
		a_sharable_socket_joins_what_was_claimed,
		a_shared_socket_gets_what_the_worker_set_and_hands_it_on,
		a_shared_socket_waits_as_the_worker_does,
		a_unix_path_is_claimed_and_found_alive_until_it_is_closed,
		a_full_queue_is_alive,
		a_unix_socket_without_a_path_is_told,
		an_abstract_name_is_claimed,
	};

	return RUN_SUITE("sock", tests);
}
