/*
 * The rules of core/holders against the kernel's own: for every pair of addresses
 * and every pair of options, what is predicted is what bind() does.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "base/own.h"
#include "core/holders.h"
#include "os/bind_try.h"
#include "own_network.h"

/* What can be asked for and what can be there, apart from its port. */
static const struct {
	const char *text;
	bool v6only;
} places[] = {
	{ "0.0.0.0:1", false },
	{ "127.0.0.1:1", false },
	{ "127.0.0.2:1", false },
	{ "[::]:1", false },
	{ "[::]:1", true },
	{ "[::1]:1", false },
	{ "[::ffff:127.0.0.1]:1", false },
};

#define N_PLACES (sizeof(places) / sizeof(places[0]))

struct holder_kind {
	uint16_t protocol;
	bool is_listening;
	bool reuseaddr, reuseport;
};

static struct addr place(size_t i, uint16_t protocol, uint16_t port)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(places[i].text, &a), ADDR_OK);
	a.protocol = protocol;
	a.port = port;
	a.v6only = places[i].v6only;
	return a;
}

static void set(int fd, int level, int option, int value)
{
	ck_assert_int_eq(setsockopt(fd, level, option, &value, sizeof(value)), 0);
}

/* Binds a socket to a port that the kernel chooses, and describes it as sock_diag would. */
static int hold(size_t i, const struct holder_kind *kind, struct socket_info *ret_info)
{
	struct addr a = place(i, kind->protocol, 0);
	int type = kind->protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
	struct sockaddr_storage storage;
	socklen_t size = addr_to_sockaddr(&a, &storage);
	int fd = socket(a.family, type | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	if (a.family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, a.v6only);
	set(fd, SOL_SOCKET, SO_REUSEADDR, kind->reuseaddr);
	set(fd, SOL_SOCKET, SO_REUSEPORT, kind->reuseport);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&storage, size), 0);
	if (kind->is_listening)
		ck_assert_int_eq(listen(fd, 1), 0);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&storage, &size), 0);
	ck_assert_int_eq(addr_from_sockaddr(&storage, size, &a), ADDR_OK);
	ret_info->local = place(i, kind->protocol, a.port);
	ret_info->state = kind->is_listening ? SOCKET_LISTENING : SOCKET_BOUND;
	ret_info->uid = geteuid();
	return fd;
}

static bool may_bind(enum holders_effect effect, const struct holder_kind *holder)
{
	switch (effect) {
	case HOLDERS_PASSES: return true;
	case HOLDERS_PASSES_IF_REUSEADDR: return holder->reuseaddr;
	case HOLDERS_PASSES_IF_REUSEPORT: return holder->reuseport;
	case HOLDERS_BLOCKS: break;
	}
	return false;
}

static void assert_prediction(const struct socket_wish *wish, const struct socket_info *info,
			      const struct holder_kind *kind)
{
	struct holders_verdict v = holders_judge(wish, info);
	char ours[ADDR_TEXT_MAX], its[ADDR_TEXT_MAX];
	int predicted = may_bind(v.effect, kind) ? 0 : -EADDRINUSE;
	int seen = bind_try(wish);

	ck_assert_msg(seen == predicted,
		      "%s%s beside %s%s %s%s%s%s: %d, and not %d (relation %d, effect %d)",
		      addr_text(&wish->addr, ours), wish->addr.v6only ? " v6only" : "",
		      addr_text(&info->local, its), info->local.v6only ? " v6only" : "",
		      kind->protocol == IPPROTO_UDP ? "udp" : "tcp",
		      kind->is_listening ? " listening" : "", kind->reuseaddr ? " reuseaddr" : "",
		      kind->reuseport ? " reuseport" : "", seen, predicted, v.relation, v.effect);
}

/*
 * Each pair has a port of its own: the kernel remembers of a port how it was last
 * shared, and later lets some pass whom it should not.
 */
static void assert_all_wishes(const struct holder_kind *kind, bool reuseaddr, bool reuseport)
{
	for (size_t pair = 0; pair < N_PLACES * N_PLACES; pair++) {
		struct socket_info info = { 0 };
		own_fd fd = hold(pair / N_PLACES, kind, &info);
		struct socket_wish wish = {
			.addr = place(pair % N_PLACES, kind->protocol, info.local.port),
			.uid = geteuid(),
			.reuseaddr = reuseaddr,
			.reuseport = reuseport,
		};

		assert_prediction(&wish, &info, kind);
	}
}

static void assert_all_kinds(uint16_t protocol, bool is_listening)
{
	for (unsigned options = 0; options < 4; options++) {
		struct holder_kind kind = {
			.protocol = protocol,
			.is_listening = is_listening,
			.reuseaddr = options & 1,
			.reuseport = options & 2,
		};

		assert_all_wishes(&kind, false, false);
		assert_all_wishes(&kind, true, false);
		assert_all_wishes(&kind, false, true);
	}
}

START_TEST(beside_listening_tcp_sockets_bind_does_what_is_predicted)
{
	if (own_network_enter("beside_listening_tcp_sockets_bind_does_what_is_predicted"))
		assert_all_kinds(IPPROTO_TCP, true);
}
END_TEST

START_TEST(beside_bound_tcp_sockets_bind_does_what_is_predicted)
{
	if (own_network_enter("beside_bound_tcp_sockets_bind_does_what_is_predicted"))
		assert_all_kinds(IPPROTO_TCP, false);
}
END_TEST

START_TEST(beside_udp_sockets_bind_does_what_is_predicted)
{
	if (own_network_enter("beside_udp_sockets_bind_does_what_is_predicted"))
		assert_all_kinds(IPPROTO_UDP, false);
}
END_TEST

static void assert_all_are_asked_for(size_t its)
{
	struct holder_kind kind = { .protocol = IPPROTO_TCP, .is_listening = true };
	struct socket_info info = { 0 };
	own_fd fd = hold(its, &kind, &info);
	struct socket_wish wish = {
		.addr = { .protocol = IPPROTO_TCP, .port = info.local.port },
		.uid = geteuid(),
		.reuseaddr = true,
	};

	ck_assert_int_eq(bind_try(&wish), -EADDRINUSE);
	ck_assert_int_eq(holders_judge(&wish, &info).effect, HOLDERS_BLOCKS);
	drop_fd(&fd);
	ck_assert_int_eq(bind_try(&wish), 0);
}

START_TEST(a_port_without_an_address_is_free_only_if_all_of_them_are)
{
	if (!own_network_enter("a_port_without_an_address_is_free_only_if_all_of_them_are"))
		return;
	for (size_t its = 0; its < N_PLACES; its++)
		assert_all_are_asked_for(its);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("holders_rules");
	TCase *tcase = tcase_create("holders_rules");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(tcase, beside_listening_tcp_sockets_bind_does_what_is_predicted);
	tcase_add_test(tcase, beside_bound_tcp_sockets_bind_does_what_is_predicted);
	tcase_add_test(tcase, beside_udp_sockets_bind_does_what_is_predicted);
	tcase_add_test(tcase, a_port_without_an_address_is_free_only_if_all_of_them_are);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
