/*
 * `berth kill`: its command line, and its request to the primary. See kill.h.
 */
#include "prog/kill.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "prog/client.h"
#include "prog/client_options.h"
#include "prog/option_values.h"
#include "prog/print_check.h"

static const struct client_verb verb = {
	.who = "berth kill",
	.usage =
		"usage: berth kill [--name NAME] [--json] SLOT [SIGNAL]\n"
		"\n"
		"Sends the worker in a slot a signal, TERM where none is named: to the process "
		"that\n"
		"berth has started, not to its children. A worker that ends is replaced, as ever.\n"
		"\n"
		"  --name NAME  the app; default: the only one that runs\n"
		"  --json       print the answer as one JSON object\n"
		"  -h, --help   print this and end\n"
		"\n"
		"A SLOT is written 2, or web.2; a SIGNAL USR1, SIGUSR1 or 10. Exit codes: 0 sent,\n"
		"7 nothing runs, 4 not permitted, 2 usage, 1 failed, 124 no answer in time.\n",
	.has_json = true,
	.n_words = 1,
	.n_words_max = 2,
};

static enum client_exit print_answer(const json_t *answer, unsigned slot, int signal, bool is_json)
{
	const json_t *pid = json_object_get(answer, "pid");

	if (!json_is_integer(pid))
		return client_complain(verb.who, -EPROTO, NULL);
	if (is_json)
		(void)printf("{\"slot\": %u, \"pid\": %" JSON_INTEGER_FORMAT ", \"signal\": %d}\n",
			     slot, json_integer_value(pid), signal);
	else
		(void)printf("slot %u: signal %d is sent to pid %" JSON_INTEGER_FORMAT "\n", slot,
			     signal, json_integer_value(pid));
	return print_check(verb.who) ? CLIENT_DONE : CLIENT_FAILED;
}

static int send_signal(const struct client_options *options, unsigned slot, int signal)
{
	json_t *body = json_pack("{s:i, s:i}", "slot", (int)slot, "signal", signal);
	const struct client_request request = { "POST", "/v1/kill", body };
	json_t *answer = NULL;
	enum client_exit code = client_ask(verb.who, options->name, &request, &answer);

	json_decref(body);
	if (code == CLIENT_DONE)
		code = print_answer(answer, slot, signal, options->is_json);
	json_decref(answer);
	return code;
}

int kill_main(int argc, char **argv)
{
	struct client_options options;
	enum client_options_result result = client_options_parse(&verb, argc, argv, &options);
	int signal = SIGTERM;
	unsigned slot;

	if (result != CLIENT_OPTIONS_OK)
		return client_options_exit(result);
	if (!client_options_slot(&verb, argv[argc - options.n_words], &options, &slot))
		return CLIENT_USAGE;
	if (options.n_words == 2 && !option_signal(argv[argc - 1], &signal)) {
		(void)fprintf(stderr, "%s: there is no signal '%s'\n", verb.who, argv[argc - 1]);
		return CLIENT_USAGE;
	}
	return send_signal(&options, slot, signal);
}
