/*
 * `berth why`: its command line and its exit code. See why.h.
 */
#include "prog/why.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "primary/holder_report.h"
#include "prog/print_check.h"
#include "prog/why_json.h"
#include "prog/why_text.h"

#define ADDRESS_MAX 256 /* longer than any address, with its NUL */

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_PERMITTED = 4,
	EXIT_HELD = 8,
};

static const char usage[] =
	"usage: berth why [--json] PORT|ADDR\n"
	"\n"
	"Says who holds or blocks a port, and what would have to change.\n"
	"\n"
	"  8000, 8000/udp             any address\n"
	"  127.0.0.1:8000, [::]:8000  this one\n"
	"  unix:/path, unix:@name     a Unix stream socket\n"
	"\n"
	"  --json                     print one JSON object\n"
	"  -h, --help                 print this and end\n"
	"\n"
	"Exit codes: 0 free, 8 held, 4 berth may not bind it, 2 usage, 1 failed.\n";

/* Takes "/tcp" or "/udp" off the end of an address that is no path. */
static uint16_t take_protocol(char *text)
{
	char *slash = strrchr(text, '/');

	if (!slash || strncmp(text, "unix:", strlen("unix:")) == 0)
		return IPPROTO_TCP;
	if (strcmp(slash, "/udp") != 0 && strcmp(slash, "/tcp") != 0)
		return IPPROTO_TCP;
	*slash = '\0';
	return slash[1] == 'u' ? IPPROTO_UDP : IPPROTO_TCP;
}

bool why_parse_address(const char *who, const char *text, struct addr *ret_wanted)
{
	char copy[ADDRESS_MAX];
	size_t size = strlen(text) + 1;
	enum addr_error err = ADDR_TOO_LONG;
	uint16_t protocol;

	if (size <= sizeof(copy)) {
		memcpy(copy, text, size);
		protocol = take_protocol(copy);
		err = addr_parse(copy, ret_wanted);
	}
	if (err != ADDR_OK) {
		(void)fprintf(stderr, "%s: %s %s\n", who, text, addr_error_text(err));
		return false;
	}
	if (ret_wanted->family != AF_UNIX)
		ret_wanted->protocol = protocol;
	return true;
}

static int exit_code(enum holders_outcome outcome)
{
	switch (outcome) {
	case HOLDERS_FREE: return EXIT_DONE;
	case HOLDERS_HELD:
	case HOLDERS_HELD_BY_UNKNOWN: return EXIT_HELD;
	case HOLDERS_NOT_PERMITTED: return EXIT_NOT_PERMITTED;
	case HOLDERS_UNUSABLE:
	case HOLDERS_CHANGED: break;
	}
	return EXIT_FAILED;
}

static int answer(const struct addr *wanted, bool is_json)
{
	struct holder_report report;
	int code;
	int err = holder_report_init(wanted, &report);

	if (err) {
		(void)fprintf(stderr, "berth why: cannot look for sockets and processes: %s\n",
			      err == -ENOENT ? "this kernel does not list its sockets "
					       "(CONFIG_INET_DIAG, CONFIG_UNIX_DIAG)"
					     : strerror(-err));
		return EXIT_FAILED;
	}
	code = exit_code(report.outcome);
	err = is_json ? why_json_print(&report, stdout) : why_text_print(&report, stdout);
	holder_report_done(&report);
	if (err == -ENOMEM) {
		(void)fprintf(stderr, "berth why: no memory is left\n");
		return EXIT_FAILED;
	}
	return print_check("berth why") ? code : EXIT_FAILED;
}

/* @word: what was being read; @letter: 0 where it is a long option that nobody knows */
static int wrong_option(const char *word, int letter)
{
	if (letter == 'j' || (letter == 'h' && word[1] == '-'))
		(void)fprintf(stderr, "berth why: %.*s takes no value\n", (int)strcspn(word, "="),
			      word);
	else if (letter)
		(void)fprintf(stderr, "berth why: there is no option -%c: see berth why --help\n",
			      letter);
	else
		(void)fprintf(stderr, "berth why: there is no option %s: see berth why --help\n",
			      word);
	return EXIT_USAGE;
}

static int wrong_addresses(int n, char *const *addresses)
{
	if (n == 0)
		(void)fprintf(stderr, "berth why: there is no port to look for: "
				      "write berth why PORT|ADDR\n");
	else
		(void)fprintf(stderr,
			      "berth why: one port at a time, not %s and %s: "
			      "write berth why PORT|ADDR\n",
			      addresses[0], addresses[1]);
	return EXIT_USAGE;
}

static int help(void)
{
	(void)fputs(usage, stdout);
	return print_check("berth why") ? EXIT_DONE : EXIT_FAILED;
}

int why_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct addr wanted;
	bool is_json = false;
	int option;

	opterr = 0;
	optind = 0; /* somebody else's options may have been read before */
	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (option == 'h')
			return help();
		if (option != 'j')
			return wrong_option(argv[optind - 1], optopt);
		is_json = true;
	}
	if (argc - optind != 1)
		return wrong_addresses(argc - optind, argv + optind);
	if (!why_parse_address("berth why", argv[optind], &wanted))
		return EXIT_USAGE;
	return answer(&wanted, is_json);
}
