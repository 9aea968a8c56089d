/*
 * The same bytes, given to the kernel's bind() and to addr_from_sockaddr(): both
 * must take or refuse them, and read the same address out of them.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/addr.h"
#include "base/own.h"

union any_sockaddr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
	char bytes[256];
};

/* Binds a socket of @domain to @any; ret_bound is what the kernel calls it then. */
static int bind_to(int domain, const union any_sockaddr *any, socklen_t size,
		   struct addr *ret_bound)
{
	own_fd fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
	union any_sockaddr bound;
	socklen_t bound_size = sizeof(bound);

	ck_assert_int_ge(fd, 0);
	if (bind(fd, &any->sa, size) < 0)
		return -errno;
	ck_assert_int_eq(getsockname(fd, &bound.sa, &bound_size), 0);
	ck_assert_int_eq(addr_from_sockaddr(&bound, bound_size, ret_bound), ADDR_OK);
	return 0;
}

/* @any asks for any port: the kernel's choice is the one difference that may be. */
static void assert_taken(int domain, const union any_sockaddr *any, socklen_t size)
{
	struct addr read = { 0 }, bound = { 0 };

	ck_assert_int_eq(addr_from_sockaddr(any, size, &read), ADDR_OK);
	ck_assert_int_eq(bind_to(domain, any, size, &bound), 0);
	ck_assert_uint_eq(read.port, 0);
	ck_assert_int_eq(bound.port != 0, domain != AF_UNIX);
	read.port = bound.port;
	ck_assert(addr_equal(&read, &bound));
}

static void assert_refused(int domain, const union any_sockaddr *any, socklen_t size, int err)
{
	struct addr a;

	ck_assert_int_ne(addr_from_sockaddr(any, size, &a), ADDR_OK);
	ck_assert_int_eq(bind_to(domain, any, size, &a), -err);
}

static bool has_ipv6(void)
{
	own_fd fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 loopback = { .sin6_family = AF_INET6 };

	loopback.sin6_addr = in6addr_loopback;
	if (fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof(loopback)) == 0)
		return true;
	return false;
}

START_TEST(ipv4_needs_16_bytes_and_takes_up_to_128)
{
	union any_sockaddr any = { .v4 = { .sin_family = AF_INET } };

	any.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memset(any.bytes + 8, 0x55, sizeof(any.bytes) - 8); /* padding means nothing */
	assert_taken(AF_INET, &any, 16);
	assert_taken(AF_INET, &any, 128);
	assert_refused(AF_INET, &any, 15, EINVAL);
	assert_refused(AF_INET, &any, 2, EINVAL);
	assert_refused(AF_INET, &any, 0, EINVAL);
	assert_refused(AF_INET, &any, 129, EINVAL);
}
END_TEST

START_TEST(an_unspecified_family_is_ipv4_with_the_wildcard_address_only)
{
	union any_sockaddr any = { .v4 = { .sin_family = AF_UNSPEC } };

	assert_taken(AF_INET, &any, 16);
	any.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_refused(AF_INET, &any, 16, EAFNOSUPPORT);
}
END_TEST

START_TEST(ipv6_needs_24_bytes)
{
	union any_sockaddr any = { .v6 = { .sin6_family = AF_INET6 } };

	any.v6.sin6_addr = in6addr_loopback;
	if (!has_ipv6()) {
		(void)dprintf(STDOUT_FILENO, "SKIP %s: no IPv6 loopback address here\n", __func__);
		return;
	}
	assert_taken(AF_INET6, &any, 24);
	assert_taken(AF_INET6, &any, 28);
	any.v6.sin6_scope_id = 4711; /* means nothing to an address that is not link-local */
	assert_taken(AF_INET6, &any, 28);
	assert_refused(AF_INET6, &any, 23, EINVAL);
}
END_TEST

START_TEST(an_abstract_name_is_as_long_as_it_is_said_to_be)
{
	union any_sockaddr any = { .un = { .sun_family = AF_UNIX } };

	/* Its beginning makes the name our own. */
	(void)snprintf(any.un.sun_path + 1, sizeof(any.un.sun_path) - 1, "berth-%d", getpid());
	assert_taken(AF_UNIX, &any, 20);
	assert_taken(AF_UNIX, &any, 110);
	assert_refused(AF_UNIX, &any, 111, EINVAL);
}
END_TEST

START_TEST(a_path_ends_at_its_nul_or_with_the_bytes)
{
	union any_sockaddr any = { .un = { .sun_family = AF_UNIX } };
	char directory[] = "/tmp/berth-addr-XXXXXX";
	const size_t path_at = offsetof(struct sockaddr_un, sun_path);
	size_t length;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	length = (size_t)snprintf(any.un.sun_path, sizeof(any.un.sun_path), "%s/s", directory);

	assert_taken(AF_UNIX, &any, (socklen_t)(path_at + length)); /* no NUL */
	ck_assert_int_eq(unlink(any.un.sun_path), 0);
	memcpy(any.un.sun_path + length + 1, "more", 4);
	assert_taken(AF_UNIX, &any, sizeof(any.un));
	ck_assert_int_eq(unlink(any.un.sun_path), 0);
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("addr_bind");
	TCase *tcase = tcase_create("addr_bind");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(tcase, ipv4_needs_16_bytes_and_takes_up_to_128);
	tcase_add_test(tcase, an_unspecified_family_is_ipv4_with_the_wildcard_address_only);
	tcase_add_test(tcase, ipv6_needs_24_bytes);
	tcase_add_test(tcase, an_abstract_name_is_as_long_as_it_is_said_to_be);
	tcase_add_test(tcase, a_path_ends_at_its_nul_or_with_the_bytes);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
