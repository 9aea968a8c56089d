/*
 * Probes as users write them, and when they are made.
 */
#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#include "core/probe.h"
#include "run_suite.h"

static struct probe parsed(const char *text)
{
	struct probe p;

	memset(&p, 0xaa, sizeof(p));
	ck_assert_msg(probe_parse(text, &p) == PROBE_OK, "%s is refused", text);
	return p;
}

static void assert_same(const char *text)
{
	char printed[PROBE_TEXT_MAX];
	struct probe p = parsed(text);
	struct probe again;

	ck_assert_str_eq(probe_text(&p, printed), text);
	again = parsed(printed);
	ck_assert_mem_eq(&p, &again, sizeof(p));
}

static void assert_refused(enum probe_error e, const char *text)
{
	struct probe p = { .kind = PROBE_NONE };

	ck_assert_msg(probe_parse(text, &p) == e, "%s: %s", text,
		      probe_error_text(probe_parse(text, &p)));
	ck_assert_int_eq(p.kind, PROBE_NONE); /* nothing is written */
}

START_TEST(a_path_alone_is_asked_for_at_the_apps_first_port)
{
	struct probe p = parsed("http:/healthz?full=1");

	ck_assert_int_eq(p.kind, PROBE_HTTP);
	ck_assert_uint_eq(p.port, 0);
	ck_assert_uint_eq(p.host.family, AF_UNSPEC);
	ck_assert_uint_eq(p.status_min, 200);
	ck_assert_uint_eq(p.status_max, 399);
	ck_assert_str_eq(p.what, "/healthz?full=1");
}
END_TEST

START_TEST(another_port_or_address_may_be_named)
{
	struct probe p = parsed("http://:8001/healthz");

	ck_assert_uint_eq(p.port, 8001);
	ck_assert_uint_eq(p.host.family, AF_UNSPEC);

	p = parsed("http://127.0.0.2:8001/");
	ck_assert_uint_eq(p.port, 8001);
	ck_assert_uint_eq(p.host.family, AF_INET);
	ck_assert_uint_eq(p.host.port, 0);
	ck_assert_uint_eq(p.host.u.v4.s_addr, htonl(0x7f000002));

	p = parsed("http://[::1]:8001/");
	ck_assert_uint_eq(p.host.family, AF_INET6);
	ck_assert_uint_eq(p.port, 8001);

	p = parsed("tcp:9000");
	ck_assert_int_eq(p.kind, PROBE_TCP);
	ck_assert_uint_eq(p.port, 9000);
}
END_TEST

START_TEST(the_status_that_passes_may_be_named)
{
	struct probe p = parsed("http=204:/healthz");

	ck_assert_uint_eq(p.status_min, 204);
	ck_assert_uint_eq(p.status_max, 204);
	p = parsed("http=200-299://:8001/healthz");
	ck_assert_uint_eq(p.status_min, 200);
	ck_assert_uint_eq(p.status_max, 299);
	ck_assert_uint_eq(p.port, 8001);
}
END_TEST

START_TEST(only_a_probe_without_a_port_of_its_own_needs_one_of_the_apps)
{
	static const struct {
		const char *text;
		bool needs;
	} all[] = {
		{ "tcp", true },
		{ "http:/healthz", true },
		{ "tcp:8001", false },
		{ "http://:8001/healthz", false },
		{ "http://127.0.0.1:8001/healthz", false },
		{ "exec:true", false },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct probe p;

		ck_assert_int_eq(probe_parse(all[i].text, &p), PROBE_OK);
		ck_assert_msg(probe_needs_port(&p) == all[i].needs, "%s", all[i].text);
	}
}
END_TEST

START_TEST(a_command_is_everything_behind_exec)
{
	struct probe p = parsed("exec:test -e \"/run/x\" && echo ü:1");

	ck_assert_int_eq(p.kind, PROBE_EXEC);
	ck_assert_str_eq(p.what, "test -e \"/run/x\" && echo ü:1");
}
END_TEST

START_TEST(each_probe_has_one_form)
{
	struct probe p = parsed("http=200-399:/");
	char printed[PROBE_TEXT_MAX];

	assert_same("http:/");
	assert_same("http=204:/a=b?c=204");
	assert_same("http=200-299://:8001/");
	assert_same("http://127.0.0.1:80/x");
	assert_same("http://[fe80::1%2]:80/x");
	assert_same("tcp");
	assert_same("tcp:1");
	assert_same("exec:true");
	ck_assert_str_eq(probe_text(&p, printed), "http:/");
	p = parsed("http=301-301://[0:0::1]:80/");
	ck_assert_str_eq(probe_text(&p, printed), "http=301://[::1]:80/");
	p.kind = PROBE_NONE;
	ck_assert_str_eq(probe_text(&p, printed), "");
}
END_TEST

START_TEST(what_has_no_meaning_is_refused_with_a_reason)
{
	assert_refused(PROBE_UNKNOWN_KIND, "");
	assert_refused(PROBE_UNKNOWN_KIND, "https:/healthz");
	assert_refused(PROBE_UNKNOWN_KIND, "/healthz");
	assert_refused(PROBE_UNKNOWN_KIND, "tcp4");
	assert_refused(PROBE_UNKNOWN_KIND, "http");
	assert_refused(PROBE_BAD_PATH, "http:");
	assert_refused(PROBE_BAD_PATH, "http:healthz");
	assert_refused(PROBE_BAD_PATH, "http://:8001");
	assert_refused(PROBE_BAD_PATH, "http:/a b");
	assert_refused(PROBE_BAD_PATH, "http:/a#b");
	assert_refused(PROBE_BAD_PATH, "http:/a\r\nHost: b");
	assert_refused(PROBE_BAD_PATH, "http:/\xc3\xbc");
	assert_refused(PROBE_BAD_PATH, "http:/\x7f");
	assert_refused(PROBE_STATUS_BEHIND, "http:/healthz=204");
	assert_refused(PROBE_BAD_STATUS, "http=:/");
	assert_refused(PROBE_BAD_STATUS, "http=600:/");
	assert_refused(PROBE_BAD_STATUS, "http=099:/");
	assert_refused(PROBE_BAD_STATUS, "http=2xx:/");
	assert_refused(PROBE_BAD_STATUS, "http=299-200:/");
	assert_refused(PROBE_BAD_STATUS, "http=200-:/");
	assert_refused(PROBE_BAD_STATUS, "http=20");
	assert_refused(PROBE_BAD_PORT, "tcp:");
	assert_refused(PROBE_BAD_PORT, "tcp:0");
	assert_refused(PROBE_BAD_PORT, "tcp:65536");
	assert_refused(PROBE_BAD_PORT, "tcp:08");
	assert_refused(PROBE_BAD_PORT, "http://:0/");
	assert_refused(PROBE_BAD_PORT, "http://127.0.0.1:/");
	assert_refused(PROBE_NO_PORT, "http://127.0.0.1/");
	assert_refused(PROBE_NO_PORT, "http://8001/");
	assert_refused(PROBE_NO_PORT, "http://[::1]/");
	assert_refused(PROBE_NO_PORT, "http:///healthz");
	assert_refused(PROBE_BAD_HOST, "http://localhost:8001/");
	assert_refused(PROBE_BAD_HOST, "http://a@127.0.0.1:8001/");
	assert_refused(PROBE_BAD_HOST, "http://unix:@a/");
	assert_refused(PROBE_BAD_HOST, "http://0.0.0.0:8001/");
	assert_refused(PROBE_BAD_HOST, "http://[::]:8001/");
	assert_refused(PROBE_BAD_HOST, "http://*:8001/");
	assert_refused(PROBE_BAD_HOST, "http://::1:8001/");
	assert_refused(PROBE_NO_COMMAND, "exec:");
	assert_refused(PROBE_NO_COMMAND, "exec: \t ");
	assert_refused(PROBE_BAD_COMMAND, "exec:a\nb");
	assert_refused(PROBE_BAD_COMMAND, "exec:\xff");
	for (int e = 0; e < PROBE_ERRORS; e++)
		ck_assert_ptr_nonnull(probe_error_text((enum probe_error)e));
}
END_TEST

START_TEST(paths_and_commands_have_a_bound)
{
	char text[PROBE_WHAT_MAX + 10];

	memset(text, 'x', sizeof(text));
	memcpy(text, "http:/", 6);
	text[5 + PROBE_WHAT_MAX - 1] = '\0';
	assert_same(text);
	text[5 + PROBE_WHAT_MAX - 1] = 'x';
	text[5 + PROBE_WHAT_MAX] = '\0';
	assert_refused(PROBE_TOO_LONG, text);
	memcpy(text, "exec:", 5);
	assert_refused(PROBE_TOO_LONG, text);
}
END_TEST

START_TEST(while_it_starts_a_worker_is_asked_more_often)
{
	struct probe_timing t = PROBE_TIMING_DEFAULT;

	ck_assert_int_eq(probe_timing_check(&t), PROBE_TIMING_OK);
	ck_assert_uint_eq(probe_pause_ms(&t, true), 100);
	ck_assert_uint_eq(probe_pause_ms(&t, false), 1000);
	t.interval_ms = 50; /* never less often than later */
	ck_assert_uint_eq(probe_pause_ms(&t, true), 50);
}
END_TEST

START_TEST(times_and_numbers_have_limits)
{
	struct probe_timing good = PROBE_TIMING_DEFAULT;
	struct probe_timing t = good;

	t.interval_ms = 9;
	ck_assert_int_eq(probe_timing_check(&t), PROBE_BAD_INTERVAL);
	t.interval_ms = PROBE_INTERVAL_MAX_MS + 1;
	ck_assert_int_eq(probe_timing_check(&t), PROBE_BAD_INTERVAL);
	t = good;
	t.timeout_ms = 0;
	ck_assert_int_eq(probe_timing_check(&t), PROBE_BAD_TIMEOUT);
	t = good;
	t.n_failures = 0;
	ck_assert_int_eq(probe_timing_check(&t), PROBE_BAD_FAILURES);
	for (int e = 0; e < PROBE_TIMING_ERRORS; e++)
		ck_assert_ptr_nonnull(probe_timing_error_text((enum probe_timing_error)e));
}
END_TEST

START_TEST(only_failures_in_a_row_make_a_worker_dead)
{
	struct probe_timing t = PROBE_TIMING_DEFAULT;
	unsigned n_failed = 0;

	ck_assert(!probe_count(&t, false, &n_failed));
	ck_assert(!probe_count(&t, false, &n_failed));
	ck_assert(!probe_count(&t, true, &n_failed));
	ck_assert(!probe_count(&t, false, &n_failed));
	ck_assert(!probe_count(&t, false, &n_failed));
	ck_assert(probe_count(&t, false, &n_failed));
	ck_assert(probe_count(&t, false, &n_failed)); /* and stays so */
	ck_assert_uint_eq(n_failed, 3);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_path_alone_is_asked_for_at_the_apps_first_port,
		another_port_or_address_may_be_named,
		the_status_that_passes_may_be_named,
		only_a_probe_without_a_port_of_its_own_needs_one_of_the_apps,
		a_command_is_everything_behind_exec,
		each_probe_has_one_form,
		what_has_no_meaning_is_refused_with_a_reason,
		paths_and_commands_have_a_bound,
		while_it_starts_a_worker_is_asked_more_often,
		times_and_numbers_have_limits,
		only_failures_in_a_row_make_a_worker_dead,
	};

	return RUN_SUITE("probe_spec", tests);
}
