/*
 * The server of the control API, over its end and a new beginning at the same socket.
 */
#include "control/control.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/own.h"
#include "control/control_socket.h"
#include "run_suite.h"

static const char request[] = "GET /v1/app HTTP/1.1\r\nHost: x\r\n\r\n";

/* Everything that a test needs; one server at a time. */
struct stage {
	uv_loop_t loop;
	int listen_fd;
	struct control *control;
	unsigned n_described;
};

static char directory[] = "/tmp/berth-unit-XXXXXX";
static char path[CONTROL_PATH_MAX];

static json_t *describe(void *data, enum control_document what)
{
	struct stage *s = data;

	ck_assert_int_eq(what, CONTROL_APP);

	return json_pack("{s:i}", "n", (int)++s->n_described);
}

static const struct control_ops ops = { .describe = describe };

static void start(struct stage *s)
{
	struct control_options o = { &s->loop, s->listen_fd, &ops, s };

	ck_assert_int_eq(control_new(&o, &s->control), 0);
}

static void begin(struct stage *s)
{
	memset(s, 0, sizeof(*s));
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(setenv("BERTH_RUNTIME_DIR", directory, 1), 0);
	ck_assert_int_eq(control_socket_open("web", &s->listen_fd, path), 0);
	ck_assert_int_eq(uv_loop_init(&s->loop), 0);
	start(s);
}

static void stop(struct stage *s)
{
	ck_assert_ptr_null(control_free(s->control));
	ck_assert_int_eq(uv_run(&s->loop, UV_RUN_DEFAULT), 0);
}

static void end(struct stage *s)
{
	stop(s);
	ck_assert_int_eq(uv_loop_close(&s->loop), 0);
	control_socket_remove(path, s->listen_fd);
	drop_fd(&s->listen_fd);
	ck_assert_int_eq(rmdir(directory), 0);
}

static int connect_and_send(const char *text)
{
	own_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	memcpy(sun.sun_path, path, strlen(path) + 1);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return take_fd(&fd);
}

/* Reads what is there; -1 with EAGAIN while nothing is. */
static ssize_t look(int fd, char *ret_text, size_t size)
{
	ssize_t n = recv(fd, ret_text, size - 1, MSG_DONTWAIT);

	ret_text[n > 0 ? n : 0] = '\0';
	return n;
}

static void wait_for_answer(struct stage *s, int fd, const char *wanted)
{
	char text[4096];

	while (look(fd, text, sizeof(text)) < 0) {
		ck_assert_int_eq(errno, EAGAIN);
		(void)uv_run(&s->loop, UV_RUN_ONCE);
	}
	ck_assert_ptr_nonnull(strstr(text, wanted));
}

START_TEST(who_waits_while_one_server_ends_is_answered_by_the_next)
{
	struct stage s;
	own_fd client = NO_FD;

	begin(&s);
	client = connect_and_send(request);
	stop(&s); /* its loop has never come to see the client */
	ck_assert_uint_eq(s.n_described, 0);
	start(&s);
	wait_for_answer(&s, client, "{\"n\":1}");
	end(&s);
}
END_TEST

START_TEST(a_server_that_ends_does_nothing_more_for_those_whom_it_has)
{
	struct stage s;
	own_fd client = NO_FD;
	char text[4096];

	begin(&s);
	client = connect_and_send(request);
	wait_for_answer(&s, client, "{\"n\":1}");
	ck_assert_int_eq(write(client, request, strlen(request)), (ssize_t)strlen(request));
	stop(&s);
	ck_assert_uint_eq(s.n_described, 1);
	ck_assert_int_le(look(client, text, sizeof(text)), 0);
	start(&s);
	end(&s);
}
END_TEST

static json_t *no_memory(void *data, enum control_document what)
{
	(void)data;
	(void)what;
	return NULL;
}

START_TEST(without_memory_for_an_answer_the_connection_ends)
{
	static const struct control_ops without = { .describe = no_memory };
	struct stage s;
	struct control_options o;
	own_fd client = NO_FD;
	char text[64];
	ssize_t n;

	begin(&s);
	stop(&s);
	o = (struct control_options){ &s.loop, s.listen_fd, &without, NULL };
	ck_assert_int_eq(control_new(&o, &s.control), 0);
	client = connect_and_send(request);
	while ((n = look(client, text, sizeof(text))) < 0 && errno == EAGAIN)
		(void)uv_run(&s.loop, UV_RUN_ONCE);
	ck_assert_int_le(n, 0);
	end(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		who_waits_while_one_server_ends_is_answered_by_the_next,
		a_server_that_ends_does_nothing_more_for_those_whom_it_has,
		without_memory_for_an_answer_the_connection_ends,
	};

	return RUN_SUITE("control", tests);
}
