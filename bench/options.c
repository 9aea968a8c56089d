/* What load can be asked to do. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define NS_PER_S          1000000000ULL
#define NS_PER_MS         1000000ULL
#define NS_PER_US         1000ULL
#define SPARE_FDS         32U
#define MAX_CLIENTS       60000U
#define DEFAULT_N_SOURCES 64U
#define MAX_SOURCES       60000.0
#define MAX_RATE_PER_S    1e6
#define MAX_SECONDS       86400.0

static const char usage_text[] =
	"usage: load [options] ADDRESS         PORT, 1.2.3.4:PORT, [::1]:PORT or unix:/path\n"
	"  --closed N         N connections under way at any time, one request each (default 64)\n"
	"  --open R           R requests a second, one connection each, timed from their turn\n"
	"  --keep-alive N     N connections, used again and again\n"
	"  --requests N       stop after N requests\n"
	"  --seconds S        stop after S seconds (default 5)\n"
	"  --think-ms MS      pause on a kept connection between requests\n"
	"  --timeout-ms MS    a request fails after this long (default 5000)\n"
	"  --sources N        come from N addresses if ADDRESS is in 127/8 (default 64, 0: no)\n"
	"  --path PATH        what to GET (default /)\n"
	"  --slow-us US       count what takes longer as slow\n"
	"  --per-second       say who answered in each second\n"
	"  --log-failures F   one line per failure: second, kind, own address, error, us\n"
	"Prints one JSON object. SIGINT and SIGTERM end the run early.\n";

__attribute__((noreturn)) static void complain(const char *about, const char *what)
{
	fprintf(stderr, "load: %s: %s\n%s", about, what, usage_text);
	exit(2);
}

static double number_of(const char *name, const char *text, double min, double max)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end)
		complain(name, "this needs a number");
	if (!(value >= min && value <= max))
		complain(name, "too small or too great");
	return value;
}

/* Every connection is a descriptor: take as many as this process may have. */
static unsigned most_clients(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return SPARE_FDS;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur > MAX_CLIENTS + SPARE_FDS)
		return MAX_CLIENTS;
	return limit.rlim_cur > SPARE_FDS ? (unsigned)limit.rlim_cur - SPARE_FDS : 1;
}

static FILE *open_log(const char *path)
{
	FILE *log = fopen(path, "we");

	if (!log)
		complain(path, strerror(errno));
	return log;
}

enum name {
	CLOSED,
	OPEN,
	KEEP_ALIVE,
	REQUESTS,
	SECONDS,
	THINK_MS,
	TIMEOUT_MS,
	SOURCES,
	PATH,
	SLOW_US,
	PER_SECOND,
	LOG_FAILURES,
	HELP
};

static const struct option names[] = {
	[CLOSED] = { "closed", required_argument, NULL, CLOSED },
	[OPEN] = { "open", required_argument, NULL, OPEN },
	[KEEP_ALIVE] = { "keep-alive", required_argument, NULL, KEEP_ALIVE },
	[REQUESTS] = { "requests", required_argument, NULL, REQUESTS },
	[SECONDS] = { "seconds", required_argument, NULL, SECONDS },
	[THINK_MS] = { "think-ms", required_argument, NULL, THINK_MS },
	[TIMEOUT_MS] = { "timeout-ms", required_argument, NULL, TIMEOUT_MS },
	[SOURCES] = { "sources", required_argument, NULL, SOURCES },
	[PATH] = { "path", required_argument, NULL, PATH },
	[SLOW_US] = { "slow-us", required_argument, NULL, SLOW_US },
	[PER_SECOND] = { "per-second", no_argument, NULL, PER_SECOND },
	[LOG_FAILURES] = { "log-failures", required_argument, NULL, LOG_FAILURES },
	[HELP] = { "help", no_argument, NULL, HELP },
	{ NULL, 0, NULL, 0 },
};

static uint64_t time_of(int name, const char *text, uint64_t unit_ns)
{
	double max = MAX_SECONDS * (double)NS_PER_S / (double)unit_ns;

	return (uint64_t)(number_of(names[name].name, text, 0, max) * (double)unit_ns);
}

static unsigned clients_of(int name, const char *text, unsigned max)
{
	return (unsigned)number_of(names[name].name, text, 1, max);
}

/* The options that say how the requests follow each other. */
static bool read_mode(int name, const char *text, unsigned max_clients, struct options *o)
{
	switch (name) {
	case CLOSED:
		o->mode = MODE_CLOSED;
		o->n_clients = clients_of(name, text, max_clients);
		return true;
	case OPEN:
		o->mode = MODE_OPEN;
		o->n_clients = max_clients;
		o->rate_per_s = number_of(names[name].name, text, 1e-3, MAX_RATE_PER_S);
		return true;
	case KEEP_ALIVE:
		o->mode = MODE_KEEP_ALIVE;
		o->n_clients = clients_of(name, text, max_clients);
		return true;
	default: return false;
	}
}

static bool read_time(int name, const char *text, struct options *o)
{
	switch (name) {
	case SECONDS: o->duration_ns = time_of(name, text, NS_PER_S); return true;
	case THINK_MS: o->think_ns = time_of(name, text, NS_PER_MS); return true;
	case TIMEOUT_MS: o->timeout_ns = time_of(name, text, NS_PER_MS); return true;
	case SLOW_US: o->slow_ns = time_of(name, text, NS_PER_US); return true;
	default: return false;
	}
}

static void read_other(int name, const char *text, unsigned *n_sources, struct options *o)
{
	switch (name) {
	case REQUESTS: o->n_requests = (uint64_t)number_of("requests", text, 1, 1e15); return;
	case SOURCES: *n_sources = (unsigned)number_of("sources", text, 0, MAX_SOURCES); return;
	case PATH: o->path = text; return;
	case PER_SECOND: o->by_second = true; return;
	case LOG_FAILURES: o->failure_log = open_log(text); return;
	case HELP: printf("%s", usage_text); exit(0);
	default: complain("arguments", "no such option, or its value is missing");
	}
}

void options_read(int argc, char **argv, struct options *ret_options)
{
	unsigned n_sources = DEFAULT_N_SOURCES, max_clients = most_clients();
	struct options o = {
		.n_clients = max_clients < 64 ? max_clients : 64,
		.timeout_ns = 5 * NS_PER_S,
		.slow_ns = UINT64_MAX,
		.path = "/",
	};
	int name;

	opterr = 0;
	while ((name = getopt_long(argc, argv, "", names, NULL)) != -1)
		if (!read_mode(name, optarg, max_clients, &o) && !read_time(name, optarg, &o))
			read_other(name, optarg, &n_sources, &o);
	if (optind != argc - 1)
		complain("arguments", "one address is needed");
	if (target_parse(argv[optind], n_sources, &o.target) < 0)
		complain(argv[optind], "not an address");
	if (o.n_requests == 0 && o.duration_ns == 0)
		o.duration_ns = 5 * NS_PER_S;
	*ret_options = o;
}
