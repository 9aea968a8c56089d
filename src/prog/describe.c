/*
 * `berth describe`: several questions to one primary, one answer. See describe.h.
 */
#include "prog/describe.h"

#include <errno.h>
#include <stdio.h>

#include "prog/client.h"
#include "prog/client_find.h"
#include "prog/client_options.h"
#include "prog/print_check.h"
#include "prog/ps_text.h"
#include "prog/words.h"

static const struct client_verb verb = {
	.who = "berth describe",
	.usage = "usage: berth describe [APP] [--json]\n"
		 "\n"
		 "Shows all that is known of an app: workers, ports, berths and their queues,\n"
		 "generations, reloads and upgrades, and the connections that hold who leaves.\n"
		 "\n"
		 "  --name NAME  the same as APP; default: the only one that runs\n"
		 "  --json       print one JSON object\n"
		 "  -h, --help   print this and end\n"
		 "\n"
		 "Exit codes: 0 shown, 7 nothing runs, 4 it is another user's, 2 usage, 1 failed,\n"
		 "124 no answer in time.\n",
	.has_json = true,
	.has_app = true,
};

/* Each answer's list has the name of its path. */
static const char *const lists[] = { "generations", "berths", "operations", "connections" };

#define N_LISTS (sizeof(lists) / sizeof(lists[0]))

static enum client_exit get(struct client *c, const char *target, json_t **ret_answer)
{
	const struct client_request request = { .method = "GET", .target = target };
	struct client_reply reply = { 0 };
	int err = client_call(c, &request, &reply);

	if (client_has_failed(err, &reply)) {
		enum client_exit code = client_complain(verb.who, err, &reply);

		json_decref(reply.body);
		return code;
	}
	*ret_answer = reply.body;
	return CLIENT_DONE;
}

/* Into one object: "app", and each of the lists. */
static enum client_exit ask_all(struct client *c, json_t *all)
{
	json_t *answer = NULL;
	enum client_exit code = get(c, "/v1/app", &answer);

	if (code == CLIENT_DONE)
		(void)json_object_set_new(all, "app", answer);
	for (size_t i = 0; i < N_LISTS && code == CLIENT_DONE; i++) {
		char target[32];

		(void)snprintf(target, sizeof(target), "/v1/%s", lists[i]);
		code = get(c, target, &answer);
		if (code != CLIENT_DONE)
			break;
		(void)json_object_set(all, lists[i], json_object_get(answer, lists[i]));
		if (json_object_get(answer, "total"))
			(void)json_object_set(all, "total", json_object_get(answer, "total"));
		json_decref(answer);
	}
	return code;
}

static void print_generations(const json_t *list)
{
	char state[WORDS_SHOWN_MAX];
	const json_t *each;
	size_t i;

	(void)printf("\n%-12s %-8s %8s %8s\n", "GENERATION", "STATE", "WORKERS", "SERVING");
	json_array_foreach(list, i, each)
	{
		(void)printf("%-12" JSON_INTEGER_FORMAT " %-8s %8" JSON_INTEGER_FORMAT
			     " %8" JSON_INTEGER_FORMAT "\n",
			     words_number(each, "number"),
			     words_shown(words_text(each, "state"), state),
			     words_number(each, "workers"), words_number(each, "serving"));
	}
}

static void print_operations(const json_t *list)
{
	char id[WORDS_SHOWN_MAX], state[WORDS_SHOWN_MAX], message[WORDS_SHOWN_MAX];
	const json_t *each;
	size_t i;

	if (json_array_size(list) > 0)
		(void)printf("\n%-14s %-12s %s\n", "OPERATION", "STATE", "WHAT CAME OF IT");
	json_array_foreach(list, i, each)
	{
		(void)printf("%-14s %-12s %s\n", words_shown(words_text(each, "id"), id),
			     words_shown(words_text(each, "state"), state),
			     words_shown(words_text(each, "message"), message));
	}
}

static bool print_all(json_t *all)
{
	if (!ps_text_print(json_object_get(all, "app"), stdout))
		return false;
	print_generations(json_object_get(all, "generations"));
	print_operations(json_object_get(all, "operations"));
	if (json_array_size(json_object_get(all, "connections")) == 0)
		return true;
	(void)fputc('\n', stdout);
	return ps_text_drain(all, stdout);
}

static enum client_exit describe(const char *path, bool is_json)
{
	struct client *c = NULL;
	json_t *all = json_object();
	enum client_exit code;
	int err = client_new(path, &c);

	code = err ? client_complain(verb.who, err, NULL) : ask_all(c, all);
	if (code == CLIENT_DONE && is_json)
		words_print_json(all);
	else if (code == CLIENT_DONE && !print_all(all))
		code = client_complain(verb.who, -EPROTO, NULL);
	json_decref(all);
	(void)client_free(c);
	return print_check(verb.who) ? code : CLIENT_FAILED;
}

int describe_main(int argc, char **argv)
{
	struct client_options options;
	enum client_options_result result = client_options_parse(&verb, argc, argv, &options);
	char path[CONTROL_PATH_MAX];
	enum client_exit code;

	if (result != CLIENT_OPTIONS_OK)
		return client_options_exit(result);
	code = client_find(verb.who, options.name, path);
	return code == CLIENT_DONE ? (int)describe(path, options.is_json) : (int)code;
}
