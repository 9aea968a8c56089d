/*
 * `berth upgrade`: asks for it, then follows it, over the moment in which no primary is
 * there to answer. See upgrade.h.
 */
#include "prog/upgrade.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/own.h"
#include "os/clock.h"
#include "os/sibling.h"
#include "prog/client.h"
#include "prog/client_find.h"
#include "prog/client_options.h"
#include "prog/client_watch.h"
#include "prog/print_check.h"

#define STEP_MAX  1024 /* a message as it's shown */
#define STATE_MAX 32

static const struct client_verb verb = {
	.who = "berth upgrade",
	.usage =
		"usage: berth upgrade [--name NAME] [--binary PATH] [--json]\n"
		"\n"
		"Replaces the primary by another program, or by a fresh start of its own. "
		"Workers,\n"
		"ports and connections stay. If the new one does not take over, the old one does.\n"
		"\n"
		"  --name NAME    the app; default: the only one that runs\n"
		"  --binary PATH  the new program, a berthd, or a berth that has its berthd "
		"beside\n"
		"                 it; default: the one that runs, as it is on disk now\n"
		"  --json         print each step as one JSON object\n"
		"  -h, --help     print this and end\n"
		"\n"
		"Exit codes: 0 done, 6 refused or rolled back, 7 nothing runs, 4 not permitted,\n"
		"2 usage, 1 failed, 124 not heard of in time.\n",
	.has_json = true,
	.has_binary = true,
};

/* What is heard: whether it goes on, and if not, the exit code. */
struct verdict {
	bool is_final;
	enum client_exit code;
};

/* One upgrade, as far as we have heard of it. */
struct following {
	struct client *client;
	json_int_t id;
	bool is_json;
	int64_t heard_ms; /* when the last step was heard of */
	struct verdict verdict;
	char state[STATE_MAX];
	char message[STEP_MAX];
};

static const struct verdict goes_on = { false, CLIENT_DONE };

static struct verdict ends(enum client_exit code)
{
	return (struct verdict){ true, code };
}

/* --- one step ------------------------------------------------------------------------ */

static struct verdict verdict_of(const char *state)
{
	if (strcmp(state, "running") == 0)
		return goes_on;
	if (strcmp(state, "done") == 0)
		return ends(CLIENT_DONE);
	if (strcmp(state, "rolled-back") == 0 || strcmp(state, "refused") == 0)
		return ends(CLIENT_ROLLED_BACK);
	return ends(client_complain(verb.who, -EPROTO, NULL));
}

static void print_step(const struct following *f, const json_t *step)
{
	if (f->is_json) {
		(void)json_dumpf(step, stdout, JSON_COMPACT);
		(void)fputc('\n', stdout);
	} else {
		(void)printf("upgrade %" JSON_INTEGER_FORMAT ": %s%s%s\n", f->id, f->state,
			     f->message[0] ? ": " : "", f->message);
	}
	(void)fflush(stdout); /* the next step may take a while; print_check() sees an error */
}

/* Prints @step if it is news. */
static struct verdict hear(struct following *f, json_t *step)
{
	char state_shown[STATE_MAX], message_shown[STEP_MAX];
	const char *state, *message;
	json_int_t id;

	if (json_unpack(step, "{s:I, s:s, s:s}", "id", &id, "state", &state, "message", &message) <
	    0)
		return ends(client_complain(verb.who, -EPROTO, NULL));
	if (id != f->id) {
		(void)fprintf(stderr,
			      "%s: the primary that answers now does not know of upgrade "
			      "%" JSON_INTEGER_FORMAT "\n",
			      verb.who, f->id);
		return ends(CLIENT_FAILED);
	}
	(void)escape_text(state, strlen(state), state_shown, sizeof(state_shown));
	(void)escape_text(message, strlen(message), message_shown, sizeof(message_shown));
	if (strcmp(state_shown, f->state) != 0 || strcmp(message_shown, f->message) != 0) {
		memcpy(f->state, state_shown, sizeof(state_shown));
		memcpy(f->message, message_shown, sizeof(message_shown));
		f->heard_ms = clock_ms();
		print_step(f, step);
	}
	return verdict_of(state);
}

static struct verdict ask_once(struct following *f)
{
	static const struct client_request request = { .method = "GET", .target = "/v1/upgrade" };
	struct client_reply reply = { 0 };
	struct verdict verdict;
	int err = client_call(f->client, &request, &reply);

	if (client_is_absent(err) || err == -ETIMEDOUT)
		return goes_on; /* one primary has gone, the other has not come yet */
	if (client_has_failed(err, &reply))
		verdict = ends(client_complain(verb.who, err, &reply));
	else
		verdict = hear(f, reply.body);
	json_decref(reply.body);
	return verdict;
}

static bool ask(void *data)
{
	struct following *f = data;

	f->verdict = ask_once(f);
	return f->verdict.is_final;
}

static enum client_exit follow(struct following *f)
{
	const struct client_watch watch = { ask, f, &f->heard_ms, 0 };

	if (client_watch(&watch))
		return f->verdict.code;
	(void)fprintf(stderr,
		      "%s: nothing has been heard of upgrade %" JSON_INTEGER_FORMAT
		      " for %d s; berth ps tells what runs\n",
		      verb.who, f->id, CLIENT_SILENCE_MAX_MS / 1000);
	return CLIENT_DEADLINE;
}

/* --- all of it ----------------------------------------------------------------------- */

/* Consumes nothing. Returns CLIENT_DONE and the id, or the exit code. */
static enum client_exit begin(struct client *client, const json_t *body, json_int_t *ret_id)
{
	struct client_request request = { "POST", "/v1/upgrade", body };
	struct client_reply reply = { 0 };
	enum client_exit code = CLIENT_DONE;
	int err = client_call(client, &request, &reply);

	if (client_has_failed(err, &reply))
		code = client_complain(verb.who, err, &reply);
	else if (json_unpack(reply.body, "{s:I}", "upgrade", ret_id) < 0)
		code = client_complain(verb.who, -EPROTO, NULL);
	if (!err && client_has_failed(0, &reply) && code != CLIENT_NOT_PERMITTED)
		code = CLIENT_ROLLED_BACK; /* refused */
	json_decref(reply.body);
	return code;
}

static enum client_exit upgrade(const char *path, const json_t *body, bool is_json)
{
	struct following f = { .is_json = is_json };
	enum client_exit code;
	int err = client_new(path, &f.client);

	if (err)
		return client_complain(verb.who, err, NULL);
	code = begin(f.client, body, &f.id);
	if (code == CLIENT_DONE)
		code = follow(&f);
	client_free(f.client);
	return print_check(verb.who) ? code : CLIENT_FAILED;
}

/* `berth` is what people know: what can take over is the berthd that belongs to it. */
static bool is_command_line(const char *path)
{
	return strcmp(strrchr(path, '/'), "/berth") == 0;
}

/* The primary has another working directory: it gets the whole path. */
static enum client_exit make_body(const char *binary, json_t **ret_body)
{
	own_free char *path = binary ? realpath(binary, NULL) : NULL;
	char primary[PATH_MAX];
	json_t *body;

	if (binary && !path) {
		(void)fprintf(stderr, "%s: %s: %s\n", verb.who, binary, strerror(errno));
		return CLIENT_FAILED;
	}
	if (path && is_command_line(path) &&
	    sibling_path_of(path, "berthd", primary, sizeof(primary)) < 0) {
		(void)fprintf(stderr,
			      "%s: %s is berth's command line, and there is no berthd beside it: "
			      "name a berthd\n",
			      verb.who, path);
		return CLIENT_FAILED;
	}
	body = path ? json_pack("{s:s}", "binary", is_command_line(path) ? primary : path)
		    : json_object();
	if (!body) {
		(void)fprintf(stderr, "%s: the path must be UTF-8\n", verb.who);
		return CLIENT_FAILED;
	}
	*ret_body = body;
	return CLIENT_DONE;
}

int upgrade_main(int argc, char **argv)
{
	struct client_options options;
	enum client_options_result result = client_options_parse(&verb, argc, argv, &options);
	char path[CONTROL_PATH_MAX];
	enum client_exit code;
	json_t *body = NULL;

	if (result != CLIENT_OPTIONS_OK)
		return client_options_exit(result);
	code = make_body(options.binary, &body);
	if (code == CLIENT_DONE)
		code = client_find(verb.who, options.name, path);
	if (code == CLIENT_DONE)
		code = upgrade(path, body, options.is_json);
	json_decref(body);
	return code;
}
