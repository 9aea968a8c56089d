/*
 * Asks for the end, and waits until it has come: until the keeper has ended, for until then
 * the ports are held. See stop.h.
 */
#include "prog/stop.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>

#include "base/own.h"
#include "os/clock.h"
#include "prog/client.h"
#include "prog/client_find.h"
#include "prog/client_options.h"
#include "prog/print_check.h"
#include "prog/words.h"

#define PAUSE_MS 50
#define COMM_MAX 32

static const struct client_verb verb = {
	.who = "berth stop",
	.usage =
		"usage: berth stop [APP] [--now] [--timeout TIME] [--json]\n"
		"\n"
		"Stops an app and its berth: no new connections, the stop signal to every worker,\n"
		"and KILL to those that have not ended in time. Waits until all of it has ended.\n"
		"\n"
		"  --now          without waiting for the workers: they are killed\n"
		"  --name NAME    the same as APP; default: the only one that runs\n"
		"  --timeout TIME end with 124 when it takes longer; it goes on\n"
		"  --json         print the answer as one JSON object\n"
		"  -h, --help     print this and end\n"
		"\n"
		"Exit codes: 0 stopped, 7 nothing runs, 4 not permitted, 2 usage, 1 failed,\n"
		"124 not ended in time.\n",
	.has_json = true,
	.has_app = true,
	.has_now = true,
	.has_timeout = true,
};

/* Of a keeper that we can see: in a container of its own its pid means somebody else here. */
static int watch_keeper(pid_t pid)
{
	own_fd fd = pid > 0 ? pidfd_open(pid, 0) : NO_FD;
	char path[64], comm[COMM_MAX] = "";
	FILE *file;

	if (fd < 0)
		return NO_FD;
	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return NO_FD;
	if (!fgets(comm, sizeof(comm), file))
		comm[0] = '\0';
	(void)fclose(file);
	return strncmp(comm, "berth-keeper", 12) == 0 ? take_fd(&fd) : NO_FD;
}

static bool has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* Whether there is nobody left to ask: for moments that is so while one primary follows another. */
static bool is_gone(struct client *c)
{
	static const struct client_request request = { .method = "GET", .target = "/v1/upgrade" };
	struct client_reply reply = { 0 };
	int err = client_call(c, &request, &reply);

	json_decref(reply.body);
	return err == -ENOENT || err == -ECONNREFUSED;
}

static enum client_exit wait_gone(struct client *c, int keeper, int64_t timeout_ms)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	const int64_t began_ms = clock_ms();

	for (;;) {
		if (keeper >= 0 ? has_ended(keeper) && is_gone(c) : is_gone(c))
			return CLIENT_DONE;
		if (timeout_ms && clock_ms() - began_ms > timeout_ms)
			break;
		(void)nanosleep(&pause, NULL);
	}
	(void)fprintf(stderr, "%s: it has not ended in time, and goes on stopping\n", verb.who);
	return CLIENT_DEADLINE;
}

/* Consumes @body. */
static enum client_exit call(struct client *c, const char *target, json_t *body,
			     json_t **ret_answer)
{
	const struct client_request request = { body ? "POST" : "GET", target, body };
	struct client_reply reply = { 0 };
	int err = client_call(c, &request, &reply);

	json_decref(body);
	if (client_has_failed(err, &reply)) {
		enum client_exit code = client_complain(verb.who, err, &reply);

		json_decref(reply.body);
		return code;
	}
	*ret_answer = reply.body;
	return CLIENT_DONE;
}

static enum client_exit stop(struct client *c, const struct client_options *options)
{
	json_t *app = NULL, *answer = NULL;
	enum client_exit code = call(c, "/v1/app", NULL, &app);
	own_fd keeper = NO_FD;
	char shown[WORDS_SHOWN_MAX];

	if (code == CLIENT_DONE) {
		keeper = watch_keeper((pid_t)words_number(app, "keeper_pid"));
		code = call(c, "/v1/stop", json_pack("{s:b}", "now", (int)options->is_now),
			    &answer);
	}
	if (code == CLIENT_DONE)
		code = wait_gone(c, keeper, options->has_timeout ? options->timeout_ms : 0);
	if (code == CLIENT_DONE && options->is_json)
		(void)printf("{\"stopped\": true}\n");
	else if (code == CLIENT_DONE)
		(void)printf("%s has stopped\n", words_shown(words_text(app, "name"), shown));
	json_decref(app);
	json_decref(answer);
	return print_check(verb.who) ? code : CLIENT_FAILED;
}

int stop_main(int argc, char **argv)
{
	struct client_options options;
	enum client_options_result result = client_options_parse(&verb, argc, argv, &options);
	char path[CONTROL_PATH_MAX];
	struct client *c = NULL;
	enum client_exit code;
	int err;

	if (result != CLIENT_OPTIONS_OK)
		return client_options_exit(result);
	code = client_find(verb.who, options.name, path);
	if (code != CLIENT_DONE)
		return code;
	err = client_new(path, &c);
	code = err ? client_complain(verb.who, err, NULL) : stop(c, &options);
	(void)client_free(c);
	return code;
}
