/*
 * Texts and numbers of answers, as people read them. See words.h.
 */
#include "prog/words.h"

#include <string.h>

#include "base/escape.h"

#define MS_PER_S  1000
#define S_PER_MIN 60
#define S_PER_H   3600
#define S_PER_DAY 86400

const char *words_shown(const char *text, char ret_shown[static WORDS_SHOWN_MAX])
{
	return escape_text(text ? text : "", text ? strlen(text) : 0, ret_shown, WORDS_SHOWN_MAX);
}

const char *words_time(json_int_t ms, char ret_text[static WORDS_TIME_MAX])
{
	static const struct {
		json_int_t below_s;
		json_int_t unit_s;
		const char *name;
	} units[] = {
		{ S_PER_MIN, 1, "s" },
		{ S_PER_H, S_PER_MIN, "min" },
		{ S_PER_DAY, S_PER_H, "h" },
		{ INT64_MAX, S_PER_DAY, "d" },
	};
	const json_int_t s = ms / MS_PER_S;
	size_t i = 0;

	while (s >= units[i].below_s)
		i++;
	(void)snprintf(ret_text, WORDS_TIME_MAX, "%" JSON_INTEGER_FORMAT " %s", s / units[i].unit_s,
		       units[i].name);
	return ret_text;
}

json_int_t words_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

const char *words_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

void words_print_json(const json_t *object)
{
	/* print_check() tells of an error */
	(void)json_dumpf(object, stdout, JSON_INDENT(2));
	(void)fputc('\n', stdout);
}
