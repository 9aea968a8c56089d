/*
 * berth: the command line.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "os/sibling.h"
#include "os/standard_fds.h"
#include "primary/primary.h"
#include "prog/describe.h"
#include "prog/doctor.h"
#include "prog/drain.h"
#include "prog/events.h"
#include "prog/kill.h"
#include "prog/print_check.h"
#include "prog/ps.h"
#include "prog/reload.h"
#include "prog/restart.h"
#include "prog/run_options.h"
#include "prog/scale.h"
#include "prog/start.h"
#include "prog/stop.h"
#include "prog/upgrade.h"
#include "prog/why.h"

#define EXIT_USAGE 2

struct verb {
	const char *name;
	int (*run)(int argc, char **argv); /* argv begins with the verb */
	const char *help;
};

/* Says where it was looked for, if it's in none of those places. */
static bool find_program(const char *name, char ret_path[static PATH_MAX])
{
	char places[4 * PATH_MAX];
	int r = sibling_path(name, ret_path, PATH_MAX);

	if (r == 0)
		return true;
	if (r == -ENOENT && sibling_places(name, places, sizeof(places)) == 0)
		(void)fprintf(stderr,
			      "berth: there is no %s, which berth cannot run without; looked for: "
			      "%s\n",
			      name, places);
	else
		(void)fprintf(stderr, "berth: cannot find %s: %s\n", name, strerror(-r));
	return false;
}

/*
 * This process becomes the keeper: it is what our user started, and what is to be
 * there until the end. The primary reads the command line again.
 */
static void become_keeper(int argc, char **argv)
{
	char keeper[PATH_MAX];
	char primary[PATH_MAX];
	own_free char **command = calloc((size_t)argc + 3, sizeof(*command));

	if (!find_program("berth-keeper", keeper) || !find_program("berthd", primary))
		return;
	if (!command) {
		(void)fputs("berth: no memory is left\n", stderr);
		return;
	}
	command[0] = keeper;
	command[1] = primary;
	memcpy(command + 2, argv, (size_t)argc * sizeof(*argv));
	(void)execv(keeper, command);
	(void)fprintf(stderr, "berth: cannot start %s: %s\n", keeper, strerror(errno));
}

static int run(int argc, char **argv)
{
	struct app_config config;

	switch (run_options_parse(argc, argv, &config)) {
	case RUN_OPTIONS_HELP: return 0;
	case RUN_OPTIONS_WRONG: return EXIT_USAGE;
	case RUN_OPTIONS_FAILED: return PRIMARY_FAILED;
	case RUN_OPTIONS_OK: break;
	}
	app_config_done(&config);
	become_keeper(argc, argv);
	return PRIMARY_FAILED;
}

static const struct verb verbs[] = {
	{ "run", run, "run N copies of a server on one port" },
	{ "ps", ps_main, "the workers and the ports of what runs" },
	{ "describe", describe_main, "all that is known of it" },
	{ "ports", ports_main, "its ports" },
	{ "events", events_main, "what has happened, and what happens" },
	{ "start", start_main, "whether it runs, and how to start it" },
	{ "stop", stop_main, "stop all of it" },
	{ "restart", restart_main, "stop workers, then start others: old before new" },
	{ "reload", reload_main, "replace the workers one by one: new before old" },
	{ "undo", undo_main, "back to the workers before the last reload" },
	{ "scale", scale_main, "run more workers, or fewer" },
	{ "drain", drain_main, "replace one worker, and let its clients finish" },
	{ "kill", kill_main, "send a worker a signal" },
	{ "upgrade", upgrade_main, "replace berth itself, under its workers" },
	{ "why", why_main, "who holds a port, and what would free it" },
	{ "doctor", doctor_main, "what this machine gives berth, and which limits bite" },
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static void print_help(FILE *to)
{
	(void)fprintf(to, "usage: berth VERB …\n\n");
	for (size_t i = 0; i < N_VERBS; i++)
		(void)fprintf(to, "  berth %-9s  %s\n", verbs[i].name, verbs[i].help);
	(void)fprintf(to, "\n  berth help [VERB]  this text, or what VERB does\n"
			  "  berth --version    which berth this is\n\n"
			  "berth(1) tells all of it.\n");
}

static int wrong_verb(const char *name)
{
	if (name)
		(void)fprintf(stderr, "berth: there is no verb %s\n\n", name);
	print_help(stderr);
	return EXIT_USAGE;
}

static int printed(void)
{
	return print_check("berth") ? PRIMARY_DONE : PRIMARY_FAILED;
}

static int help(void)
{
	print_help(stdout);
	return printed();
}

static int version(void)
{
	(void)printf("berth %s\n", BERTH_VERSION);
	return printed();
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < N_VERBS; i++)
		if (strcmp(name, verbs[i].name) == 0)
			return &verbs[i];
	return NULL;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

/* `berth help run` is `berth run --help`. */
static int help_about(char *name)
{
	char option[] = "--help";
	char *argv[] = { name, option, NULL };
	const struct verb *verb = find_verb(name);

	if (is_one_of(name, "help", "--help", "-h"))
		return help();
	return verb ? verb->run(2, argv) : wrong_verb(name);
}

int main(int argc, char **argv)
{
	const struct verb *verb;

	if (!standard_fds_fill())
		return PRIMARY_FAILED;
	if (argc < 2)
		return wrong_verb(NULL);
	if (is_one_of(argv[1], "help", "--help", "-h"))
		return argc > 2 ? help_about(argv[2]) : help();
	if (is_one_of(argv[1], "version", "--version", "-V"))
		return version();
	verb = find_verb(argv[1]);
	return verb ? verb->run(argc - 1, argv + 1) : wrong_verb(argv[1]);
}
