/*
 * `berth ps`: its command line, and its question to the primary. See ps.h.
 */
#include "prog/ps.h"

#include <errno.h>
#include <stdio.h>

#include "prog/client.h"
#include "prog/client_options.h"
#include "prog/print_check.h"
#include "prog/ps_text.h"

static const struct client_verb verb = {
	.who = "berth ps",
	.usage = "usage: berth ps [--name NAME] [--json]\n"
		 "\n"
		 "Shows an app that berth runs: its workers and its ports.\n"
		 "\n"
		 "  --name NAME  the app; default: the only one that runs\n"
		 "  --json       print one JSON object\n"
		 "  -h, --help   print this and end\n"
		 "\n"
		 "Exit codes: 0 shown, 7 nothing runs, 4 it is another user's, 2 usage, 1 failed,\n"
		 "124 no answer in time.\n",
	.has_json = true,
};

static void print_json(const json_t *app)
{
	/* print_check() tells of an error */
	(void)json_dumpf(app, stdout, JSON_INDENT(2));
	(void)fputc('\n', stdout);
}

int ps_main(int argc, char **argv)
{
	static const struct client_request request = { .method = "GET", .target = "/v1/app" };
	struct client_options options;
	enum client_options_result result = client_options_parse(&verb, argc, argv, &options);
	enum client_exit code;
	json_t *app = NULL;

	if (result != CLIENT_OPTIONS_OK)
		return client_options_exit(result);
	code = client_ask(verb.who, options.name, &request, &app);
	if (code != CLIENT_DONE)
		return code;
	if (options.is_json)
		print_json(app);
	else if (!ps_text_print(app, stdout))
		code = client_complain(verb.who, -EPROTO, NULL);
	json_decref(app);
	return print_check(verb.who) ? (int)code : CLIENT_FAILED;
}
