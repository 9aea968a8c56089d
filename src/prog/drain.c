/*
 * Asks for it, then tells each step as it's done, also over the moments in which no
 * primary is there to answer. See drain.h.
 */
#include "prog/drain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/clock.h"
#include "prog/client.h"
#include "prog/client_find.h"
#include "prog/client_options.h"
#include "prog/client_watch.h"
#include "prog/print_check.h"
#include "prog/words.h"

static const struct client_verb verb = {
	.who = "berth drain",
	.usage =
		"usage: berth drain [--name NAME] [--timeout TIME] [--json] SLOT\n"
		"\n"
		"Replaces the worker in a slot, new before old: another one comes up and gets the\n"
		"new clients, those that the old one has may finish, and then it is stopped. If\n"
		"the new one fails, the old one goes on.\n"
		"\n"
		"  --name NAME    the app; default: the only one that runs\n"
		"  --timeout TIME end with 124 when it takes longer; it goes on\n"
		"  --json         print each step as one JSON object\n"
		"  -h, --help     print this and end\n"
		"\n"
		"A SLOT is written 2, or web.2. Exit codes: 0 done, 6 the new one failed, 7 "
		"nothing\n"
		"runs, 4 not permitted, 2 usage, 1 failed or refused, 124 not done in time.\n",
	.has_json = true,
	.has_timeout = true,
	.n_words = 1,
};

struct following {
	struct client *client;
	json_int_t id;
	char state[32]; /* the last one that was told */
	bool is_json;
	bool is_terminal;
	bool has_progress; /* a line that is not ended stands there */
	bool is_done;
	enum client_exit code;
	int64_t began_ms;
	int64_t heard_ms;
	int64_t timeout_ms; /* 0: none */
};

/* --- one look ------------------------------------------------------------------------ */

static double since_s(const struct following *f)
{
	return (double)(clock_ms() - f->began_ms) / 1000;
}

static void clear_progress(struct following *f)
{
	if (f->has_progress)
		(void)fputs("\r\033[K", stdout);
	f->has_progress = false;
}

static void finish(struct following *f, enum client_exit code)
{
	f->is_done = true;
	f->code = code;
}

static void print_state(struct following *f, const json_t *drain, const char *state)
{
	const json_int_t slot = words_number(drain, "slot");
	char shown[WORDS_SHOWN_MAX];

	clear_progress(f);
	if (f->is_json) {
		(void)json_dumpf(drain, stdout, JSON_COMPACT);
		(void)fputc('\n', stdout);
	} else if (strcmp(state, "failed") == 0) {
		(void)printf("%7.1f s  slot %" JSON_INTEGER_FORMAT
			     ": the old worker goes on, the new one %s\n",
			     since_s(f), slot, words_shown(words_text(drain, "message"), shown));
	} else {
		(void)printf("%7.1f s  slot %" JSON_INTEGER_FORMAT ": %s\n", since_s(f), slot,
			     strcmp(state, "starting") == 0   ? "another worker comes up"
			     : strcmp(state, "draining") == 0 ? "it serves; the old one's clients "
								"may finish"
							      : "the old one has left");
	}
	(void)fflush(stdout);
}

static void show_progress(struct following *f, const json_t *drain)
{
	if (!f->is_terminal || f->is_json || f->is_done ||
	    !json_is_integer(json_object_get(drain, "connections")))
		return;
	(void)printf("\r\033[K%7.1f s  … held by %" JSON_INTEGER_FORMAT
		     " connections, for %.1f s more at most",
		     since_s(f), words_number(drain, "connections"),
		     (double)words_number(drain, "left_ms") / 1000);
	(void)fflush(stdout);
	f->has_progress = true;
}

static void hear(struct following *f, const json_t *drain)
{
	const char *state = words_text(drain, "state");

	if (words_number(drain, "id") != f->id) {
		(void)fprintf(stderr,
			      "%s: another one was asked for since; berth events tells how this "
			      "one ended\n",
			      verb.who);
		finish(f, CLIENT_FAILED);
		return;
	}
	if (strcmp(state, f->state) != 0)
		print_state(f, drain, state);
	(void)snprintf(f->state, sizeof(f->state), "%s", state);
	if (strcmp(state, "done") == 0)
		finish(f, CLIENT_DONE);
	else if (strcmp(state, "failed") == 0)
		finish(f, CLIENT_ROLLED_BACK);
	show_progress(f, drain);
}

static bool ask(void *data)
{
	struct following *f = data;
	static const struct client_request request = { .method = "GET", .target = "/v1/drain" };
	struct client_reply reply = { 0 };
	int err = client_call(f->client, &request, &reply);

	if (err == -ENOENT) {
		/* The socket's file outlives every primary, and goes with the last one. */
		(void)fprintf(stderr, "%s: berth has ended, and all its workers with it\n",
			      verb.who);
		finish(f, CLIENT_NO_PRIMARY);
	} else if (client_is_absent(err) || err == -ETIMEDOUT) {
		/* One primary has gone, the other has not come yet. */
	} else if (client_has_failed(err, &reply)) {
		finish(f, client_complain(verb.who, err, &reply));
	} else {
		f->heard_ms = clock_ms();
		hear(f, reply.body);
	}
	json_decref(reply.body);
	return f->is_done;
}

static enum client_exit follow(struct following *f)
{
	const struct client_watch watch = { ask, f, &f->heard_ms, f->timeout_ms };

	f->began_ms = clock_ms();
	if (client_watch(&watch))
		return f->code;
	clear_progress(f);
	(void)fprintf(stderr,
		      "%s: it is not done in time, and goes on; berth ps tells how far it is\n",
		      verb.who);
	return CLIENT_DEADLINE;
}

/* --- all of it ----------------------------------------------------------------------- */

static enum client_exit begin(struct following *f, unsigned slot)
{
	json_t *body = json_pack("{s:i}", "slot", (int)slot);
	struct client_request request = { "POST", "/v1/drain", body };
	struct client_reply reply = { 0 };
	enum client_exit code = CLIENT_DONE;
	int err = client_call(f->client, &request, &reply);

	if (client_has_failed(err, &reply))
		code = client_complain(verb.who, err, &reply);
	else if (json_unpack(reply.body, "{s:I}", "drain", &f->id) < 0)
		code = client_complain(verb.who, -EPROTO, NULL);
	json_decref(reply.body);
	json_decref(body);
	return code;
}

static enum client_exit drain(const struct client_options *options, unsigned slot)
{
	struct following f = {
		.is_json = options->is_json,
		.is_terminal = isatty(STDOUT_FILENO),
		.timeout_ms = options->has_timeout ? options->timeout_ms : 0,
	};
	char path[CONTROL_PATH_MAX];
	enum client_exit code = client_find(verb.who, options->name, path);
	int err;

	if (code != CLIENT_DONE)
		return code;
	err = client_new(path, &f.client);
	if (err)
		return client_complain(verb.who, err, NULL);
	code = begin(&f, slot);
	if (code == CLIENT_DONE)
		code = follow(&f);
	f.client = client_free(f.client);
	return print_check(verb.who) ? code : CLIENT_FAILED;
}

int drain_main(int argc, char **argv)
{
	struct client_options options;
	enum client_options_result result = client_options_parse(&verb, argc, argv, &options);
	unsigned slot;

	if (result != CLIENT_OPTIONS_OK)
		return client_options_exit(result);
	if (!client_options_slot(&verb, argv[argc - options.n_words], &options, &slot))
		return CLIENT_USAGE;
	return drain(&options, slot);
}
