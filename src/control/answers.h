/*
 * What each route answers.
 */
#ifndef BERTH_CONTROL_ANSWERS_H
#define BERTH_CONTROL_ANSWERS_H

#include "base/buf.h"
#include "control/control.h"
#include "control/requests.h"

/* One request, to the end of its body. */
struct answers_call {
	const struct control_ops *ops;
	void *data;
	const struct control_peer *who;
	struct span body;
	const struct requests_query *query;
	enum control_document document; /* of the route */
	const char *id;                 /* that stands in its path, or "" */
};

struct answer {
	unsigned status; /* of HTTP */
	json_t *body;    /* whoever has the answer owns it; NULL: no memory was left */
	bool is_stream;  /* instead: events, one by one, without an end; @body is NULL */
	uint64_t after;  /* those that follow this one */
};

/*
 * An answers_give answers one request: the document that openapi.json promises, or an error.
 * Calls at most one of @call's ops. The loop's thread only. Never blocks.
 */
typedef struct answer answers_give(const struct answers_call *call);

answers_give answers_document;
answers_give answers_operation;
answers_give answers_events;
answers_give answers_scale;
answers_give answers_reload;
answers_give answers_undo;
answers_give answers_upgrade;
answers_give answers_stop;
answers_give answers_restart;
answers_give answers_drain;
answers_give answers_kill;
answers_give answers_openapi;

/*
 * answers_error - {"error": {"code": ..., "message": ...}}
 *
 * @status:   of HTTP, 400 or more
 * @code:     for programs; it never changes its meaning
 * @message:  for people, one sentence
 */
struct answer answers_error(unsigned status, const char *code, const char *message);

#endif
