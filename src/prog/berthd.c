/*
 * berthd: the primary. Its keeper starts it, with the command line of `berth run`.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/keeper_message.h"
#include "base/number.h"
#include "primary/primary.h"
#include "prog/api.h"
#include "prog/doctor.h"
#include "prog/run_options.h"

#define EXIT_USAGE 2

#define LINK_MAX    65535 /* of a descriptor's number */
#define STATE_PLACE 3     /* the number of the descriptor that --check-state reads */

static bool find_link(int *ret_fd)
{
	const char *text = getenv(KEEPER_CHANNEL_VARIABLE);
	uint64_t number;

	if (!text || !number_parse(text, strlen(text), LINK_MAX, &number))
		return false;
	*ret_fd = (int)number;
	/* What we start needn't know, and a berth under berth has a keeper of its own. */
	(void)unsetenv(KEEPER_CHANNEL_VARIABLE);
	return true;
}

int main(int argc, char **argv)
{
	struct app_config config;
	struct api api = { .primary = NULL };
	const struct primary_api calls = api_for_primary(&api);
	struct primary_start start = { .config = &config, .api = &calls, .argv = argv };
	int code;

	if (argc == 2 && strcmp(argv[1], "--check-state") == 0)
		return primary_check_state(STATE_PLACE);
	if (argc >= 2 && strcmp(argv[1], DOCTOR_OF_PRIMARY) == 0)
		return doctor_run(argc - 1, argv + 1);
	if (!find_link(&start.link_fd)) {
		(void)fprintf(stderr, "berthd: is started by berth's keeper: use `berth run`\n");
		return EXIT_USAGE;
	}
	if (run_options_parse(argc - 1, argv + 1, &config) != RUN_OPTIONS_OK)
		return EXIT_USAGE;
	code = primary_run(&start);
	app_config_done(&config);
	return code;
}
