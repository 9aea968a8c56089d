/*
 * Reads durations, signals and ports out of options.
 */
#include "prog/option_values.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"

/* What a timer can be armed with everywhere: a signed 32-bit number of milliseconds. */
#define DURATION_MAX_MS INT32_MAX
#define FRACTION_MAX    9 /* digits behind the point */

/* ".05" of a unit, in milliseconds. False if that is no whole number of them. */
static bool read_fraction(const char *digits, size_t n_digits, uint32_t unit_ms, uint32_t *ret_ms)
{
	uint64_t number = 0, whole = 1;

	if (n_digits == 0 || n_digits > FRACTION_MAX)
		return false;
	for (size_t i = 0; i < n_digits; i++) {
		number = 10 * number + (uint64_t)(digits[i] - '0');
		whole *= 10;
	}
	*ret_ms = (uint32_t)(number * unit_ms / whole);
	return number * unit_ms % whole == 0;
}

bool option_duration_ms(const char *text, uint32_t *ret_ms)
{
	static const struct {
		const char *name;
		uint32_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "", 1000 }, { "m", 60000 } };
	size_t n_digits = strspn(text, "0123456789");
	const char *point = text[n_digits] == '.' ? text + n_digits + 1 : NULL;
	size_t n_behind = point ? strspn(point, "0123456789") : 0;
	const char *name = point ? point + n_behind : text + n_digits;
	uint32_t fraction_ms = 0;
	uint64_t number;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(name, units[i].name) != 0)
			continue;
		if (!number_parse(text, n_digits, DURATION_MAX_MS / units[i].ms - !!point, &number))
			return false;
		if (point && !read_fraction(point, n_behind, units[i].ms, &fraction_ms))
			return false;
		*ret_ms = (uint32_t)number * units[i].ms + fraction_ms;
		return true;
	}
	return false;
}

bool option_signal(const char *text, int *ret_signal)
{
	uint64_t number;

	if (number_parse(text, strlen(text), (uint64_t)SIGRTMAX, &number) && number > 0) {
		*ret_signal = (int)number;
		return true;
	}
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int signal = 1; signal < NSIG; signal++) {
		const char *name = sigabbrev_np(signal);

		if (name && strcasecmp(name, text) == 0) {
			*ret_signal = signal;
			return true;
		}
	}
	return false;
}

bool option_port(const char *text, uint16_t *ret_port)
{
	uint64_t number;

	if (!number_parse(text, strlen(text), UINT16_MAX, &number) || number == 0)
		return false;
	*ret_port = (uint16_t)number;
	return true;
}
