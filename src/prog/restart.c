/*
 * Asks for it, then looks until every slot has a worker that is ready, and that was
 * started since. Any primary can tell that, also a later one. See restart.h.
 */
#include "prog/restart.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/app_config.h"
#include "os/clock.h"
#include "prog/client.h"
#include "prog/client_find.h"
#include "prog/client_options.h"
#include "prog/client_watch.h"
#include "prog/print_check.h"
#include "prog/words.h"

#define READY_MAX_MS 120000 /* where --timeout doesn't say */

static const struct client_verb verb = {
	.who = "berth restart",
	.usage = "usage: berth restart [--name NAME] [--timeout TIME] [--json] [SLOT...]\n"
		 "\n"
		 "Stops the workers, or those in the slots named, and starts others in their "
		 "places.\n"
		 "restart is old before new: the port stays claimed and clients wait meanwhile;\n"
		 "reload is new before old, one by one, and undone if the new ones fail.\n"
		 "\n"
		 "  --name NAME    the app; default: the only one that runs\n"
		 "  --timeout TIME end with 124 when it takes longer; it goes on; default: 2m\n"
		 "  --json         print each step as one JSON object\n"
		 "  -h, --help     print this and end\n"
		 "\n"
		 "A SLOT is written 2, or web.2. Exit codes: 0 done, 7 nothing runs, 4 not "
		 "permitted,\n"
		 "2 usage, 1 failed or refused, 124 not done in time.\n",
	.has_json = true,
	.has_timeout = true,
	.n_words_max = APP_WORKERS_MAX,
};

struct following {
	struct client *client;
	bool is_json;
	bool is_all;
	bool is_named[APP_WORKERS_MAX];
	bool is_done[APP_WORKERS_MAX];
	json_int_t after_run;
	enum client_exit code;
	int64_t began_ms;
	int64_t heard_ms;
	int64_t timeout_ms;
};

/* --- one look ------------------------------------------------------------------------ */

static void print_done(const struct following *f, json_int_t slot, json_int_t pid)
{
	const json_int_t ms = clock_ms() - f->began_ms;

	if (f->is_json)
		(void)printf("{\"slot\": %" JSON_INTEGER_FORMAT ", \"pid\": %" JSON_INTEGER_FORMAT
			     ", \"after_ms\": %" JSON_INTEGER_FORMAT "}\n",
			     slot, pid, ms);
	else
		(void)printf("%7.1f s  slot %" JSON_INTEGER_FORMAT ": pid %" JSON_INTEGER_FORMAT
			     " is ready\n",
			     (double)ms / 1000, slot, pid);
	(void)fflush(stdout);
}

enum look {
	LOOK_DONE,
	LOOK_OPEN,
	LOOK_FAILED,
};

/* One worker of the slot; a slot may have others, which leave. */
static enum look look_at(struct following *f, const json_t *worker)
{
	const json_int_t slot = words_number(worker, "slot");

	if (slot < 1 || slot > APP_WORKERS_MAX || strcmp(words_text(worker, "role"), "member") != 0)
		return LOOK_DONE;
	if ((!f->is_all && !f->is_named[slot - 1]) || f->is_done[slot - 1])
		return LOOK_DONE;
	if (words_number(worker, "run") > f->after_run &&
	    strcmp(words_text(worker, "state"), "ready") == 0) {
		f->is_done[slot - 1] = true;
		print_done(f, slot, words_number(worker, "pid"));
		return LOOK_DONE;
	}
	/* The old one, which leaves, may have died before; of the new one that is the end. */
	if (words_number(worker, "restarts") > 0 &&
	    (words_number(worker, "run") == 0 || words_number(worker, "run") > f->after_run)) {
		(void)fprintf(stderr,
			      "%s: the new worker of slot %" JSON_INTEGER_FORMAT
			      " has ended, and is tried again; what it said is in berth's output\n",
			      verb.who, slot);
		return LOOK_FAILED;
	}
	return LOOK_OPEN;
}

/* A slot may be empty for a moment: that nobody is seen in it is no end. */
static bool are_done(const struct following *f, json_int_t n_slots)
{
	for (int slot = 1; slot <= n_slots && slot <= APP_WORKERS_MAX; slot++)
		if ((f->is_all || f->is_named[slot - 1]) && !f->is_done[slot - 1])
			return false;
	return n_slots > 0;
}

static enum look look(struct following *f, const json_t *app)
{
	const json_t *workers = json_object_get(app, "slots");
	const json_t *worker;
	size_t i;

	json_array_foreach(workers, i, worker)
	{
		if (look_at(f, worker) == LOOK_FAILED)
			return LOOK_FAILED;
	}
	return are_done(f, words_number(app, "workers")) ? LOOK_DONE : LOOK_OPEN;
}

static bool ask(void *data)
{
	struct following *f = data;
	static const struct client_request request = { .method = "GET", .target = "/v1/app" };
	struct client_reply reply = { 0 };
	int err = client_call(f->client, &request, &reply);
	enum look found = LOOK_OPEN;

	if (client_is_absent(err) || err == -ETIMEDOUT)
		return false; /* one primary has gone, the other has not come yet */
	if (client_has_failed(err, &reply)) {
		f->code = client_complain(verb.who, err, &reply);
		json_decref(reply.body);
		return true;
	}
	f->heard_ms = clock_ms();
	found = look(f, reply.body);
	json_decref(reply.body);
	f->code = found == LOOK_DONE ? CLIENT_DONE : CLIENT_FAILED;
	return found != LOOK_OPEN;
}

static enum client_exit follow(struct following *f)
{
	const struct client_watch watch = { ask, f, &f->heard_ms, f->timeout_ms };

	f->began_ms = clock_ms();
	if (client_watch(&watch))
		return f->code;
	(void)fprintf(stderr,
		      "%s: it is not done in time, and goes on; berth ps tells how far it is\n",
		      verb.who);
	return CLIENT_DEADLINE;
}

/* --- all of it ----------------------------------------------------------------------- */

static json_t *body_of(const struct following *f)
{
	json_t *body = json_object();
	json_t *slots = f->is_all ? NULL : json_array();

	for (int slot = 1; slots && slot <= APP_WORKERS_MAX; slot++)
		if (f->is_named[slot - 1])
			(void)json_array_append_new(slots, json_integer(slot));
	if (slots)
		(void)json_object_set_new(body, "slots", slots);
	return body;
}

static enum client_exit begin(struct following *f)
{
	json_t *body = body_of(f);
	struct client_request request = { "POST", "/v1/restart", body };
	struct client_reply reply = { 0 };
	enum client_exit code = CLIENT_DONE;
	int err = client_call(f->client, &request, &reply);

	if (client_has_failed(err, &reply))
		code = client_complain(verb.who, err, &reply);
	else if (json_unpack(reply.body, "{s:I}", "after_run", &f->after_run) < 0)
		code = client_complain(verb.who, -EPROTO, NULL);
	json_decref(reply.body);
	json_decref(body);
	return code;
}

static enum client_exit restart(struct following *f, const char *name)
{
	char path[CONTROL_PATH_MAX];
	enum client_exit code = client_find(verb.who, name, path);
	int err;

	if (code != CLIENT_DONE)
		return code;
	err = client_new(path, &f->client);
	if (err)
		return client_complain(verb.who, err, NULL);
	code = begin(f);
	if (code == CLIENT_DONE)
		code = follow(f);
	f->client = client_free(f->client);
	return print_check(verb.who) ? code : CLIENT_FAILED;
}

int restart_main(int argc, char **argv)
{
	struct following f = { 0 };
	struct client_options options;
	enum client_options_result result = client_options_parse(&verb, argc, argv, &options);

	if (result != CLIENT_OPTIONS_OK)
		return client_options_exit(result);
	f.is_json = options.is_json;
	f.is_all = options.n_words == 0;
	f.timeout_ms = options.has_timeout ? options.timeout_ms : READY_MAX_MS;
	for (int i = argc - options.n_words; i < argc; i++) {
		unsigned slot;

		if (!client_options_slot(&verb, argv[i], &options, &slot))
			return CLIENT_USAGE;
		f.is_named[slot - 1] = true;
	}
	return restart(&f, options.name);
}
