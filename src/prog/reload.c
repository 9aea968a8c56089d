/*
 * `berth reload`, `berth undo`: ask for it, then tell each step as it's done, also over
 * the moments in which no primary is there to answer. See reload.h.
 */
#include "prog/reload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "os/clock.h"
#include "prog/client.h"
#include "prog/client_find.h"
#include "prog/client_options.h"
#include "prog/client_watch.h"
#include "prog/print_check.h"

#define TEXT_MAX 2048 /* a step as it's shown */

#define COMMON_USAGE                                                                       \
	"  --name NAME    the same as APP\n"                                               \
	"  --timeout TIME end with 124 when it takes longer; it goes on\n"                 \
	"  --json         print each step as one JSON object\n"                            \
	"  -h, --help     print this and end\n"                                            \
	"\n"                                                                               \
	"Exit codes: 0 done, 6 rolled back or refused, 7 nothing runs, 4 not permitted,\n" \
	"2 usage, 1 failed, 124 not done in time.\n"

static const struct client_verb reload_verb = {
	.who = "berth reload",
	.usage =
		"usage: berth reload [APP] [--canary PERCENT] [--watch TIME] [--timeout TIME]\n"
		"                    [--json]\n"
		"\n"
		"Starts the command anew in each slot, waits until the new worker is ready, gives\n"
		"it the clients, and only then lets the old one go, once its connections have\n"
		"ended. If a new one fails, all is as it was. (restart, in contrast, is stop and\n"
		"then start: old before new.)\n"
		"\n"
		"  --canary 10%   first one new worker alone, with that share of new connections\n"
		"  --watch TIME   how long the canary, and then the whole, is watched before it\n"
		"                 is final; default: what `berth run --watch` says\n" COMMON_USAGE,
	.has_json = true,
	.has_app = true,
	.has_canary = true,
	.has_timeout = true,
};

static const struct client_verb undo_verb = {
	.who = "berth undo",
	.usage = "usage: berth undo [APP] [--timeout TIME] [--json]\n"
		 "\n"
		 "Rolls a reload back that is not final yet. After that, as long as `berth run\n"
		 "--undo` says: the workers before it serve again, at once. Later than that it\n"
		 "is a reload: put the files from before back first.\n"
		 "\n" COMMON_USAGE,
	.has_json = true,
	.has_app = true,
	.has_timeout = true,
};

/* One reload, as far as we have heard of it. */
struct following {
	const struct client_verb *verb;
	struct client *client;
	json_int_t id;
	json_int_t n_steps; /* number of the last step that was told */
	bool is_json;
	bool is_back; /* to roll back is what was asked for */
	bool is_terminal;
	bool has_progress; /* a line that is not ended stands there */
	bool was_refused;  /* by the socket; once it may be that another one has just been bound */
	bool is_done;
	enum client_exit code;
	int64_t began_ms;
	int64_t heard_ms;
	int64_t timeout_ms; /* 0: none */
};

/* What the primary tells of the last one. */
struct reload_state {
	json_int_t id;
	const char *state;
	const char *message;
	json_int_t last_done; /* id of the last that wasn't rolled back */
	int has_next;
};

/* --- one look ------------------------------------------------------------------------ */

static void clear_progress(struct following *f)
{
	if (f->has_progress)
		(void)fputs("\r\033[K", stdout);
	f->has_progress = false;
}

static void print_step(struct following *f, const json_t *step, const char *text)
{
	char shown[TEXT_MAX];

	clear_progress(f);
	if (f->is_json) {
		(void)json_dumpf(step, stdout, JSON_COMPACT);
		(void)fputc('\n', stdout);
	} else {
		(void)escape_text(text, strlen(text), shown, sizeof(shown));
		(void)printf("%7.1f s  %s\n", (double)(clock_ms() - f->began_ms) / 1000, shown);
	}
	(void)fflush(stdout);
}

static void finish(struct following *f, enum client_exit code)
{
	f->is_done = true;
	f->code = code;
}

static void note_end(struct following *f, const char *event)
{
	if (strcmp(event, "reloaded") == 0)
		finish(f, CLIENT_DONE);
	else if (strcmp(event, "rolled_back") == 0)
		finish(f, f->is_back ? CLIENT_DONE : CLIENT_ROLLED_BACK);
}

static bool hear_steps(struct following *f, const json_t *steps)
{
	json_t *step;
	size_t i;

	json_array_foreach(steps, i, step)
	{
		json_int_t reload, number;
		const char *event, *text;

		if (json_unpack(step, "{s:I, s:I, s:s, s:s}", "reload", &reload, "number", &number,
				"event", &event, "text", &text) < 0)
			return false;
		if (reload != f->id || number <= f->n_steps)
			continue;
		f->n_steps = number;
		print_step(f, step, text);
		note_end(f, event);
	}
	return true;
}

static void show_progress(struct following *f, const json_t *reload)
{
	const json_int_t n_new = json_integer_value(json_object_get(reload, "new"));
	const json_int_t n_slots = json_integer_value(json_object_get(reload, "slots"));
	const json_int_t n_leaving = json_integer_value(json_object_get(reload, "leaving"));

	if (!f->is_terminal || f->is_json || f->is_done)
		return;
	(void)printf("\r\033[K%7.1f s  … %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
		     " slots new, %" JSON_INTEGER_FORMAT " on their way out",
		     (double)(clock_ms() - f->began_ms) / 1000, n_new, n_slots, n_leaving);
	(void)fflush(stdout);
	f->has_progress = true;
}

/* The steps of one that a primary has not lived through are lost; how it ended is not. */
static void hear_state(struct following *f, const struct reload_state *now)
{
	const char *why = now->state;
	char shown[TEXT_MAX];

	if (f->is_done)
		return;
	if (now->last_done == f->id) {
		note_end(f, "reloaded");
		why = "done";
	} else if (now->id > f->id) {
		why = "another reload took its place";
		finish(f, CLIENT_ROLLED_BACK);
	} else if (now->id < f->id && !now->has_next) {
		why = "it was not begun";
		finish(f, CLIENT_ROLLED_BACK);
	} else if (now->id == f->id) {
		note_end(f, strcmp(why, "done") == 0          ? "reloaded"
			    : strcmp(why, "rolled-back") == 0 ? "rolled_back"
							      : why);
	}
	if (!f->is_done || f->is_json)
		return;
	clear_progress(f);
	(void)escape_text(now->message, strlen(now->message), shown, sizeof(shown));
	(void)printf("%7.1f s  %s: %s\n", (double)(clock_ms() - f->began_ms) / 1000, why, shown);
}

static bool hear(struct following *f, json_t *reload)
{
	struct reload_state now = { 0 };
	const json_t *steps;

	if (json_unpack(reload, "{s:I, s:s, s:s, s?I, s:b, s:o}", "id", &now.id, "state",
			&now.state, "message", &now.message, "last_done", &now.last_done,
			"has_next", &now.has_next, "steps", &steps) < 0 ||
	    !json_is_array(steps) || !hear_steps(f, steps))
		return false;
	hear_state(f, &now);
	show_progress(f, reload);
	return true;
}

static bool ask(void *data)
{
	struct following *f = data;
	static const struct client_request request = { .method = "GET", .target = "/v1/reload" };
	struct client_reply reply = { 0 };
	int err = client_call(f->client, &request, &reply);

	if (err == -ENOENT) {
		/* The socket's file outlives every primary, and goes with the last one. */
		(void)fprintf(stderr, "%s: berth has ended, and the reload with it\n",
			      f->verb->who);
		finish(f, CLIENT_NO_PRIMARY);
	} else if (err == -ECONNREFUSED && f->was_refused) {
		/* The keeper has the socket open as long as it lives, and so has each primary. */
		clear_progress(f);
		(void)fprintf(stderr,
			      "%s: berth has died in the middle, and its keeper with it; workers "
			      "may run on: berth why PORT tells which\n",
			      f->verb->who);
		finish(f, CLIENT_NO_PRIMARY);
	} else if (client_is_absent(err) || err == -ETIMEDOUT) {
		/* One primary has gone, the other has not come yet. */
	} else if (client_has_failed(err, &reply)) {
		finish(f, client_complain(f->verb->who, err, &reply));
	} else if (!hear(f, reply.body)) {
		finish(f, client_complain(f->verb->who, -EPROTO, NULL));
	} else {
		f->heard_ms = clock_ms();
	}
	f->was_refused = err == -ECONNREFUSED;
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
		      "%s: reload %" JSON_INTEGER_FORMAT " is not done in time, and goes on; "
		      "berth ps tells how far it is\n",
		      f->verb->who, f->id);
	return CLIENT_DEADLINE;
}

/* --- all of it ----------------------------------------------------------------------- */

/* What becomes of it while another one runs. */
static const char *words_for(const char *answer)
{
	if (strcmp(answer, "joins") == 0)
		return "was asked for already, and has not begun: this is the same";
	if (strcmp(answer, "follows") == 0)
		return "follows the one before, of which only old workers are left to go";
	return "takes the place of the one that runs, which is undone first";
}

/* Consumes nothing. Returns CLIENT_DONE and the id, or the exit code. */
static enum client_exit begin(struct following *f, const char *target, const json_t *body)
{
	struct client_request request = { "POST", target, body };
	struct client_reply reply = { 0 };
	enum client_exit code = CLIENT_DONE;
	const char *answer = "begins";
	int err = client_call(f->client, &request, &reply);

	if (client_has_failed(err, &reply))
		code = client_complain(f->verb->who, err, &reply);
	else if (json_unpack(reply.body, "{s:I, s?s}", "reload", &f->id, "answer", &answer) < 0)
		code = client_complain(f->verb->who, -EPROTO, NULL);
	else if (f->verb == &undo_verb)
		f->is_back = strcmp(answer, "reloads") != 0;
	else if (strcmp(answer, "begins") != 0 && !f->is_json)
		(void)printf("reload %" JSON_INTEGER_FORMAT " %s\n", f->id, words_for(answer));
	if (!err && code == CLIENT_FAILED && client_has_failed(0, &reply))
		code = CLIENT_ROLLED_BACK; /* refused */
	json_decref(reply.body);
	return code;
}

static enum client_exit carry_out(const struct client_verb *verb,
				  const struct client_options *options, const char *target,
				  const json_t *body)
{
	struct following f = {
		.verb = verb,
		.is_json = options->is_json,
		.is_terminal = isatty(STDOUT_FILENO),
		.timeout_ms = options->has_timeout ? options->timeout_ms : 0,
	};
	char path[CONTROL_PATH_MAX];
	enum client_exit code = client_find(verb->who, options->name, path);
	int err;

	if (code != CLIENT_DONE)
		return code;
	err = client_new(path, &f.client);
	if (err)
		return client_complain(verb->who, err, NULL);
	code = begin(&f, target, body);
	if (code == CLIENT_DONE)
		code = follow(&f);
	(void)client_free(f.client);
	return print_check(verb->who) ? code : CLIENT_FAILED;
}

int reload_main(int argc, char **argv)
{
	struct client_options options;
	enum client_options_result result =
		client_options_parse(&reload_verb, argc, argv, &options);
	enum client_exit code;
	json_t *body;

	if (result != CLIENT_OPTIONS_OK)
		return client_options_exit(result);
	body = json_object();
	if (options.canary_percent)
		(void)json_object_set_new(body, "canary_percent",
					  json_integer((json_int_t)options.canary_percent));
	if (options.has_watch)
		(void)json_object_set_new(body, "watch_ms", json_integer(options.watch_ms));
	code = carry_out(&reload_verb, &options, "/v1/reload", body);
	json_decref(body);
	return code;
}

int undo_main(int argc, char **argv)
{
	struct client_options options;
	enum client_options_result result = client_options_parse(&undo_verb, argc, argv, &options);
	enum client_exit code;
	json_t *body;

	if (result != CLIENT_OPTIONS_OK)
		return client_options_exit(result);
	body = json_object();
	code = carry_out(&undo_verb, &options, "/v1/undo", body);
	json_decref(body);
	return code;
}
