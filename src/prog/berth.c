/*
 * berth: the command line.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "primary/primary.h"
#include "prog/run_options.h"
#include "prog/why.h"

#define EXIT_USAGE 2

struct verb {
	const char *name;
	int (*run)(int argc, char **argv); /* argv begins with the verb */
	const char *help;
};

static int run(int argc, char **argv)
{
	struct app_config config;
	int code;

	switch (run_options_parse(argc, argv, &config)) {
	case RUN_OPTIONS_HELP: return 0;
	case RUN_OPTIONS_WRONG: return EXIT_USAGE;
	case RUN_OPTIONS_FAILED: return PRIMARY_FAILED;
	case RUN_OPTIONS_OK: break;
	}
	code = primary_run(&config);
	app_config_done(&config);
	return code;
}

static const struct verb verbs[] = {
	{ "run", run, "run N copies of a server on one port" },
	{ "why", why_main, "who holds a port, and what would free it" },
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static int help(FILE *to, int code)
{
	(void)fprintf(to, "usage: berth VERB …\n\n");
	for (size_t i = 0; i < N_VERBS; i++)
		(void)fprintf(to, "  berth %-5s  %s\n", verbs[i].name, verbs[i].help);
	(void)fprintf(to, "\n`berth VERB --help` tells the rest, as does berth(1).\n");
	return code;
}

/* A descriptor of ours must never become 0, 1 or 2: workers' lines would go there. */
static bool fill_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}

int main(int argc, char **argv)
{
	if (!fill_standard_descriptors())
		return PRIMARY_FAILED;
	if (argc < 2)
		return help(stderr, EXIT_USAGE);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return help(stdout, 0);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
		(void)printf("berth %s\n", BERTH_VERSION);
		return 0;
	}
	for (size_t i = 0; i < N_VERBS; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	(void)fprintf(stderr, "berth: there is no verb %s\n\n", argv[1]);
	return help(stderr, EXIT_USAGE);
}
