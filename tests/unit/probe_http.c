/*
 * Probes by a request, of servers that answer well, badly, too much or not at all.
 */
#include <check.h>
#include <stdio.h>

#include "primary/probe.h"
#include "probe_stage.h"
#include "run_suite.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* Probes a server that answers with @answer, and expects a sentence with its port behind. */
static void assert_outcome(const char *probe, struct server *s, enum probe_outcome outcome,
			   const char *sentence)
{
	struct stage st;

	server_begin(s, "127.0.0.1:1");
	stage_init(&st, probe, &s->at);
	stage_run(&st);
	server_end(s);
	stage_assert_said(&st, outcome, "%s on 127.0.0.1:%u", sentence, s->at.port);
}

static void assert_answer(const char *probe, const char *answer, enum probe_outcome outcome,
			  const char *sentence)
{
	struct server s = { .answer = answer };

	assert_outcome(probe, &s, outcome, sentence);
}

START_TEST(an_answer_of_200_to_399_passes)
{
	assert_answer("http:/healthz", OK_ANSWER, PROBE_PASSED, "answered 200 to GET /healthz");
	assert_answer("http:/", "HTTP/1.0 204 \r\n\r\n", PROBE_PASSED, "answered 204 to GET /");
	assert_answer("http:/", "HTTP/1.1 100 Continue\r\n\r\n" OK_ANSWER, PROBE_PASSED,
		      "answered 200 to GET /");
}
END_TEST

START_TEST(a_redirect_passes_and_is_not_followed)
{
	assert_answer("http:/",
		      "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n"
		      "Content-Length: 0\r\n\r\n",
		      PROBE_PASSED, "answered 302 to GET /");
}
END_TEST

START_TEST(another_status_fails)
{
	assert_answer("http:/healthz", "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", PROBE_FAILED,
		      "answered 500 to GET /healthz");
	assert_answer("http=204:/", OK_ANSWER, PROBE_FAILED, "answered 200 to GET /");
	assert_answer("http=200-201:/", OK_ANSWER, PROBE_PASSED, "answered 200 to GET /");
}
END_TEST

START_TEST(the_request_is_plain_and_ends_with_its_connection)
{
	struct server s = { .answer = OK_ANSWER };
	char host[64];

	ck_assert_int_eq(setenv("http_proxy", "http://192.0.2.1:1", 1), 0);
	assert_outcome("http:/a/../b?c=%20", &s, PROBE_PASSED, "answered 200 to GET /a/../b?c=%20");
	(void)snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%u\r\n", s.at.port);
	ck_assert_int_eq(strncmp(s.request, "GET /a/../b?c=%20 HTTP/1.1\r\n", 28), 0);
	ck_assert_ptr_nonnull(strstr(s.request, host));
	ck_assert_ptr_nonnull(strstr(s.request, "\r\nConnection: close\r\n"));
	ck_assert_ptr_nonnull(strstr(s.request, "\r\nUser-Agent: berth/"));
}
END_TEST

START_TEST(the_connection_comes_from_where_it_was_said_to)
{
	struct server s = { .answer = OK_ANSWER };
	struct stage st;

	server_begin(&s, "127.0.0.1:1");
	stage_init(&st, "http:/", &s.at);
	stage_start(&st);
	ck_assert_uint_eq(st.n_announced, 1); /* before anything was sent */
	ck_assert_uint_ne(st.source.port, 0);
	stage_end(&st);
	server_end(&s);
	ck_assert_uint_eq(st.n_announced, 1);
	s.client.protocol = IPPROTO_TCP;
	ck_assert(addr_equal(&st.source, &s.client));
	ck_assert(addr_equal(&st.target, &s.at));
}
END_TEST

START_TEST(a_wildcard_is_asked_at_the_loopback_of_its_family)
{
	struct server s = { .answer = OK_ANSWER };
	struct stage st;

	server_begin(&s, "0.0.0.0:1");
	stage_init(&st, "http:/", &s.at);
	stage_run(&st);
	server_end(&s);
	stage_assert_said(&st, PROBE_PASSED, "answered 200 to GET / on 127.0.0.1:%u", s.at.port);

	memset(s.request, 0, sizeof(s.request));
	server_begin(&s, "[::]:1");
	stage_init(&st, "http:/", &s.at);
	stage_run(&st);
	server_end(&s);
	stage_assert_said(&st, PROBE_PASSED, "answered 200 to GET / on [::1]:%u", s.at.port);
}
END_TEST

START_TEST(a_port_that_the_probe_names_is_asked_instead_of_the_apps)
{
	struct server s = { .answer = OK_ANSWER };
	struct addr other = stage_addr("127.0.0.1:9");
	char text[64];
	struct stage st;

	server_begin(&s, "127.0.0.1:1");
	(void)snprintf(text, sizeof(text), "http://:%u/", s.at.port);
	stage_init(&st, text, &other);
	stage_run(&st);
	server_end(&s);
	ck_assert_int_eq(st.outcome, PROBE_PASSED);
	ck_assert_uint_eq(st.target.port, s.at.port);
}
END_TEST

START_TEST(a_port_where_nobody_listens_refuses)
{
	struct stage st;
	struct addr at;
	int fd = stage_bind("127.0.0.1:1", &at); /* so that nobody else does */

	stage_init(&st, "http:/", &at);
	stage_run(&st);
	stage_assert_said(&st, PROBE_FAILED, "connection refused at 127.0.0.1:%u", at.port);
	(void)close(fd);
}
END_TEST

START_TEST(who_says_nothing_in_time_has_failed)
{
	struct server s = { .stays = true };
	struct stage st;

	server_begin(&s, "127.0.0.1:1");
	stage_init(&st, "http:/x", &s.at);
	st.request.timeout_ms = 40;
	stage_run(&st);
	server_end(&s); /* the connection is closed */
	stage_assert_said(&st, PROBE_FAILED, "nothing within 40 ms: GET /x on 127.0.0.1:%u",
			  s.at.port);
}
END_TEST

START_TEST(who_does_not_end_in_time_has_failed)
{
	struct server s = { .answer = "HTTP/1.1 200 OK\r\n\r\nmore is", .stays = true };
	struct stage st;

	server_begin(&s, "127.0.0.1:1");
	stage_init(&st, "http:/", &s.at);
	st.request.timeout_ms = 800;
	stage_run(&st);
	server_end(&s);
	stage_assert_said(&st, PROBE_FAILED,
			  "answered 200 to GET / on 127.0.0.1:%u, and did not end within 800 ms",
			  s.at.port);
}
END_TEST

START_TEST(what_is_no_whole_answer_fails)
{
	struct server s = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok" };
	struct stage st;

	assert_answer("http:/", NULL, PROBE_FAILED, "connection closed without an answer: GET /");
	assert_answer("http:/", "SSH-2.0-x\r\n", PROBE_FAILED, "the answer is no HTTP: GET /");

	server_begin(&s, "127.0.0.1:1");
	stage_init(&st, "http:/", &s.at);
	stage_run(&st);
	server_end(&s);
	stage_assert_said(&st, PROBE_FAILED, "answered 200 to GET / on 127.0.0.1:%u, and broke off",
			  s.at.port);
}
END_TEST

START_TEST(of_an_answer_without_an_end_the_status_counts)
{
	struct server s = { .repeats = true };

	s.answer = "HTTP/1.1 200 OK\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	assert_outcome("http:/", &s, PROBE_PASSED, "answered 200 to GET /");
}
END_TEST

START_TEST(a_header_without_an_end_fails)
{
	struct server s = { .repeats = true, .answer = "HTTP/1.1 100 Continue\r\n\r\n" };

	assert_outcome("http:/", &s, PROBE_FAILED, "the answer's header is too long: GET /");
}
END_TEST

START_TEST(a_probe_may_be_given_up)
{
	struct server s = { .stays = true };
	struct stage st;

	server_begin(&s, "127.0.0.1:1");
	stage_init(&st, "http:/", &s.at);
	stage_start(&st);
	while (uv_run(&st.loop, UV_RUN_NOWAIT) && !s.client.port)
		; /* until it's connected */
	st.run = probe_free(st.run);
	stage_end(&st);
	server_end(&s);
	ck_assert_uint_eq(st.n_done, 0);

	stage_init(&st, "http:/", &s.at);
	stage_start(&st);
	st.run = probe_free(st.run);
	stage_end(&st);
	ck_assert_uint_eq(st.n_done, 0);
}
END_TEST

START_TEST(many_probes_leave_no_descriptor_behind)
{
	struct server s = { .answer = OK_ANSWER };
	int before = dup(0), after;

	(void)close(before);
	for (int i = 0; i < 50; i++) {
		memset(s.request, 0, sizeof(s.request));
		assert_outcome("http:/", &s, PROBE_PASSED, "answered 200 to GET /");
	}
	after = dup(0);
	ck_assert_int_eq(after, before);
	(void)close(after);
}
END_TEST

START_TEST(the_time_that_we_are_stopped_is_not_the_workers)
{
	struct server s = { .answer = OK_ANSWER };
	struct stage st;
	uint64_t until = uv_hrtime() + 1000 * 1000000ull;

	server_begin(&s, "127.0.0.1:1");
	stage_init(&st, "http:/", &s.at);
	st.request.timeout_ms = 400;
	stage_start(&st);
	while (uv_hrtime() < until)
		;
	stage_end(&st);
	server_end(&s);
	stage_assert_said(&st, PROBE_PASSED, "answered 200 to GET / on 127.0.0.1:%u", s.at.port);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_answer_of_200_to_399_passes,
		a_redirect_passes_and_is_not_followed,
		another_status_fails,
		the_request_is_plain_and_ends_with_its_connection,
		the_connection_comes_from_where_it_was_said_to,
		a_wildcard_is_asked_at_the_loopback_of_its_family,
		a_port_that_the_probe_names_is_asked_instead_of_the_apps,
		a_port_where_nobody_listens_refuses,
		who_says_nothing_in_time_has_failed,
		who_does_not_end_in_time_has_failed,
		what_is_no_whole_answer_fails,
		of_an_answer_without_an_end_the_status_counts,
		a_header_without_an_end_fails,
		a_probe_may_be_given_up,
		many_probes_leave_no_descriptor_behind,
		the_time_that_we_are_stopped_is_not_the_workers,
	};

	return RUN_SUITE("probe_http", tests);
}
