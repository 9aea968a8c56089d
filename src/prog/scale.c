/*
 * `berth scale`: its command line, and its request to the primary. See scale.h.
 */
#include "prog/scale.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "core/app_config.h"
#include "prog/client.h"
#include "prog/client_options.h"
#include "prog/print_check.h"

static const struct client_verb verb = {
	.who = "berth scale",
	.usage = "usage: berth scale [--name NAME] [--json] N|+N|-N\n"
		 "\n"
		 "Runs N workers from now on, or N more, or N fewer.\n"
		 "\n"
		 "  --name NAME  the app; default: the only one that runs\n"
		 "  --json       print the answer as one JSON object\n"
		 "  -h, --help   print this and end\n"
		 "\n"
		 "Exit codes: 0 done, 7 nothing runs, 4 not permitted, 2 usage, 1 failed,\n"
		 "124 no answer in time.\n",
	.has_json = true,
	.n_words = 1,
};

/* "-2" is no option here. */
static bool is_fewer(const char *word)
{
	return word[0] == '-' && word[1] != '\0' &&
	       strspn(word + 1, "0123456789") == strlen(word + 1);
}

/* Takes "-N" out of the command line, where getopt() would take it for options. */
static const char *take_fewer(int *argc, char **argv)
{
	for (int i = 1; i < *argc; i++) {
		const char *word = argv[i];

		if (strcmp(word, "--name") == 0) {
			i++;
		} else if (is_fewer(word)) {
			memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof(*argv));
			--*argc;
			return word;
		}
	}
	return NULL;
}

/* Returns the request's body, or NULL for what is no number of workers. */
static json_t *read_amount(const char *word)
{
	bool is_change = word[0] == '+' || word[0] == '-';
	const char *digits = word + (is_change ? 1 : 0);
	uint64_t n;

	if (!number_parse(digits, strlen(digits), APP_WORKERS_MAX, &n) || n == 0) {
		(void)fprintf(stderr,
			      "%s: '%s' must be a number from 1 to %d, alone or after + or -\n",
			      verb.who, word, APP_WORKERS_MAX);
		return NULL;
	}
	return json_pack("{s:I}", is_change ? "change" : "workers",
			 word[0] == '-' ? -(json_int_t)n : (json_int_t)n);
}

static enum client_exit print_answer(const json_t *answer, bool is_json)
{
	const json_t *workers = json_object_get(answer, "workers");
	json_int_t n = json_integer_value(workers);

	if (!json_is_integer(workers))
		return client_complain(verb.who, -EPROTO, NULL);
	if (is_json)
		(void)printf("{\"workers\": %" JSON_INTEGER_FORMAT "}\n", n);
	else
		(void)printf("%" JSON_INTEGER_FORMAT " worker%s wanted\n", n,
			     n == 1 ? " is" : "s are");
	return print_check(verb.who) ? CLIENT_DONE : CLIENT_FAILED;
}

static int scale(const struct client_options *options, const char *word)
{
	struct client_request request = { .method = "POST", .target = "/v1/app/scale" };
	json_t *body = read_amount(word);
	json_t *answer = NULL;
	enum client_exit code;

	if (!body)
		return CLIENT_USAGE;
	request.body = body;
	code = client_ask(verb.who, options->name, &request, &answer);
	json_decref(body);
	if (code == CLIENT_DONE)
		code = print_answer(answer, options->is_json);
	json_decref(answer);
	return code;
}

int scale_main(int argc, char **argv)
{
	struct client_verb rest = verb;
	const char *fewer = take_fewer(&argc, argv);
	struct client_options options;
	enum client_options_result result;

	if (fewer)
		rest.n_words = 0;
	result = client_options_parse(&rest, argc, argv, &options);
	if (result != CLIENT_OPTIONS_OK)
		return client_options_exit(result);
	return scale(&options, fewer ? fewer : argv[argc - 1]);
}
