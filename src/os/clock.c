/*
 * Reads the kernel's clocks. See clock.h.
 */
#include "os/clock.h"

#include <stdio.h>
#include <time.h>

int64_t clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static const char *text_of(const struct timespec *when, char *ret_text)
{
	struct tm utc;

	(void)gmtime_r(&when->tv_sec, &utc);
	(void)snprintf(ret_text, CLOCK_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ",
		       utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
		       utc.tm_sec, when->tv_nsec / 1000000);
	return ret_text;
}

const char *clock_wall_text(char ret_text[static CLOCK_TEXT_MAX])
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return text_of(&now, ret_text);
}

const char *clock_wall_text_of(int64_t ms, char ret_text[static CLOCK_TEXT_MAX])
{
	const int64_t ago_ms = clock_ms() - ms;
	struct timespec when;

	(void)clock_gettime(CLOCK_REALTIME, &when);
	when.tv_sec -= ago_ms / 1000;
	when.tv_nsec -= ago_ms % 1000 * 1000000;
	if (when.tv_nsec < 0) {
		when.tv_nsec += 1000000000;
		when.tv_sec--;
	}
	return text_of(&when, ret_text);
}

int64_t clock_wall_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *clock_wall_text_at(int64_t wall_ms, char ret_text[static CLOCK_TEXT_MAX])
{
	const struct timespec when = { wall_ms / 1000, wall_ms % 1000 * 1000000 };

	return text_of(&when, ret_text);
}
