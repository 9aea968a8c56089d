/*
 * The answers: from a request's body to one call of the ops, and from what that returned to
 * a status and a document. See answers.h.
 */
#include "control/answers.h"

#include <errno.h>
#include <string.h>

#include "base/escape.h"
#include "control/requests.h"

enum status {
	STATUS_OK = 200,
	STATUS_ACCEPTED = 202,
	STATUS_BAD_REQUEST = 400,
	STATUS_FORBIDDEN = 403,
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
	return (struct answer){ status, json_pack("{s:{s:s, s:s}}", "error", "code", code,
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

struct answer answers_app(const struct answers_call *call)
{
	return (struct answer){ STATUS_OK, call->ops->describe(call->data) };
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
	return (struct answer){ STATUS_OK, json_pack("{s:I}", "workers", (json_int_t)n_workers) };
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
	return (struct answer){ STATUS_ACCEPTED, json_pack("{s:I, s:s}", "reload", (json_int_t)id,
							   "answer", answer) };
}

struct answer answers_reload_state(const struct answers_call *call)
{
	return (struct answer){ STATUS_OK, call->ops->reload_state(call->data) };
}

struct answer answers_undo(const struct answers_call *call)
{
	char text[CONTROL_TEXT_MAX] = "";
	uint64_t id = 0;
	int err;

	if (!requests_read_nothing(call->body, text))
		return answers_error(STATUS_BAD_REQUEST, "bad_request", text);
	err = call->ops->undo(call->data, call->who, &id, text);
	if (err)
		return failed(err, text);
	return (struct answer){ STATUS_ACCEPTED, json_pack("{s:I}", "reload", (json_int_t)id) };
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
	return (struct answer){ STATUS_ACCEPTED, json_pack("{s:I}", "upgrade", (json_int_t)id) };
}

struct answer answers_upgrade_state(const struct answers_call *call)
{
	return (struct answer){ STATUS_OK, call->ops->upgrade_state(call->data) };
}

struct answer answers_openapi(const struct answers_call *call)
{
	(void)call;
	return (struct answer){ STATUS_OK, json_loadb(openapi, sizeof(openapi), 0, NULL) };
}
