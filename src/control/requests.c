/*
 * Reads the bodies of requests, strictly: what is not understood is refused, so that no
 * misspelt wish is taken for another one. See requests.h.
 */
#include "control/requests.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/app_config.h"

#define WATCH_MAX_MS 86400000 /* a day */

__attribute__((format(printf, 2, 3))) static bool wrong(char ret_text[static CONTROL_TEXT_MAX],
							const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(ret_text, CONTROL_TEXT_MAX, format, arguments);
	va_end(arguments);
	return false;
}

/* NULL, and a sentence, if it is no JSON object */
static json_t *load_object(struct span body, char ret_text[static CONTROL_TEXT_MAX])
{
	json_error_t error;
	json_t *object = json_loadb(body.at, body.size, JSON_REJECT_DUPLICATES, &error);

	if (json_is_object(object))
		return object;
	if (object)
		(void)wrong(ret_text, "The body is no JSON object.");
	else
		(void)wrong(ret_text, "The body is no JSON: line %d, column %d.", error.line,
			    error.column);
	json_decref(object);
	return NULL;
}

static bool read_scale(const json_t *object, struct control_scale *ret_scale,
		       char ret_text[static CONTROL_TEXT_MAX])
{
	const json_t *workers = json_object_get(object, "workers");
	const json_t *change = json_object_get(object, "change");
	const json_t *number = workers ? workers : change;
	json_int_t n = json_integer_value(number);

	if (!number || json_object_size(object) != 1)
		return wrong(ret_text, "The body must have either \"workers\" or \"change\", and "
				       "nothing else.");
	if (workers && (n < 1 || n > APP_WORKERS_MAX))
		return wrong(ret_text, "\"workers\" must be a number from 1 to %d.",
			     APP_WORKERS_MAX);
	if (change && (n == 0 || n < -APP_WORKERS_MAX || n > APP_WORKERS_MAX))
		return wrong(ret_text, "\"change\" must be a number from -%d to %d, and not 0.",
			     APP_WORKERS_MAX, APP_WORKERS_MAX);
	ret_scale->is_change = change != NULL;
	ret_scale->workers = (int)n;
	return true;
}

bool requests_read_scale(struct span body, struct control_scale *ret_scale,
			 char ret_text[static CONTROL_TEXT_MAX])
{
	json_t *object = load_object(body, ret_text);
	bool is_right = object && read_scale(object, ret_scale, ret_text);

	json_decref(object);
	return is_right;
}

/* Takes @name out of @object. False if it's there and no number from @min to @max. */
static bool take_number(json_t *object, const char *name, json_int_t min, json_int_t max,
			json_int_t *ret_number)
{
	const json_t *number = json_object_get(object, name);
	json_int_t n = json_integer_value(number);

	if (!number)
		return true;
	if (!json_is_integer(number) || n < min || n > max)
		return false;
	*ret_number = n;
	(void)json_object_del(object, name);
	return true;
}

static bool read_reload(json_t *object, struct control_reload *ret_reload,
			char ret_text[static CONTROL_TEXT_MAX])
{
	json_int_t canary = 0;
	json_int_t watch_ms = -1;

	if (!take_number(object, "canary_percent", 1, 99, &canary))
		return wrong(ret_text, "\"canary_percent\" must be a number from 1 to 99.");
	if (!take_number(object, "watch_ms", 0, WATCH_MAX_MS, &watch_ms))
		return wrong(ret_text, "\"watch_ms\" must be a number from 0 to %d.", WATCH_MAX_MS);
	if (json_object_size(object) != 0)
		return wrong(ret_text, "The body may have \"canary_percent\" and \"watch_ms\", "
				       "and nothing else.");
	if (canary && watch_ms == 0)
		return wrong(ret_text, "A canary must be watched for some time.");
	*ret_reload = (struct control_reload){
		.canary_percent = (unsigned)canary,
		.has_watch = watch_ms >= 0,
		.watch_ms = watch_ms >= 0 ? (uint32_t)watch_ms : 0,
	};
	return true;
}

bool requests_read_reload(struct span body, struct control_reload *ret_reload,
			  char ret_text[static CONTROL_TEXT_MAX])
{
	json_t *object = body.size ? load_object(body, ret_text) : json_object();
	bool is_right = object && read_reload(object, ret_reload, ret_text);

	json_decref(object);
	return is_right;
}

bool requests_read_nothing(struct span body, char ret_text[static CONTROL_TEXT_MAX])
{
	json_t *object = body.size ? load_object(body, ret_text) : json_object();
	bool is_right = object && json_object_size(object) == 0;

	if (object && !is_right)
		(void)wrong(ret_text, "The body must have nothing in it.");
	json_decref(object);
	return is_right;
}

static bool read_upgrade(const json_t *object, struct requests_upgrade *ret_upgrade,
			 char ret_text[static CONTROL_TEXT_MAX])
{
	const json_t *binary = json_object_get(object, "binary");
	const char *path = binary ? json_string_value(binary) : "";

	if (json_object_size(object) != (binary ? 1 : 0))
		return wrong(ret_text, "The body may have \"binary\", and nothing else.");
	/* jansson lets no NUL into a text unless it is asked to */
	if (!path || (binary && path[0] != '/'))
		return wrong(ret_text, "\"binary\" must be an absolute path.");
	if (strlen(path) >= sizeof(ret_upgrade->binary))
		return wrong(ret_text, "\"binary\" is longer than a path may be.");
	memcpy(ret_upgrade->binary, path, strlen(path) + 1);
	return true;
}

bool requests_read_upgrade(struct span body, struct requests_upgrade *ret_upgrade,
			   char ret_text[static CONTROL_TEXT_MAX])
{
	json_t *object = body.size ? load_object(body, ret_text) : json_object();
	bool is_right = object && read_upgrade(object, ret_upgrade, ret_text);

	json_decref(object);
	return is_right;
}
