/*
 * The options that the verbs which ask a primary have in common.
 */
#ifndef BERTH_PROG_CLIENT_OPTIONS_H
#define BERTH_PROG_CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Which a verb has; all have --name and --help. */
struct client_verb {
	const char *who;   /* "berth ps" */
	const char *usage; /* what --help prints */
	bool has_json;
	bool has_binary;
	bool has_app;    /* the app may be a word, too */
	bool has_canary; /* --canary and --watch */
	bool has_timeout;
	bool has_drain;
	bool has_now;
	bool has_follow; /* --follow and --after */
	int n_words;     /* that stand beside the options */
	int n_words_max; /* where there may be more: up to so many */
};

struct client_options {
	const char *name;   /* of the app; NULL: the only one */
	const char *binary; /* NULL: not given */
	bool is_json;
	unsigned canary_percent; /* 0: not given */
	bool has_watch;
	uint32_t watch_ms;
	bool has_timeout;
	uint32_t timeout_ms;
	bool is_drain;
	bool is_now;
	bool is_following;
	uint64_t after;
	int n_words; /* at the end of argv */
};

enum client_options_result {
	CLIENT_OPTIONS_OK = 0,
	CLIENT_OPTIONS_HELP,   /* help is printed: exit with 0 */
	CLIENT_OPTIONS_WRONG,  /* exit with 2, the reason has been said */
	CLIENT_OPTIONS_FAILED, /* exit with 1, the reason has been said */
};

/*
 * client_options_parse - read the command line of a verb
 *
 * @argv:         from the verb on; its words come to stand at its end, in their order
 * @ret_options:  texts stay @argv's; written on CLIENT_OPTIONS_OK only
 *
 * Main thread only (getopt has one state for all).
 */
enum client_options_result client_options_parse(const struct client_verb *verb, int argc,
						char **argv, struct client_options *ret_options);

/*
 * client_options_slot - read "2" or "web.2"
 *
 * @word:  of the command line; is cut behind the app's name
 * @o:     gets that name, where it has none
 *
 * Returns whether it is a slot, and of that app; else the reason has been said.
 */
bool client_options_slot(const struct client_verb *verb, char *word, struct client_options *o,
			 unsigned *ret_slot);

/* The exit code for a result that is not CLIENT_OPTIONS_OK. */
int client_options_exit(enum client_options_result result);

#endif
