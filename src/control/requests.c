/*
 * Reads the bodies of requests, strictly: what is not understood is refused, so that no
 * misspelt wish is taken for another one. See requests.h.
 */
#include "control/requests.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "core/app_config.h"

#define WATCH_MAX_MS    86400000 /* a day */
#define SIGNALS_OF_LIBC 32       /* the first one; SIGRTMIN follows the last */

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

/* Once for each name: the second one would say something else, or nothing. */
static bool read_argument(const char *name, const char *value, bool *has,
			  struct requests_events *events, char ret_text[static CONTROL_TEXT_MAX])
{
	const bool is_after = strcmp(name, "after") == 0;
	uint64_t n;

	if (!is_after && strcmp(name, "follow") != 0)
		return wrong(ret_text, "The query may have \"after\" and \"follow\", and "
				       "nothing else.");
	if (has[is_after])
		return wrong(ret_text, "The query has \"%s\" twice.",
			     is_after ? "after" : "follow");
	has[is_after] = true;
	if (is_after && !number_parse(value, strlen(value), INT64_MAX, &events->after))
		return wrong(ret_text, "\"after\" must be the number of an event.");
	if (!is_after) {
		if (!number_parse(value, strlen(value), 1, &n))
			return wrong(ret_text, "\"follow\" must be 0 or 1.");
		events->is_following = n;
	}
	return true;
}

bool requests_read_events(const struct requests_query *query, struct requests_events *ret_events,
			  char ret_text[static CONTROL_TEXT_MAX])
{
	struct requests_events events = { 0 };
	bool has[2] = { false, false };

	if (query->is_too_long)
		return wrong(ret_text, "The query is too long.");
	for (size_t i = 0; i < query->n; i++)
		if (!read_argument(query->at[i].name, query->at[i].value, has, &events, ret_text))
			return false;
	*ret_events = events;
	return true;
}

bool requests_read_stop(struct span body, bool *ret_is_now, char ret_text[static CONTROL_TEXT_MAX])
{
	json_t *object = body.size ? load_object(body, ret_text) : json_object();
	const json_t *now = json_object_get(object, "now");
	bool is_right = object && json_object_size(object) == (now ? 1 : 0) &&
			(!now || json_is_boolean(now));

	if (object && !is_right)
		(void)wrong(ret_text,
			    "The body may have \"now\", true or false, and nothing else.");
	if (is_right)
		*ret_is_now = json_is_true(now);
	json_decref(object);
	return is_right;
}

static bool read_restart(const json_t *object, struct control_restart *ret_restart,
			 char ret_text[static CONTROL_TEXT_MAX])
{
	const json_t *slots = json_object_get(object, "slots");
	struct control_restart restart = { .is_all = !slots };
	const json_t *slot;
	size_t i;

	if (json_object_size(object) != (slots ? 1 : 0))
		return wrong(ret_text, "The body may have \"slots\", and nothing else.");
	if (slots && json_array_size(slots) == 0)
		return wrong(ret_text, "\"slots\" must be a list of one slot or more.");
	json_array_foreach(slots, i, slot)
	{
		json_int_t n = json_integer_value(slot);

		if (n < 1 || n > APP_WORKERS_MAX)
			return wrong(ret_text, "A slot is a number from 1 to %d.", APP_WORKERS_MAX);
		restart.slots[n - 1] = true;
	}
	*ret_restart = restart;
	return true;
}

bool requests_read_restart(struct span body, struct control_restart *ret_restart,
			   char ret_text[static CONTROL_TEXT_MAX])
{
	json_t *object = body.size ? load_object(body, ret_text) : json_object();
	bool is_right = object && read_restart(object, ret_restart, ret_text);

	json_decref(object);
	return is_right;
}

bool requests_read_drain(struct span body, struct control_drain *ret_drain,
			 char ret_text[static CONTROL_TEXT_MAX])
{
	json_t *object = load_object(body, ret_text);
	json_int_t slot = 0;
	bool is_right = object && take_number(object, "slot", 1, APP_WORKERS_MAX, &slot) && slot &&
			json_object_size(object) == 0;

	if (object && !is_right)
		(void)wrong(ret_text,
			    "The body must have \"slot\", a number from 1 to %d, and nothing else.",
			    APP_WORKERS_MAX);
	if (is_right)
		ret_drain->slot = (unsigned)slot;
	json_decref(object);
	return is_right;
}

static bool read_kill(json_t *object, struct control_kill *ret_kill,
		      char ret_text[static CONTROL_TEXT_MAX])
{
	json_int_t slot = 0, signal = 0;

	if (!take_number(object, "slot", 1, APP_WORKERS_MAX, &slot) || slot == 0)
		return wrong(ret_text, "\"slot\" must be a number from 1 to %d.", APP_WORKERS_MAX);
	if (!take_number(object, "signal", 1, SIGRTMAX, &signal) || signal == 0)
		return wrong(ret_text, "\"signal\" must be a number from 1 to %d.", SIGRTMAX);
	if (signal >= SIGNALS_OF_LIBC && signal < SIGRTMIN)
		return wrong(ret_text,
			     "\"signal\" must not be one that the C library has for "
			     "itself, %d to %d.",
			     SIGNALS_OF_LIBC, SIGRTMIN - 1);
	if (json_object_size(object) != 0)
		return wrong(ret_text, "The body must have \"slot\" and \"signal\", and nothing "
				       "else.");
	*ret_kill = (struct control_kill){ (unsigned)slot, (int)signal };
	return true;
}

bool requests_read_kill(struct span body, struct control_kill *ret_kill,
			char ret_text[static CONTROL_TEXT_MAX])
{
	json_t *object = load_object(body, ret_text);
	bool is_right = object && read_kill(object, ret_kill, ret_text);

	json_decref(object);
	return is_right;
}
