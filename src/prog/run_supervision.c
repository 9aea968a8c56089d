/*
 * Sizes, times, numbers and lists of them, read strictly.
 */
#include "prog/run_supervision.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "prog/option_values.h"

#define SENTENCE_MAX    640
#define SIZE_MAX_BYTES  (1ULL << 60)
#define CONNECTIONS_MAX (1ULL << 60)
#define RESTARTS_MAX    1000000
#define DECIMAL         "0123456789"
#define UNIT_STEP_BITS  10

__attribute__((format(printf, 1, 2))) static enum run_options_result refuse(const char *format, ...)
{
	char text[SENTENCE_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return run_options_refuse(text);
}

/* "512M": K, M, G and T are powers of 1024. */
static bool read_size(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	const size_t n_digits = strspn(text, DECIMAL);
	const char *unit = text[n_digits] ? strchr(units, text[n_digits]) : NULL;
	const unsigned bits = unit ? (unsigned)(unit - units + 1) * UNIT_STEP_BITS : 0;
	uint64_t number;

	if (text[n_digits] && (!unit || text[n_digits + 1]))
		return false;
	if (!number_parse(text, n_digits, SIZE_MAX_BYTES >> bits, &number) || number == 0)
		return false;
	*ret_bytes = number << bits;
	return true;
}

enum run_options_result run_supervision_max_memory(struct app_config *c, const char *value)
{
	if (read_size(value, &c->recycle.memory_bytes))
		return RUN_OPTIONS_OK;
	return refuse("--max-memory '%s' must be a size such as 512M, 2G or 800K", value);
}

/* A time that isn't none at all. */
static bool read_time(const char *text, uint32_t *ret_ms)
{
	uint32_t ms;

	if (!option_duration_ms(text, &ms) || ms == 0)
		return false;
	*ret_ms = ms;
	return true;
}

enum run_options_result run_supervision_max_age(struct app_config *c, const char *value)
{
	uint32_t ms;

	if (!read_time(value, &ms))
		return refuse("--max-age '%s' must be a time such as 720m or 3600s", value);
	c->recycle.age_ms = ms;
	return RUN_OPTIONS_OK;
}

enum run_options_result run_supervision_max_connections(struct app_config *c, const char *value)
{
	uint64_t n;

	if (!number_parse(value, strlen(value), CONNECTIONS_MAX, &n) || n == 0)
		return refuse("--max-connections '%s' must be a number from 1 on", value);
	c->recycle.n_connections = n;
	return RUN_OPTIONS_OK;
}

enum run_options_result run_supervision_hang_timeout(struct app_config *c, const char *value)
{
	if (strcmp(value, "off") == 0)
		c->hang_timeout_ms = 0;
	else if (!read_time(value, &c->hang_timeout_ms))
		return refuse("--hang-timeout '%s' must be a time such as 60s or 2m, or off",
			      value);
	return RUN_OPTIONS_OK;
}

enum run_options_result run_supervision_max_restarts(struct app_config *c, const char *value)
{
	const size_t n_digits = strspn(value, DECIMAL);
	uint64_t n;

	if (!number_parse(value, n_digits, RESTARTS_MAX, &n) || n == 0 || value[n_digits] != '/' ||
	    !read_time(value + n_digits + 1, &c->restarts.window_ms))
		return refuse("--max-restarts '%s' must be a number and a time, such as 5/60s",
			      value);
	c->restarts.n_max = (unsigned)n;
	return RUN_OPTIONS_OK;
}

enum run_options_result run_supervision_stop_exit_codes(struct app_config *c, const char *value)
{
	const char *at = value;

	for (;;) {
		const size_t size = strcspn(at, ",");
		uint64_t code;

		if (!number_parse(at, size, RESTARTS_CODES - 1, &code))
			return refuse(
				"--stop-exit-codes '%s' must be numbers from 0 to %d, such as "
				"0,77",
				value, RESTARTS_CODES - 1);
		restarts_add_code(&c->restarts, (unsigned)code);
		if (!at[size])
			return RUN_OPTIONS_OK;
		at += size + 1;
	}
}
