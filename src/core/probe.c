/*
 * Reads and prints probes. What is accepted has one meaning: a path is sent as it
 * stands, so it may hold only what a request line may; names of hosts are not
 * looked up, since only this host's own addresses make sense.
 */
#include "core/probe.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"

#define STATUS_LOWEST  100
#define STATUS_HIGHEST 599
#define STATUS_DIGITS  3

#define HOST_BYTES "0123456789abcdefABCDEF.:[]%" /* of a numeric address with its port */

/* Takes @prefix off the beginning of @text, if it is there. */
static bool skip(const char **text, const char *prefix)
{
	size_t size = strlen(prefix);

	if (strncmp(*text, prefix, size) != 0)
		return false;
	*text += size;
	return true;
}

static bool parse_port(const char *text, uint16_t *ret_port)
{
	uint64_t port;

	if (!number_parse(text, strlen(text), UINT16_MAX, &port) || port == 0)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

/* --- the status: "=204" or "=200-299" --- */

static bool parse_status(const char *text, uint16_t *ret_status)
{
	uint64_t status;

	if (!number_parse(text, STATUS_DIGITS, STATUS_HIGHEST, &status) || status < STATUS_LOWEST)
		return false;
	*ret_status = (uint16_t)status;
	return true;
}

/* @size: of what stands between '=' and ':' */
static bool parse_statuses(const char *text, size_t size, struct probe *p)
{
	bool is_range = size == 2 * STATUS_DIGITS + 1 && text[STATUS_DIGITS] == '-';

	if (size != STATUS_DIGITS && !is_range)
		return false;
	if (!parse_status(text, &p->status_min))
		return false;
	p->status_max = p->status_min;
	if (is_range && !parse_status(text + STATUS_DIGITS + 1, &p->status_max))
		return false;
	return p->status_min <= p->status_max;
}

/* --- where: "//HOST:PORT" --- */

static enum probe_error parse_host(const char *text, size_t size, struct probe *p)
{
	char copy[ADDR_TEXT_MAX] = "";
	const char *colon;
	struct addr a;

	if (size >= sizeof(copy))
		return PROBE_BAD_HOST;
	memcpy(copy, text, size);
	if (strspn(copy, HOST_BYTES) != size)
		return PROBE_BAD_HOST;
	/* In brackets stand the colons of an IPv6 address. */
	colon = strrchr(copy, ':');
	if (!colon || strchr(colon, ']'))
		return PROBE_NO_PORT;
	if (colon == copy)
		return parse_port(colon + 1, &p->port) ? PROBE_OK : PROBE_BAD_PORT;

	switch (addr_parse(copy, &a)) {
	case ADDR_OK: break;
	case ADDR_BAD_PORT: return PROBE_BAD_PORT;
	default: return PROBE_BAD_HOST;
	}
	if (addr_is_wildcard(&a))
		return PROBE_BAD_HOST;
	p->port = a.port;
	a.port = 0;
	p->host = a;
	return PROBE_OK;
}

/* --- what: path or command --- */

static enum probe_error set_what(const char *text, struct probe *p)
{
	size_t size = strlen(text);

	if (size >= sizeof(p->what))
		return PROBE_TOO_LONG;
	memcpy(p->what, text, size);
	return PROBE_OK;
}

/* Whether a path ends as "=204": meant is the status, which stands elsewhere. */
static bool has_status_behind(const char *path)
{
	const char *equals = strrchr(path, '=');
	uint16_t status;

	return equals && !strchr(path, '?') && strlen(equals + 1) == STATUS_DIGITS &&
	       parse_status(equals + 1, &status);
}

static enum probe_error parse_path(const char *path, struct probe *p)
{
	if (path[0] != '/')
		return PROBE_BAD_PATH;
	for (const char *c = path; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '#')
			return PROBE_BAD_PATH;
	if (has_status_behind(path))
		return PROBE_STATUS_BEHIND;
	return set_what(path, p);
}

/* @text: what follows "http", so ":..." or "=STATUS:..." */
static enum probe_error parse_http(const char *text, struct probe *p)
{
	enum probe_error e = PROBE_OK;

	p->kind = PROBE_HTTP;
	p->status_min = PROBE_STATUS_MIN;
	p->status_max = PROBE_STATUS_MAX;
	if (text[0] == '=') {
		size_t size = strcspn(++text, ":");

		if (!parse_statuses(text, size, p))
			return PROBE_BAD_STATUS;
		text += size;
	}
	if (!skip(&text, ":"))
		return PROBE_UNKNOWN_KIND;
	if (skip(&text, "//")) {
		size_t size = strcspn(text, "/");

		e = parse_host(text, size, p);
		text += size;
	}
	return e == PROBE_OK ? parse_path(text, p) : e;
}

static enum probe_error parse_command(const char *command, struct probe *p)
{
	size_t size = strlen(command);

	p->kind = PROBE_EXEC;
	if (strspn(command, " \t") == size)
		return PROBE_NO_COMMAND;
	for (size_t at = 0; at < size;) {
		size_t n = command[at] == '\t' ? 1 : utf8_printable(command + at, size - at);

		if (n == 0)
			return PROBE_BAD_COMMAND;
		at += n;
	}
	return set_what(command, p);
}

enum probe_error probe_parse(const char *text, struct probe *ret_probe)
{
	struct probe p;
	enum probe_error e = PROBE_OK;

	memset(&p, 0, sizeof(p)); /* the padding, too */
	if (strcmp(text, "tcp") == 0) {
		p.kind = PROBE_TCP;
	} else if (skip(&text, "tcp:")) {
		p.kind = PROBE_TCP;
		e = parse_port(text, &p.port) ? PROBE_OK : PROBE_BAD_PORT;
	} else if (skip(&text, "exec:")) {
		e = parse_command(text, &p);
	} else if (skip(&text, "http")) {
		e = parse_http(text, &p);
	} else {
		e = PROBE_UNKNOWN_KIND;
	}
	if (e == PROBE_OK)
		memcpy(ret_probe, &p, sizeof(p));
	return e;
}

static void print_http(const struct probe *p, char *ret_text, size_t size)
{
	char status[sizeof("=65535-65535")] = "";
	char where[ADDR_TEXT_MAX + 2] = "";
	char host[ADDR_TEXT_MAX];
	struct addr a = p->host;

	a.port = p->port;
	if (p->status_min == p->status_max)
		(void)snprintf(status, sizeof(status), "=%u", p->status_min);
	else if (p->status_min != PROBE_STATUS_MIN || p->status_max != PROBE_STATUS_MAX)
		(void)snprintf(status, sizeof(status), "=%u-%u", p->status_min, p->status_max);
	if (p->host.family != AF_UNSPEC)
		(void)snprintf(where, sizeof(where), "//%s", addr_text(&a, host));
	else if (p->port)
		(void)snprintf(where, sizeof(where), "//:%u", p->port);
	(void)snprintf(ret_text, size, "http%s:%s%s", status, where, p->what);
}

const char *probe_text(const struct probe *p, char ret_text[static PROBE_TEXT_MAX])
{
	switch (p->kind) {
	case PROBE_HTTP: print_http(p, ret_text, PROBE_TEXT_MAX); break;
	case PROBE_TCP:
		(void)snprintf(ret_text, PROBE_TEXT_MAX, p->port ? "tcp:%u" : "tcp", p->port);
		break;
	case PROBE_EXEC: (void)snprintf(ret_text, PROBE_TEXT_MAX, "exec:%s", p->what); break;
	case PROBE_NONE: ret_text[0] = '\0'; break;
	}
	return ret_text;
}

const char *probe_error_text(enum probe_error e)
{
	static const char *const texts[PROBE_ERRORS] = {
		[PROBE_OK] = "is a probe",
		[PROBE_UNKNOWN_KIND] = "is no probe: write http:/PATH, tcp, tcp:PORT or "
				       "exec:COMMAND",
		[PROBE_BAD_PORT] = "has a port that is no number from 1 to 65535",
		[PROBE_BAD_HOST] = "has a host that is no numeric address of this machine: write "
				   "http://127.0.0.1:PORT/PATH, or leave the host out",
		[PROBE_NO_PORT] = "has a host without a port: write http://HOST:PORT/PATH",
		[PROBE_BAD_STATUS] = "has a status that is none: write http=204:/PATH or "
				     "http=200-299:/PATH, with numbers from 100 to 599",
		[PROBE_STATUS_BEHIND] = "has the status at its end: write http=204:/PATH",
		[PROBE_BAD_PATH] = "has a path that does not begin with '/', or has a blank, a '#' "
				   "or another byte in it that must be written as %XX",
		[PROBE_NO_COMMAND] = "has no command: write exec:COMMAND",
		[PROBE_BAD_COMMAND] = "has a command with a byte in it that is no printable text",
		[PROBE_TOO_LONG] = "is longer than 1023 bytes",
	};

	return texts[e];
}

bool probe_needs_port(const struct probe *p)
{
	return (p->kind == PROBE_HTTP || p->kind == PROBE_TCP) && p->port == 0;
}

/* --- when --- */

static bool is_interval(uint32_t ms)
{
	return ms >= PROBE_INTERVAL_MIN_MS && ms <= PROBE_INTERVAL_MAX_MS;
}

enum probe_timing_error probe_timing_check(const struct probe_timing *t)
{
	if (!is_interval(t->interval_ms) || !is_interval(t->start_interval_ms))
		return PROBE_BAD_INTERVAL;
	if (t->timeout_ms < PROBE_TIMEOUT_MIN_MS || t->timeout_ms > PROBE_TIMEOUT_MAX_MS)
		return PROBE_BAD_TIMEOUT;
	if (t->n_failures < 1 || t->n_failures > PROBE_FAILURES_MAX)
		return PROBE_BAD_FAILURES;
	return PROBE_TIMING_OK;
}

const char *probe_timing_error_text(enum probe_timing_error e)
{
	static const char *const texts[PROBE_TIMING_ERRORS] = {
		[PROBE_TIMING_OK] = "is within the limits",
		[PROBE_BAD_INTERVAL] = "is no interval from 10ms to 60m",
		[PROBE_BAD_TIMEOUT] = "is no timeout from 10ms to 10m",
		[PROBE_BAD_FAILURES] = "is no number of failures from 1 to 1000",
	};

	return texts[e];
}

uint32_t probe_pause_ms(const struct probe_timing *t, bool is_starting)
{
	return is_starting && t->start_interval_ms < t->interval_ms ? t->start_interval_ms
								    : t->interval_ms;
}

bool probe_count(const struct probe_timing *t, bool has_passed, unsigned *n_failed)
{
	if (has_passed)
		*n_failed = 0;
	else if (*n_failed < t->n_failures)
		++*n_failed;
	return *n_failed >= t->n_failures;
}
