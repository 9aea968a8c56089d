/*
 * Reads the options of the verbs that ask a primary. See client_options.h.
 */
#include "prog/client_options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "core/app_config.h"
#include "prog/client.h"
#include "prog/option_values.h"
#include "prog/print_check.h"

enum option_code {
	OPTION_HELP = 'h',
	OPTION_NAME = 256, /* no letter */
	OPTION_JSON,
	OPTION_BINARY,
	OPTION_CANARY,
	OPTION_WATCH,
	OPTION_TIMEOUT,
	OPTION_DRAIN,
	OPTION_NOW,
	OPTION_FOLLOW,
	OPTION_AFTER,
};

#define OPTIONS_MAX 8 /* with the one that ends the list */

static enum client_options_result help(const struct client_verb *verb)
{
	(void)fputs(verb->usage, stdout);
	return print_check(verb->who) ? CLIENT_OPTIONS_HELP : CLIENT_OPTIONS_FAILED;
}

/* @code: ':' or '?'; @option: what getopt_long() had found, or 0; @word: where */
static enum client_options_result wrong_option(const struct client_verb *verb, int code, int option,
					       const char *word)
{
	int size = (int)strcspn(word, "=");

	if (code == ':')
		(void)fprintf(stderr, "%s: %s needs a value\n", verb->who, word);
	else if (option >= OPTION_NAME || (option == OPTION_HELP && word[1] == '-'))
		(void)fprintf(stderr, "%s: %.*s takes no value\n", verb->who, size, word);
	else if (option)
		(void)fprintf(stderr, "%s: there is no option -%c: see %s --help\n", verb->who,
			      option, verb->who);
	else
		(void)fprintf(stderr, "%s: there is no option %s: see %s --help\n", verb->who, word,
			      verb->who);
	return CLIENT_OPTIONS_WRONG;
}

static void list_options(const struct client_verb *verb,
			 struct option ret_options[static OPTIONS_MAX])
{
	size_t n = 0;

	memset(ret_options, 0, OPTIONS_MAX * sizeof(*ret_options));
	ret_options[n++] = (struct option){ "name", required_argument, NULL, OPTION_NAME };
	ret_options[n++] = (struct option){ "help", no_argument, NULL, OPTION_HELP };
	if (verb->has_json)
		ret_options[n++] = (struct option){ "json", no_argument, NULL, OPTION_JSON };
	if (verb->has_binary)
		ret_options[n++] =
			(struct option){ "binary", required_argument, NULL, OPTION_BINARY };
	if (verb->has_canary) {
		ret_options[n++] =
			(struct option){ "canary", required_argument, NULL, OPTION_CANARY };
		ret_options[n++] =
			(struct option){ "watch", required_argument, NULL, OPTION_WATCH };
	}
	if (verb->has_timeout)
		ret_options[n++] =
			(struct option){ "timeout", required_argument, NULL, OPTION_TIMEOUT };
	if (verb->has_drain)
		ret_options[n++] = (struct option){ "drain", no_argument, NULL, OPTION_DRAIN };
	if (verb->has_now)
		ret_options[n++] = (struct option){ "now", no_argument, NULL, OPTION_NOW };
	if (verb->has_follow) {
		ret_options[n++] = (struct option){ "follow", no_argument, NULL, OPTION_FOLLOW };
		ret_options[n] = (struct option){ "after", required_argument, NULL, OPTION_AFTER };
	}
}

static enum client_options_result wrong_value(const struct client_verb *verb, const char *option,
					      const char *value, const char *must_be)
{
	(void)fprintf(stderr, "%s: %s '%s' must be %s\n", verb->who, option, value, must_be);
	return CLIENT_OPTIONS_WRONG;
}

/* "10%" or "10" */
static bool read_percent(const char *text, unsigned *ret_percent)
{
	size_t size = strlen(text);
	uint64_t n;

	if (size && text[size - 1] == '%')
		size--;
	if (!number_parse(text, size, 99, &n) || n == 0)
		return false;
	*ret_percent = (unsigned)n;
	return true;
}

/* One that has a value which may be wrong. */
static enum client_options_result set_value(const struct client_verb *verb, int code,
					    const char *value, struct client_options *o)
{
	static const char a_time[] = "a time such as 30s, 500ms or 2m";

	switch (code) {
	case OPTION_CANARY:
		if (!read_percent(value, &o->canary_percent))
			return wrong_value(verb, "--canary", value, "a share from 1% to 99%");
		break;
	case OPTION_WATCH:
		o->has_watch = true;
		if (!option_duration_ms(value, &o->watch_ms))
			return wrong_value(verb, "--watch", value, a_time);
		break;
	case OPTION_TIMEOUT:
		o->has_timeout = true;
		if (!option_duration_ms(value, &o->timeout_ms))
			return wrong_value(verb, "--timeout", value, a_time);
		break;
	case OPTION_AFTER:
		if (!number_parse(value, strlen(value), INT64_MAX, &o->after))
			return wrong_value(verb, "--after", value, "the number of an event");
		break;
	default: break;
	}
	return CLIENT_OPTIONS_OK;
}

/* One that has none. */
static void set_flag(int code, struct client_options *o)
{
	switch (code) {
	case OPTION_JSON: o->is_json = true; break;
	case OPTION_DRAIN: o->is_drain = true; break;
	case OPTION_NOW: o->is_now = true; break;
	case OPTION_FOLLOW: o->is_following = true; break;
	default: break;
	}
}

static enum client_options_result check_words(const struct client_verb *verb, int n_words)
{
	const int n_max = verb->n_words_max ? verb->n_words_max : verb->n_words;

	if (n_words >= verb->n_words && n_words <= n_max)
		return CLIENT_OPTIONS_OK;
	(void)fprintf(stderr, "%s: there %s: see %s --help\n", verb->who,
		      n_words > n_max ? "is a word too many" : "is something missing", verb->who);
	return CLIENT_OPTIONS_WRONG;
}

enum client_options_result client_options_parse(const struct client_verb *verb, int argc,
						char **argv, struct client_options *ret_options)
{
	struct option names[OPTIONS_MAX];
	struct client_options options = { 0 };
	enum client_options_result result;
	int code;

	list_options(verb, names);
	opterr = 0;
	optind = 0; /* somebody else's options may have been read before */
	while ((code = getopt_long(argc, argv, ":h", names, NULL)) >= 0) {
		switch (code) {
		case OPTION_HELP: return help(verb);
		case OPTION_NAME: options.name = optarg; break;
		case OPTION_BINARY: options.binary = optarg; break;
		case OPTION_JSON:
		case OPTION_DRAIN:
		case OPTION_NOW:
		case OPTION_FOLLOW: set_flag(code, &options); break;
		case OPTION_CANARY:
		case OPTION_WATCH:
		case OPTION_TIMEOUT:
		case OPTION_AFTER:
			result = set_value(verb, code, optarg, &options);
			if (result != CLIENT_OPTIONS_OK)
				return result;
			break;
		default: return wrong_option(verb, code, optopt, argv[optind - 1]);
		}
	}
	if (verb->has_app && !options.name && argc - optind == verb->n_words + 1)
		options.name = argv[optind++];
	options.n_words = argc - optind;
	result = check_words(verb, options.n_words);
	if (result == CLIENT_OPTIONS_OK)
		*ret_options = options;
	return result;
}

bool client_options_slot(const struct client_verb *verb, char *word, struct client_options *o,
			 unsigned *ret_slot)
{
	char *dot = strrchr(word, '.');
	const char *digits = dot ? dot + 1 : word;
	uint64_t slot;

	if (!number_parse(digits, strlen(digits), APP_WORKERS_MAX, &slot) || slot == 0) {
		(void)fprintf(stderr, "%s: '%s' must be a slot, such as 2 or web.2\n", verb->who,
			      word);
		return false;
	}
	if (dot) {
		*dot = '\0';
		if (o->name && strcmp(o->name, word) != 0) {
			(void)fprintf(stderr, "%s: %s and %s are two apps: name one\n", verb->who,
				      o->name, word);
			return false;
		}
		o->name = word;
	}
	*ret_slot = (unsigned)slot;
	return true;
}

int client_options_exit(enum client_options_result result)
{
	switch (result) {
	case CLIENT_OPTIONS_WRONG: return CLIENT_USAGE;
	case CLIENT_OPTIONS_FAILED: return CLIENT_FAILED;
	case CLIENT_OPTIONS_OK:
	case CLIENT_OPTIONS_HELP: break;
	}
	return CLIENT_DONE;
}
