/*
 * `berth ps`, `berth ports`: their command lines, and their questions to the primary. See ps.h.
 */
#include "prog/ps.h"

#include <errno.h>
#include <stdio.h>

#include "prog/client.h"
#include "prog/client_options.h"
#include "prog/ports_text.h"
#include "prog/print_check.h"
#include "prog/ps_text.h"
#include "prog/words.h"

#define COMMON_USAGE                                                                        \
	"  --name NAME  the same as APP; default: the only one that runs\n"                 \
	"  --json       print one JSON object\n"                                            \
	"  -h, --help   print this and end\n"                                               \
	"\n"                                                                                \
	"Exit codes: 0 shown, 7 nothing runs, 4 it is another user's, 2 usage, 1 failed,\n" \
	"124 no answer in time.\n"

static const struct client_verb ps_verb = {
	.who = "berth ps",
	.usage = "usage: berth ps [APP] [--drain] [--json]\n"
		 "\n"
		 "Shows an app that berth runs: its workers and its ports.\n"
		 "\n"
		 "  --drain      instead: the connections that hold workers which "
		 "leave\n" COMMON_USAGE,
	.has_json = true,
	.has_app = true,
	.has_drain = true,
};

static const struct client_verb ports_verb = {
	.who = "berth ports",
	.usage = "usage: berth ports [APP] [--json]\n"
		 "\n"
		 "Shows the ports of an app, and what each worker was given at them.\n"
		 "\n" COMMON_USAGE,
	.has_json = true,
	.has_app = true,
};

static bool print_all(json_t *answer)
{
	return ps_text_print(answer, stdout);
}

static bool print_ports(json_t *answer)
{
	return ports_text_print(answer, stdout);
}

static bool print_drain(json_t *answer)
{
	return ps_text_drain(answer, stdout);
}

static int show(const struct client_verb *verb, const struct client_options *options,
		const char *target, bool (*print)(json_t *answer))
{
	const struct client_request request = { .method = "GET", .target = target };
	enum client_exit code;
	json_t *answer = NULL;

	code = client_ask(verb->who, options->name, &request, &answer);
	if (code != CLIENT_DONE)
		return code;
	if (options->is_json)
		words_print_json(answer);
	else if (!print(answer))
		code = client_complain(verb->who, -EPROTO, NULL);
	json_decref(answer);
	return print_check(verb->who) ? (int)code : CLIENT_FAILED;
}

int ps_main(int argc, char **argv)
{
	struct client_options options;
	enum client_options_result result = client_options_parse(&ps_verb, argc, argv, &options);

	if (result != CLIENT_OPTIONS_OK)
		return client_options_exit(result);
	return options.is_drain ? show(&ps_verb, &options, "/v1/connections", print_drain)
				: show(&ps_verb, &options, "/v1/app", print_all);
}

int ports_main(int argc, char **argv)
{
	struct client_options options;
	enum client_options_result result = client_options_parse(&ports_verb, argc, argv, &options);

	if (result != CLIENT_OPTIONS_OK)
		return client_options_exit(result);
	return show(&ports_verb, &options, "/v1/ports", print_ports);
}
