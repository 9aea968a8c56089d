/*
 * Sockets: what one is, and what claiming, holding and sharing an address means
 * for everybody else who wants it.
 */
#include "os/sock.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "own_network.h"
#include "run_suite.h"

#define NOBODY 65534

static const int on = 1;

static struct addr address(const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(text, &a), ADDR_OK);
	return a;
}

/* An address of ours whose port the kernel will choose. */
static struct addr any_port(const char *host)
{
	char text[64];
	struct addr a;

	(void)snprintf(text, sizeof(text), "%s:1", host);
	a = address(text);
	a.port = 0;
	return a;
}

static struct addr bound_to(int fd)
{
	struct sock_facts facts;
	struct addr a;

	ck_assert_int_eq(sock_facts(fd, &facts), 0);
	ck_assert_int_eq(sock_bound_to(fd, &facts, &a), 0);
	return a;
}

static struct addr at_port(const char *host, uint16_t port)
{
	struct addr a = any_port(host);

	a.port = port;
	return a;
}

static int make(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void set(int fd, int name, int value)
{
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value)), 0);
}

static int get(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &size), 0);
	return value;
}

/* A bound socket that has the option @name, or none. */
static int try_bind(const struct addr *a, int name)
{
	int fd = make(a->family, SOCK_STREAM);
	int r;

	if (name)
		set(fd, name, 1);
	r = sock_bind(fd, a);
	if (r == 0)
		return fd;
	(void)close(fd);
	return r;
}

static int claim(const struct addr *a)
{
	int fd = NO_FD;

	ck_assert_int_eq(sock_claim(a, NULL, &fd), 0);
	return fd;
}

static void assert_not_claimed(const struct addr *a, int error)
{
	int fd = NO_FD;

	ck_assert_int_eq(sock_claim(a, NULL, &fd), -error);
	ck_assert_int_eq(fd, NO_FD);
}

static int connect_to(const struct addr *a)
{
	struct sockaddr_storage bytes;
	socklen_t size = addr_to_sockaddr(a, &bytes);
	int fd = make(a->family, SOCK_STREAM);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&bytes, size), 0);
	return fd;
}

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

/* --- claiming --- */

START_TEST(a_claimed_address_listens)
{
	struct addr a = any_port("127.0.0.1");
	struct sock_facts facts;
	int fd = claim(&a);

	ck_assert_int_eq(sock_facts(fd, &facts), 0);
	ck_assert(facts.is_listening);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(!sock_has_queue(fd));
	a = bound_to(fd);
	(void)connect_to(&a);
	ck_assert(sock_has_queue(fd));
}
END_TEST

START_TEST(what_anybody_listens_at_cannot_be_claimed)
{
	static const int options[] = { 0, SO_REUSEADDR, SO_REUSEPORT };

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		struct addr a = any_port("127.0.0.1");
		int fd = try_bind(&a, options[i]);

		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(sock_listen(fd, 1), 0);
		a = bound_to(fd);
		assert_not_claimed(&a, EADDRINUSE);
		a = at_port("0.0.0.0", a.port);
		assert_not_claimed(&a, EADDRINUSE);
		a = at_port("[::]", a.port);
		assert_not_claimed(&a, EADDRINUSE);
	}
}
END_TEST

START_TEST(what_we_have_claimed_others_can_only_share)
{
	struct addr a = any_port("127.0.0.1");
	int fd = claim(&a);

	a = bound_to(fd);
	assert_not_claimed(&a, EADDRINUSE);
	ck_assert_int_eq(try_bind(&a, 0), -EADDRINUSE);
	ck_assert_int_eq(try_bind(&a, SO_REUSEADDR), -EADDRINUSE);
	fd = try_bind(&a, SO_REUSEPORT);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(sock_listen(fd, 1), 0);
}
END_TEST

START_TEST(another_anchor_can_stand_beside_the_first)
{
	struct addr a = any_port("127.0.0.1");
	int first = claim(&a);
	int second = NO_FD;

	a = bound_to(first);
	ck_assert_int_eq(sock_join(&a, NULL, &second), 0);
	ck_assert_int_ne(second, first);
	ck_assert_uint_eq(bound_to(second).port, a.port);
	(void)close(first);
	(void)connect_to(&a);
	ck_assert(sock_has_queue(second));
}
END_TEST

START_TEST(an_anchor_does_not_stand_beside_a_stranger_that_shares_with_nobody)
{
	struct addr a = any_port("127.0.0.1");
	int fd = NO_FD;

	a = bound_to(try_bind(&a, 0));
	ck_assert_int_eq(sock_join(&a, NULL, &fd), -EADDRINUSE);
	ck_assert_int_eq(fd, NO_FD);
}
END_TEST

START_TEST(connections_that_are_over_do_not_block_a_claim)
{
	struct addr a = any_port("127.0.0.1");
	int client, server, fd;
	char byte;

	/* where nobody else can get the port between its two claims */
	if (!own_network_enter("connections_that_are_over_do_not_block_a_claim"))
		return;
	fd = claim(&a);
	a = bound_to(fd);
	client = connect_to(&a);
	server = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(server, 0);
	/* the side that closes first is the one that keeps TIME_WAIT */
	(void)close(server);
	ck_assert_int_eq(read(client, &byte, 1), 0);
	(void)close(client);
	(void)close(fd);
	(void)claim(&a);
}
END_TEST

START_TEST(dual_stack_and_v6only_are_claimed_as_they_are_asked_for)
{
	struct addr a = any_port("[::]");
	struct addr v4;
	int fd;

	/* where no client can have the same port at another address */
	if (!own_network_enter("dual_stack_and_v6only_are_claimed_as_they_are_asked_for"))
		return;
	a.v6only = true;
	fd = claim(&a);
	ck_assert_int_eq(get(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	v4 = at_port("0.0.0.0", bound_to(fd).port);
	(void)claim(&v4);

	a.v6only = false;
	fd = claim(&a);
	ck_assert_int_eq(get(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	v4 = at_port("0.0.0.0", bound_to(fd).port);
	assert_not_claimed(&v4, EADDRINUSE);
}
END_TEST

START_TEST(an_address_that_is_not_here_needs_the_workers_freebind)
{
	const struct sock_facts like = { .has_freebind = true };
	struct addr a = any_port("203.0.113.7");
	int fd = NO_FD;

	assert_not_claimed(&a, EADDRNOTAVAIL);
	ck_assert_int_eq(sock_claim(&a, &like, &fd), 0);
}
END_TEST

START_TEST(a_device_is_claimed_with_its_address)
{
	struct addr a = any_port("0.0.0.0");

	a.device = 1;
	ck_assert_uint_eq(bound_to(claim(&a)).device, 1);
}
END_TEST

START_TEST(a_privileged_port_is_refused_to_those_who_may_not)
{
	struct addr a = address("127.0.0.1:1");
	FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
	int first = 0;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%d", &first), 1); /* NOLINT(cert-err34-c): the kernel's */
	(void)fclose(file);
	if (first <= 1) {
		skip_test(__func__, "no port is privileged here");
		return;
	}
	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
	assert_not_claimed(&a, EACCES);
}
END_TEST

/* --- holding a port number --- */

START_TEST(a_held_port_is_closed_to_others_at_every_address)
{
	static const char *const hosts[] = { "127.0.0.1", "0.0.0.0", "[::1]", "[::]", "127.9.9.9" };
	int held = NO_FD;

	ck_assert_int_eq(sock_hold(0, &held), 0);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct addr a = at_port(hosts[i], bound_to(held).port);

		assert_not_claimed(&a, EADDRINUSE);
		ck_assert_int_eq(try_bind(&a, SO_REUSEADDR), -EADDRINUSE);
		ck_assert_int_eq(try_bind(&a, SO_REUSEPORT), -EADDRINUSE);
	}
}
END_TEST

START_TEST(a_held_port_refuses_connections)
{
	struct sockaddr_storage bytes;
	struct addr a;
	socklen_t size;
	int held = NO_FD;

	ck_assert_int_eq(sock_hold(0, &held), 0);
	a = at_port("127.0.0.1", bound_to(held).port);
	size = addr_to_sockaddr(&a, &bytes);
	ck_assert_int_lt(connect(make(AF_INET, SOCK_STREAM), (struct sockaddr *)&bytes, size), 0);
	ck_assert_int_eq(errno, ECONNREFUSED);
}
END_TEST

START_TEST(what_anybody_has_at_any_address_cannot_be_held)
{
	static const char *const hosts[] = { "127.0.0.1", "0.0.0.0", "[::1]", "[::]" };

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct addr a = any_port(hosts[i]);
		int fd = claim(&a);
		int held = NO_FD;

		ck_assert_int_eq(sock_hold(bound_to(fd).port, &held), -EADDRINUSE);
		ck_assert_int_eq(held, NO_FD);
	}
}
END_TEST

START_TEST(a_loosened_port_can_be_claimed_and_a_tightened_one_cannot)
{
	struct addr a;
	int held = NO_FD;
	int fd;

	ck_assert_int_eq(sock_hold(0, &held), 0);
	a = at_port("127.0.0.1", bound_to(held).port);
	ck_assert_int_eq(sock_loosen(held), 0);
	fd = claim(&a);
	(void)connect_to(&a);
	ck_assert(sock_has_queue(fd));
	(void)close(fd);

	ck_assert_int_eq(sock_tighten(held), 0);
	assert_not_claimed(&a, EADDRINUSE);
	ck_assert_int_eq(try_bind(&a, SO_REUSEADDR), -EADDRINUSE);
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
	ck_assert(sock_unix_is_alive(&a));
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
		a_claimed_address_listens,
		what_anybody_listens_at_cannot_be_claimed,
		what_we_have_claimed_others_can_only_share,
		another_anchor_can_stand_beside_the_first,
		an_anchor_does_not_stand_beside_a_stranger_that_shares_with_nobody,
		connections_that_are_over_do_not_block_a_claim,
		dual_stack_and_v6only_are_claimed_as_they_are_asked_for,
		an_address_that_is_not_here_needs_the_workers_freebind,
		a_device_is_claimed_with_its_address,
		a_privileged_port_is_refused_to_those_who_may_not,
		a_held_port_is_closed_to_others_at_every_address,
		a_held_port_refuses_connections,
		what_anybody_has_at_any_address_cannot_be_held,
		a_loosened_port_can_be_claimed_and_a_tightened_one_cannot,
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
