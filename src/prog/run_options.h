/*
 * The command line of `berth run`.
 */
#ifndef BERTH_PROG_RUN_OPTIONS_H
#define BERTH_PROG_RUN_OPTIONS_H

#include "core/app_config.h"

enum run_options_result {
	RUN_OPTIONS_OK = 0,
	RUN_OPTIONS_HELP,   /* help was asked for and is printed on stdout: exit with 0 */
	RUN_OPTIONS_WRONG,  /* the command line is wrong: exit with 2 */
	RUN_OPTIONS_FAILED, /* it may be right, but we cannot go on: exit with 1 */
};

/*
 * run_options_parse - read the command line of `berth run`
 *
 * @argc, @argv:  beginning with "run"
 * @ret_config:   what the user asked for, checked by app_check(), with all defaults
 *                filled in; app_config_done() frees it. Written on RUN_OPTIONS_OK only.
 *
 * What is wrong is said in one sentence on stderr. Reads WEB_CONCURRENCY where -n
 * is not given. Main thread only (getopt has one state for all).
 */
enum run_options_result run_options_parse(int argc, char **argv, struct app_config *ret_config);

/* For the files that read some of the options: says what is wrong, a sentence. RUN_OPTIONS_WRONG. */
enum run_options_result run_options_refuse(const char *text);

#endif
