/*
 * Probes by a connection, and what holds for all that connect.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "own_network.h"
#include "primary/probe.h"
#include "probe_stage.h"
#include "run_suite.h"

START_TEST(a_listening_worker_passes)
{
	struct sockaddr_storage bytes;
	socklen_t size = sizeof(bytes);
	struct addr at, client;
	struct stage st;
	own_fd fd = stage_bind("127.0.0.1:1", &at);
	own_fd taken = NO_FD;

	ck_assert_int_eq(listen(fd, 1), 0);
	stage_init(&st, "tcp", &at);
	stage_run(&st);
	stage_assert_said(&st, PROBE_PASSED, "connected to 127.0.0.1:%u", at.port);

	taken = accept4(fd, (struct sockaddr *)&bytes, &size, SOCK_CLOEXEC);
	ck_assert_int_ge(taken, 0);
	ck_assert_int_eq(addr_from_sockaddr(&bytes, size, &client), ADDR_OK);
	client.protocol = IPPROTO_TCP;
	ck_assert(addr_equal(&st.source, &client));
	ck_assert_int_eq(read(taken, &bytes, 1), 0); /* closed, and not reset */
}
END_TEST

START_TEST(a_port_where_nobody_listens_refuses)
{
	struct stage st;
	struct addr at;
	own_fd fd = stage_bind("[::1]:1", &at);

	stage_init(&st, "tcp", &at);
	stage_run(&st);
	stage_assert_said(&st, PROBE_FAILED, "connection refused at [::1]:%u", at.port);
}
END_TEST

START_TEST(a_queue_that_stays_full_fails_in_the_end)
{
	struct sockaddr_storage bytes;
	socklen_t size;
	struct stage st;
	struct addr at;
	own_fd fd = stage_bind("127.0.0.1:1", &at);
	own_fd first = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(listen(fd, 0), 0);
	size = addr_to_sockaddr(&at, &bytes);
	ck_assert_int_eq(connect(first, (struct sockaddr *)&bytes, size), 0);
	stage_init(&st, "tcp", &at);
	st.request.timeout_ms = 50;
	stage_run(&st);
	stage_assert_said(&st, PROBE_FAILED, "no connection to 127.0.0.1:%u within 50 ms", at.port);
}
END_TEST

START_TEST(who_cannot_steer_it_may_refuse_it)
{
	struct stage st;
	struct addr at;
	own_fd fd = stage_bind("127.0.0.1:1", &at);

	stage_init(&st, "tcp", &at);
	st.refusal = -EBUSY;
	ck_assert_int_eq(probe_start(&st.request, &st.run), -EBUSY);
	ck_assert_ptr_null(st.run);
	stage_end(&st);
	ck_assert_uint_eq(st.n_done, 0);
}
END_TEST

START_TEST(what_is_no_tcp_port_cannot_be_asked)
{
	struct addr unix_port = stage_addr("unix:@berth");
	struct addr udp_port = stage_addr("127.0.0.1:8000");
	struct addr none = { .family = AF_INET };
	struct stage st;

	udp_port.protocol = IPPROTO_UDP;
	stage_init(&st, "tcp", &unix_port);
	ck_assert_int_eq(probe_start(&st.request, &st.run), -EAFNOSUPPORT);
	st.request.port = udp_port;
	ck_assert_int_eq(probe_start(&st.request, &st.run), -EAFNOSUPPORT);
	st.request.port = none;
	ck_assert_int_eq(probe_start(&st.request, &st.run), -EAFNOSUPPORT);
	st.probe.kind = PROBE_NONE;
	ck_assert_int_eq(probe_start(&st.request, &st.run), -EINVAL);
	stage_end(&st);
	ck_assert_uint_eq(st.n_announced, 0);
}
END_TEST

START_TEST(an_address_of_another_machine_is_no_workers)
{
	struct addr at = stage_addr("127.0.0.1:8000");
	struct stage st;

	stage_init(&st, "http://192.0.2.1:80/", &at);
	ck_assert_int_eq(probe_start(&st.request, &st.run), -EADDRNOTAVAIL);
	stage_end(&st);
	ck_assert_uint_eq(st.n_announced, 0);
}
END_TEST

START_TEST(our_own_want_of_descriptors_is_no_failure_of_the_workers)
{
	const char *const probes[] = { "tcp", "http:/", "exec:true" };
	struct addr at = stage_addr("127.0.0.1:8000");
	struct stage st;
	struct rlimit files;

	for (size_t i = 0; i < 3; i++) {
		int next;

		stage_init(&st, probes[i], &at);
		ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
		next = dup(0);
		(void)close(next);
		files.rlim_cur = (rlim_t)next;
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
		ck_assert_int_eq(probe_start(&st.request, &st.run), -EMFILE);
		files.rlim_cur = files.rlim_max;
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
		stage_end(&st);
	}
}
END_TEST

START_TEST(when_no_source_port_is_left_it_is_not_made)
{
	own_fd range = NO_FD;
	struct stage st;
	struct addr at;
	int first;

	if (!own_network_enter(__func__))
		return;
	range = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC);
	if (range < 0 || write(range, "40000 40001", 11) != 11) {
		skip_test(__func__, "no right to set the range of ports");
		return;
	}
	first = stage_bind("127.0.0.1:1", &at);
	stage_init(&st, "tcp", &at);
	for (int i = 0; i < 2; i++) {
		struct addr a = stage_addr(i ? "127.0.0.1:40000" : "127.0.0.1:40001");
		struct sockaddr_storage bytes;
		socklen_t size = addr_to_sockaddr(&a, &bytes);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		(void)bind(fd, (struct sockaddr *)&bytes, size); /* one is the first's */
	}
	ck_assert_int_eq(probe_start(&st.request, &st.run), -EADDRINUSE);
	stage_end(&st);
	(void)close(first);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_listening_worker_passes,
		a_port_where_nobody_listens_refuses,
		a_queue_that_stays_full_fails_in_the_end,
		who_cannot_steer_it_may_refuse_it,
		what_is_no_tcp_port_cannot_be_asked,
		an_address_of_another_machine_is_no_workers,
		our_own_want_of_descriptors_is_no_failure_of_the_workers,
		when_no_source_port_is_left_it_is_not_made,
	};

	return RUN_SUITE("probe_tcp", tests);
}
