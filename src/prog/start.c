/*
 * Says whether the app runs, and starts nothing. See start.h.
 */
#include "prog/start.h"

#include <stdio.h>

#include "prog/client.h"
#include "prog/client_options.h"
#include "prog/print_check.h"
#include "prog/words.h"

static const struct client_verb verb = {
	.who = "berth start",
	.usage =
		"usage: berth start [APP] [--json]\n"
		"\n"
		"Says whether an app runs, and how to start one: that is `berth run`, which stays\n"
		"in the foreground, as systemd and containers expect it.\n"
		"\n"
		"  --name NAME  the same as APP; default: the only one that runs\n"
		"  --json       print the answer as one JSON object\n"
		"  -h, --help   print this and end\n"
		"\n"
		"Exit codes: 0 it runs, 7 it does not, 4 it is another user's, 2 usage, 1 failed,\n"
		"124 no answer in time.\n",
	.has_json = true,
	.has_app = true,
};

int start_main(int argc, char **argv)
{
	static const struct client_request request = { .method = "GET", .target = "/v1/app" };
	struct client_options options;
	enum client_options_result result = client_options_parse(&verb, argc, argv, &options);
	char shown[WORDS_SHOWN_MAX];
	json_t *app = NULL;
	enum client_exit code;

	if (result != CLIENT_OPTIONS_OK)
		return client_options_exit(result);
	code = client_ask(verb.who, options.name, &request, &app);
	if (code != CLIENT_DONE)
		return code;
	if (options.is_json)
		(void)printf("{\"running\": true}\n");
	else
		(void)printf("%s runs: see berth ps\n",
			     words_shown(words_text(app, "name"), shown));
	json_decref(app);
	return print_check(verb.who) ? CLIENT_DONE : CLIENT_FAILED;
}
