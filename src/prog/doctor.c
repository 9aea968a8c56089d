/*
 * `berth doctor`: its command line, what it asks, and its exit code. See doctor.h.
 *
 * What counts are the rights of berthd, whose file may have capabilities: so berth
 * becomes berthd to ask, as it becomes the keeper to run.
 */
#include "prog/doctor.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/own.h"
#include "os/machine.h"
#include "os/procfs.h"
#include "os/sibling.h"
#include "primary/holder.h"
#include "primary/holder_report.h"
#include "primary/tier.h"
#include "prog/doctor_json.h"
#include "prog/doctor_text.h"
#include "prog/print_check.h"
#include "prog/why.h"
#include "prog/why_words.h"

#define WHO       "berth doctor"
#define ASKED_MAX 512

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

static const char usage[] =
	"usage: berth doctor [--all] [--json] [ADDR...]\n"
	"\n"
	"Says what this machine, its kernel and this user give berth: which tier runs and why,\n"
	"which limits will bite, and what to do about each. With addresses, such as 8000 or\n"
	"127.0.0.1:8000, also whether berth can have them, now and the next time.\n"
	"\n"
	"  --all       what is well in full, too\n"
	"  --json      print one JSON object\n"
	"  -h, --help  print this and end\n"
	"\n"
	"Exit codes: 0 all is well, or well enough to run; 1 berth cannot do its work, or cannot\n"
	"have one of the addresses; 2 usage.\n";

struct options {
	bool is_help;
	bool is_all;
	bool is_json;
	char **addresses; /* in argv */
	size_t n_addresses;
};

/* @word: what was being read; @letter: 0 where it is a long option that nobody knows */
static bool wrong_option(const char *word, int letter)
{
	if (letter && word[1] == '-')
		(void)fprintf(stderr, WHO ": %.*s takes no value\n", (int)strcspn(word, "="), word);
	else if (letter)
		(void)fprintf(stderr, WHO ": there is no option -%c: see berth doctor --help\n",
			      letter);
	else
		(void)fprintf(stderr, WHO ": there is no option %s: see berth doctor --help\n",
			      word);
	return false;
}

static bool parse_options(int argc, char **argv, struct options *ret_options)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	*ret_options = (struct options){ 0 };
	opterr = 0;
	optind = 0; /* somebody else's options may have been read before */
	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (option == '?')
			return wrong_option(argv[optind - 1], optopt);
		ret_options->is_help |= option == 'h';
		ret_options->is_all |= option == 'a';
		ret_options->is_json |= option == 'j';
	}
	ret_options->addresses = argv + optind;
	ret_options->n_addresses = (size_t)(argc - optind);
	if (ret_options->n_addresses <= DOCTOR_PORTS_MAX)
		return true;
	(void)fprintf(stderr, WHO ": %zu addresses are too many: at most %d at a time\n",
		      ret_options->n_addresses, DOCTOR_PORTS_MAX);
	return false;
}

static bool parse_addresses(const struct options *options,
			    struct addr ret_wanted[static DOCTOR_PORTS_MAX])
{
	for (size_t i = 0; i < options->n_addresses; i++)
		if (!why_parse_address(WHO, options->addresses[i], &ret_wanted[i]))
			return false;
	return true;
}

/* Whether all that is in the way is berth's own; not where anything is of nobody known. */
static bool is_held_by_berth(const struct holder_report *r)
{
	for (size_t i = 0; i < r->search.n_sockets; i++) {
		size_t n;
		const struct holder_open *opens = holder_report_opens(r, i, &n);

		if (r->search.sockets[i].verdict.effect == HOLDERS_PASSES)
			continue;
		if (n == 0)
			return false;
		for (size_t k = 0; k < n; k++)
			if (opens[k].role != HOLDER_ROLE_BERTH &&
			    opens[k].role != HOLDER_ROLE_WORKER)
				return false;
	}
	return r->search.n_sockets > 0;
}

static int examine_port(const struct machine_info *m, const char *asked, const struct addr *wanted,
			struct doctor_report *report)
{
	char summary[WHY_TEXT_MAX], shown[ASKED_MAX];
	struct doctor_port port = {
		.addr = wanted,
		.asked = escape_text(asked, strlen(asked), shown, sizeof(shown)),
		.summary = summary,
	};
	struct holder_report holders;
	int err = holder_report_init(wanted, &holders);

	if (err)
		return err;
	(void)why_summary(&holders, summary);
	if (holders.outcome == HOLDERS_HELD)
		(void)holder_sentence(wanted, summary, sizeof(summary));
	port.outcome = holders.outcome;
	port.is_berths = holders.outcome == HOLDERS_HELD && is_held_by_berth(&holders);
	holder_report_done(&holders);
	doctor_examine_port(m, &port, report);
	return 0;
}

static bool may_colour(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
	       !(term && strcmp(term, "dumb") == 0);
}

/* Loads the steering program as `berth run` would, and lets it go again. */
static void try_tier(char text[static TIER_TEXT_MAX], struct doctor_tier *ret_tier)
{
	const struct app_config config = { .mode = MODE_AUTO };
	struct steer *steer = NULL;

	(void)tier_choose(&config, &steer, text); /* there is always one that runs */
	*ret_tier = (struct doctor_tier){
		.is_permitted = steer_is_permitted(),
		.is_steered = steer,
		.sees_queues = steer && steer_sees_queues(steer),
		.text = text,
	};
	(void)steer_free(steer);
}

static int print(const struct options *options, const struct machine_info *m,
		 const struct doctor_tier *tier, struct doctor_report *report)
{
	int err;

	doctor_sort(report);
	if (options->is_json)
		err = doctor_json_print(m, tier, report, stdout);
	else
		err = doctor_text_print(report, options->is_all, may_colour(), stdout);
	if (err == -ENOMEM)
		(void)fprintf(stderr, WHO ": no memory is left\n");
	if (!print_check(WHO) || err)
		return EXIT_FAILED;
	return doctor_worst(report) == DOCTOR_ERROR ? EXIT_FAILED : EXIT_DONE;
}

/* @exec_error: errno of becoming berthd, 0 where that was not tried or not needed */
static int examine(const struct options *options, int exec_error)
{
	own_free struct doctor_report *report = calloc(1, sizeof(*report));
	own_free struct machine_info *m = calloc(1, sizeof(*m));
	own_free struct addr *wanted = calloc(DOCTOR_PORTS_MAX, sizeof(*wanted));
	char text[TIER_TEXT_MAX];
	struct doctor_tier tier;

	if (!report || !m || !wanted) {
		(void)fprintf(stderr, WHO ": no memory is left\n");
		return EXIT_FAILED;
	}
	if (!parse_addresses(options, wanted))
		return EXIT_USAGE;
	machine_read(m);
	if (!m->primary_error)
		m->primary_error = exec_error;
	try_tier(text, &tier);
	doctor_examine_tier(m, &tier, report);
	doctor_examine(m, report);
	for (size_t i = 0; i < options->n_addresses; i++) {
		int err = examine_port(m, options->addresses[i], &wanted[i], report);

		if (err) {
			(void)fprintf(stderr, WHO ": cannot look for sockets and processes: %s\n",
				      strerror(-err));
			return EXIT_FAILED;
		}
	}
	return print(options, m, &tier, report);
}

int doctor_run(int argc, char **argv)
{
	struct options options;

	if (!parse_options(argc, argv, &options))
		return EXIT_USAGE;
	return examine(&options, 0);
}

/* Returns errno if there is no such program that could be executed. */
static int become_primary(int argc, char **argv)
{
	char path[PATH_MAX];
	char word[] = DOCTOR_OF_PRIMARY;
	own_free char **command = calloc((size_t)argc + 2, sizeof(*command));
	int r = sibling_path("berthd", path, sizeof(path));

	if (r < 0)
		return -r;
	if (!command)
		return ENOMEM;
	command[0] = path;
	command[1] = word;
	memcpy(command + 2, argv + 1, (size_t)argc * sizeof(*argv)); /* its NULL, too */
	(void)execv(path, command);
	return errno;
}

int doctor_main(int argc, char **argv)
{
	struct options options;

	if (!parse_options(argc, argv, &options))
		return EXIT_USAGE;
	if (options.is_help) {
		(void)fputs(usage, stdout);
		return print_check(WHO) ? EXIT_DONE : EXIT_FAILED;
	}
	return examine(&options, become_primary(argc, argv));
}
