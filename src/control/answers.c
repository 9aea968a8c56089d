/*
 * The answers: from a request's body to one call of the ops, and from what that returned to
 * a status and a document. See answers.h.
 */
#include "control/answers.h"

#include <errno.h>
#include <string.h>

#include "base/escape.h"

enum status {
	STATUS_OK = 200,
	STATUS_ACCEPTED = 202,
	STATUS_BAD_REQUEST = 400,
	STATUS_FORBIDDEN = 403,
	STATUS_NOT_FOUND = 404,
	STATUS_CONFLICT = 409,
	STATUS_UNPROCESSABLE = 422,
	STATUS_FAILED = 500,
	STATUS_NOT_SUPPORTED = 501,
};

struct failure {
	int err;
	enum status status;
	const char *code;
};

static const struct failure failures[] = {
	{ EINVAL, STATUS_UNPROCESSABLE, "impossible" },
	{ EBUSY, STATUS_CONFLICT, "busy" },
	{ ENOENT, STATUS_CONFLICT, "nothing_there" },
	{ EPERM, STATUS_FORBIDDEN, "not_permitted" },
	{ EACCES, STATUS_FORBIDDEN, "not_permitted" },
	{ EOPNOTSUPP, STATUS_NOT_SUPPORTED, "not_supported" },
};

/* openapi.json, byte for byte; the build makes numbers of it */
static const char openapi[] = {
#include "control/openapi.inc"
};

struct answer answers_error(unsigned status, const char *code, const char *message)
{
	char shown[4 * CONTROL_TEXT_MAX]; /* JSON takes well-formed text only */

	(void)escape_text(message, strlen(message), shown, sizeof(shown));
	return (struct answer){ .status = status,
				.body = json_pack("{s:{s:s, s:s}}", "error", "code", code,
						  "message", shown) };
}

/* @text: the reason, or "" */
static struct answer failed(int err, const char *text)
{
	const char *message = text[0] ? text : strerror(-err);

	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		if (failures[i].err == -err)
			return answers_error(failures[i].status, failures[i].code, message);
	return answers_error(STATUS_FAILED, "failed", message);
}

static struct answer done(enum status status, json_t *body)
{
	return (struct answer){ .status = status, .body = body };
}

struct answer answers_document(const struct answers_call *call)
{
	return done(STATUS_OK, call->ops->describe(call->data, call->document));
}

struct answer answers_operation(const struct answers_call *call)
{
	json_t *all = call->ops->describe(call->data, CONTROL_OPERATIONS);
	json_t *operation;
	size_t i;

	json_array_foreach(json_object_get(all, "operations"), i, operation)
	{
		const char *id = json_string_value(json_object_get(operation, "id"));
		struct answer answer;

		if (!id || strcmp(id, call->id) != 0)
			continue;
		answer = done(STATUS_OK, json_incref(operation));
		json_decref(all);
		return answer;
	}
	if (!all)
		return done(STATUS_OK, NULL);
	json_decref(all);
	return answers_error(STATUS_NOT_FOUND, "not_found",
			     "There is no such operation, or it is not known any more.");
}

/* All that are kept, in one document. */
static json_t *list_events(const struct answers_call *call, uint64_t after)
{
	json_t *array = json_array();
	uint64_t n_lost_of_all = 0, n_lost, number;
	json_t *event;

	after = call->ops->reach(call->data, after);
	while ((event = call->ops->event(call->data, after, &number, &n_lost))) {
		(void)json_array_append_new(array, event);
		n_lost_of_all += n_lost;
		after = number;
	}
	return json_pack("{s:o, s:I, s:I}", "events", array, "last", (json_int_t)after, "lost",
			 (json_int_t)n_lost_of_all);
}

struct answer answers_events(const struct answers_call *call)
{
	char text[CONTROL_TEXT_MAX] = "";
	struct requests_events events;

	if (!requests_read_events(call->query, &events, text))
		return answers_error(STATUS_BAD_REQUEST, "bad_request", text);
	if (events.is_following)
		return (struct answer){ .status = STATUS_OK,
					.is_stream = true,
					.after = events.after };
	return done(STATUS_OK, list_events(call, events.after));
}

struct answer answers_scale(const struct answers_call *call)
{
	char text[CONTROL_TEXT_MAX] = "";
	struct control_scale scale;
	unsigned n_workers = 0;
	int err;

	if (!requests_read_scale(call->body, &scale, text))
		return answers_error(STATUS_BAD_REQUEST, "bad_request", text);
	err = call->ops->scale(call->data, call->who, &scale, &n_workers, text);
	if (err)
		return failed(err, text);
	return done(STATUS_OK, json_pack("{s:I}", "workers", (json_int_t)n_workers));
}

struct answer answers_reload(const struct answers_call *call)
{
	char text[CONTROL_TEXT_MAX] = "";
	struct control_reload reload;
	const char *answer = "";
	uint64_t id = 0;
	int err;

	if (!requests_read_reload(call->body, &reload, text))
		return answers_error(STATUS_BAD_REQUEST, "bad_request", text);
	err = call->ops->reload(call->data, call->who, &reload, &id, &answer, text);
	if (err)
		return failed(err, text);
	return done(STATUS_ACCEPTED,
		    json_pack("{s:I, s:s}", "reload", (json_int_t)id, "answer", answer));
}

struct answer answers_undo(const struct answers_call *call)
{
	char text[CONTROL_TEXT_MAX] = "";
	const char *answer = "";
	uint64_t id = 0;
	int err;

	if (!requests_read_nothing(call->body, text))
		return answers_error(STATUS_BAD_REQUEST, "bad_request", text);
	err = call->ops->undo(call->data, call->who, &id, &answer, text);
	if (err)
		return failed(err, text);
	return done(STATUS_ACCEPTED,
		    json_pack("{s:I, s:s}", "reload", (json_int_t)id, "answer", answer));
}

struct answer answers_upgrade(const struct answers_call *call)
{
	char text[CONTROL_TEXT_MAX] = "";
	struct requests_upgrade upgrade;
	uint64_t id = 0;
	int err;

	if (!requests_read_upgrade(call->body, &upgrade, text))
		return answers_error(STATUS_BAD_REQUEST, "bad_request", text);
	err = call->ops->upgrade(call->data, call->who, upgrade.binary[0] ? upgrade.binary : NULL,
				 &id, text);
	if (err)
		return failed(err, text);
	return done(STATUS_ACCEPTED, json_pack("{s:I}", "upgrade", (json_int_t)id));
}

struct answer answers_stop(const struct answers_call *call)
{
	char text[CONTROL_TEXT_MAX] = "";
	unsigned n_workers = 0;
	bool is_now = false;
	int err;

	if (!requests_read_stop(call->body, &is_now, text))
		return answers_error(STATUS_BAD_REQUEST, "bad_request", text);
	err = call->ops->stop(call->data, call->who, is_now, &n_workers, text);
	if (err)
		return failed(err, text);
	return done(STATUS_ACCEPTED, json_pack("{s:I}", "stopping", (json_int_t)n_workers));
}

struct answer answers_restart(const struct answers_call *call)
{
	char text[CONTROL_TEXT_MAX] = "";
	struct control_restart restart;
	uint64_t run = 0;
	int err;

	if (!requests_read_restart(call->body, &restart, text))
		return answers_error(STATUS_BAD_REQUEST, "bad_request", text);
	err = call->ops->restart(call->data, call->who, &restart, &run, text);
	if (err)
		return failed(err, text);
	return done(STATUS_ACCEPTED, json_pack("{s:I}", "after_run", (json_int_t)run));
}

struct answer answers_drain(const struct answers_call *call)
{
	char text[CONTROL_TEXT_MAX] = "";
	struct control_drain drain;
	uint64_t id = 0;
	int err;

	if (!requests_read_drain(call->body, &drain, text))
		return answers_error(STATUS_BAD_REQUEST, "bad_request", text);
	err = call->ops->drain(call->data, call->who, &drain, &id, text);
	if (err)
		return failed(err, text);
	return done(STATUS_ACCEPTED, json_pack("{s:I}", "drain", (json_int_t)id));
}

struct answer answers_kill(const struct answers_call *call)
{
	char text[CONTROL_TEXT_MAX] = "";
	struct control_kill kill;
	pid_t pid = 0;
	int err;

	if (!requests_read_kill(call->body, &kill, text))
		return answers_error(STATUS_BAD_REQUEST, "bad_request", text);
	err = call->ops->kill(call->data, call->who, &kill, &pid, text);
	if (err)
		return failed(err, text);
	return done(STATUS_OK, json_pack("{s:I}", "pid", (json_int_t)pid));
}

struct answer answers_openapi(const struct answers_call *call)
{
	(void)call;
	return done(STATUS_OK, json_loadb(openapi, sizeof(openapi), 0, NULL));
}
