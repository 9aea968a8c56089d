/*
 * Answers become responses of libmicrohttpd's. See send.h.
 */
#include "control/send.h"

#include <string.h>

#include "control/routes.h"

enum MHD_Result send_json(struct MHD_Connection *http, struct answer *answer, const char *allow)
{
	char *text = answer->body ? json_dumps(answer->body, JSON_COMPACT) : NULL;
	struct MHD_Response *response = NULL;
	enum MHD_Result result = MHD_NO;

	json_decref(answer->body);
	if (text)
		response =
			MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	if (MHD_add_response_header(response, "Content-Type", "application/json") == MHD_YES &&
	    MHD_add_response_header(response, "Cache-Control", "no-store") == MHD_YES &&
	    (!allow || MHD_add_response_header(response, "Allow", allow) == MHD_YES))
		result = MHD_queue_response(http, answer->status, response);
	MHD_destroy_response(response);
	return result;
}

enum MHD_Result send_error(struct MHD_Connection *http, unsigned status, const char *code,
			   const char *message)
{
	struct answer answer = answers_error(status, code, message);

	return send_json(http, &answer, NULL);
}

enum MHD_Result send_no_method(struct MHD_Connection *http, const char *path)
{
	struct answer answer = answers_error(MHD_HTTP_METHOD_NOT_ALLOWED, "method_not_allowed",
					     "This path has other methods: see Allow.");
	char allow[ROUTES_ALLOW_MAX];

	return send_json(http, &answer, routes_allow(path, allow));
}
