/*
 * Prints events as they come, also over the moments in which one primary follows another:
 * the numbers go on there. See events.h.
 */
#include "prog/events.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "os/clock.h"
#include "prog/client.h"
#include "prog/client_find.h"
#include "prog/client_options.h"
#include "prog/client_watch.h"
#include "prog/print_check.h"
#include "prog/words.h"

#define TARGET_MAX 64
#define TEXT_MAX   4096

static const struct client_verb verb = {
	.who = "berth events",
	.usage =
		"usage: berth events [APP] [--follow] [--after NUMBER] [--json]\n"
		"\n"
		"Shows what has happened: the last events that are kept, with who asked for what.\n"
		"\n"
		"  --follow       and what happens, as it happens, until berth ends\n"
		"  --after NUMBER only what came after the event with this number\n"
		"  --name NAME    the same as APP; default: the only one that runs\n"
		"  --json         print each event as one JSON object\n"
		"  -h, --help     print this and end\n"
		"\n"
		"Exit codes: 0 shown, 7 nothing runs, or no more, 4 it is another user's, 2 "
		"usage,\n"
		"1 failed, 124 no answer in time.\n",
	.has_json = true,
	.has_app = true,
	.has_follow = true,
};

struct following {
	struct client *client;
	bool is_json;
	bool is_wrong; /* what came is no event */
	uint64_t after;
	int64_t heard_ms;
	int err; /* of the last call */
	enum client_exit code;
};

static void print_text(const json_t *event)
{
	const json_t *worker = json_object_get(event, "worker");
	const json_t *asker = json_object_get(event, "asked_by");
	char at[WORDS_SHOWN_MAX], level[WORDS_SHOWN_MAX], name[WORDS_SHOWN_MAX];
	char app[WORDS_SHOWN_MAX], text[TEXT_MAX];
	const char *said = words_text(event, "text");

	(void)escape_text(said, strlen(said), text, sizeof(text));
	(void)printf("%6" JSON_INTEGER_FORMAT "  %s  %-7s %-18s ", words_number(event, "number"),
		     words_shown(words_text(event, "at"), at),
		     words_shown(words_text(event, "level"), level),
		     words_shown(words_text(event, "event"), name));
	if (worker)
		(void)printf("%s.%" JSON_INTEGER_FORMAT " (pid %" JSON_INTEGER_FORMAT ") ",
			     words_shown(words_text(worker, "app"), app),
			     words_number(worker, "slot"), words_number(worker, "pid"));
	(void)printf("%s", text);
	if (asker && strcmp(words_text(event, "event"), "asked") != 0) /* which says so itself */
		(void)printf(" [user %" JSON_INTEGER_FORMAT ", pid %" JSON_INTEGER_FORMAT "]",
			     words_number(asker, "uid"), words_number(asker, "pid"));
	(void)fputc('\n', stdout);
}

static void print_event(const struct following *f, const json_t *event)
{
	if (f->is_json) {
		(void)json_dumpf(event, stdout, JSON_COMPACT);
		(void)fputc('\n', stdout);
	} else if (json_object_get(event, "number")) {
		print_text(event);
	} else {
		(void)printf("        %" JSON_INTEGER_FORMAT " events in between are not kept\n",
			     words_number(event, "lost"));
	}
}

/* --- all that there is --------------------------------------------------------------- */

static enum client_exit show(const struct client_options *options)
{
	struct following f = { .is_json = options->is_json };
	char target[TARGET_MAX];
	const struct client_request request = { .method = "GET", .target = target };
	json_t *answer = NULL, *event;
	enum client_exit code;
	size_t i;

	(void)snprintf(target, sizeof(target), "/v1/events?after=%" PRIu64, options->after);
	code = client_ask(verb.who, options->name, &request, &answer);
	if (code != CLIENT_DONE)
		return code;
	if (!json_is_array(json_object_get(answer, "events")))
		code = client_complain(verb.who, -EPROTO, NULL);
	json_array_foreach(json_object_get(answer, "events"), i, event)
	{
		print_event(&f, event);
	}
	json_decref(answer);
	return print_check(verb.who) ? code : CLIENT_FAILED;
}

/* --- all that comes ------------------------------------------------------------------ */

static bool on_line(void *data, const char *line, size_t size)
{
	struct following *f = data;
	json_t *event = size ? json_loadb(line, size, 0, NULL) : NULL;

	f->heard_ms = clock_ms();
	if (size == 0)
		return true;
	if (!json_is_object(event)) {
		json_decref(event);
		f->is_wrong = true;
		return false;
	}
	if (json_object_get(event, "number"))
		f->after = (uint64_t)words_number(event, "number");
	print_event(f, event);
	json_decref(event);
	if (fflush(stdout) != 0)
		return false;
	f->heard_ms = clock_ms(); /* a slow reader of ours is not the primary's silence */
	return true;
}

/* Until nobody answers there. */
static bool has_ended(void *data)
{
	struct following *f = data;
	char target[TARGET_MAX];
	struct client_reply reply = { 0 };
	int err;

	(void)snprintf(target, sizeof(target), "/v1/events?follow=1&after=%" PRIu64, f->after);
	err = client_follow(f->client, target, on_line, f, &reply);
	if (err == 0 || f->is_wrong) {
		f->code = reply.body || f->is_wrong
				  ? client_complain(verb.who, f->is_wrong ? -EPROTO : 0, &reply)
				  : CLIENT_FAILED;
		json_decref(reply.body);
		return true;
	}
	if (err == -ENOENT || err == -ECONNREFUSED) {
		(void)fprintf(stderr, "%s: berth has ended\n", verb.who);
		f->code = CLIENT_NO_PRIMARY;
		return true;
	}
	/* One primary has gone, and the next one has not come yet. */
	f->err = err;
	if (client_is_absent(err) || err == -ETIMEDOUT)
		return false;
	f->code = client_complain(verb.who, err, NULL);
	return true;
}

static enum client_exit follow(const struct client_options *options)
{
	struct following f = { .is_json = options->is_json, .after = options->after };
	const struct client_watch watch = { has_ended, &f, &f.heard_ms, 0 };
	char path[CONTROL_PATH_MAX];
	enum client_exit code = client_find(verb.who, options->name, path);
	int err;

	if (code != CLIENT_DONE)
		return code;
	err = client_new(path, &f.client);
	if (err)
		return client_complain(verb.who, err, NULL);
	code = client_watch(&watch) ? f.code : client_complain(verb.who, f.err, NULL);
	(void)client_free(f.client);
	return print_check(verb.who) ? code : CLIENT_FAILED;
}

int events_main(int argc, char **argv)
{
	struct client_options options;
	enum client_options_result result = client_options_parse(&verb, argc, argv, &options);

	if (result != CLIENT_OPTIONS_OK)
		return client_options_exit(result);
	return options.is_following ? (int)follow(&options) : (int)show(&options);
}
