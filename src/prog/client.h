/*
 * The client of the control API: one request, one answer.
 */
#ifndef BERTH_PROG_CLIENT_H
#define BERTH_PROG_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

/* Exit codes of the verbs that ask a primary; users rely on them. */
enum client_exit {
	CLIENT_DONE = 0,
	CLIENT_FAILED = 1,
	CLIENT_USAGE = 2,
	CLIENT_NOT_PERMITTED = 4,
	CLIENT_ROLLED_BACK = 6, /* or refused: all is as it was */
	CLIENT_NO_PRIMARY = 7,
	CLIENT_DEADLINE = 124,
};

struct client;

struct client_request {
	const char *method; /* "GET" or "POST" */
	const char *target; /* "/v1/app" */
	const json_t *body; /* what to send, or NULL */
};

struct client_reply {
	long status;  /* of HTTP */
	json_t *body; /* an object; whoever has the reply owns it */
};

/*
 * client_new - make ready to ask the primary behind a socket
 *
 * @path:        of the socket; copied
 * @ret_client:  free with client_free()
 *
 * Connects to nothing yet. Returns 0 or -ENOMEM. Main thread only, as all of these.
 */
int client_new(const char *path, struct client **ret_client);

/* Takes NULL; returns NULL. */
struct client *client_free(struct client *c);

/*
 * client_call - ask, and wait for the answer
 *
 * @ret_reply:  also for an answer that tells of an error: see its status
 *
 * Connects anew where the primary has closed the connection since the last call. Returns 0;
 * -ENOENT, -ECONNREFUSED, -ECONNRESET or -EAGAIN if nobody answers there now; -EACCES if the
 * socket is another user's; -ETIMEDOUT after 10 s; -EPROTO if that is no answer of a
 * primary's; -ENOMEM. Blocks for as long as it takes.
 */
int client_call(struct client *c, const struct client_request *request,
		struct client_reply *ret_reply);

/*
 * client_follow - ask for what has no end, and hear it line by line
 *
 * @target:   "/v1/events?follow=1"
 * @on_line:  called with @data and each line, without its end, valid in there; empty ones
 *            tell that the primary is there. Returning false ends it
 *
 * Returns 0 if @on_line ended it, or if the answer was an error, which is in @ret_reply then;
 * else as client_call(): -ECONNRESET where the primary has gone. A primary that says nothing for 20 s
 * is -ETIMEDOUT.
 */
int client_follow(struct client *c, const char *target,
		  bool (*on_line)(void *data, const char *line, size_t size), void *data,
		  struct client_reply *ret_reply);

/* Whether what client_call() returned and wrote tells of an error: see client_complain(). */
bool client_has_failed(int err, const struct client_reply *reply);

/* Whether client_call() returned that nobody answers there now. */
bool client_is_absent(int err);

/*
 * client_complain - say on standard error why a call gave nothing
 *
 * @who:    how the complaint begins: "berth ps"
 * @err:    what client_call() returned; 0: it got @reply, which tells of an error
 *
 * Returns the exit code for it.
 */
enum client_exit client_complain(const char *who, int err, const struct client_reply *reply);

/*
 * client_ask - find the primary, ask it one thing
 *
 * @who:        as for client_complain()
 * @name:       of the app, or NULL for the only one
 * @ret_body:   yours; written on CLIENT_DONE only
 *
 * Otherwise as client_call(). Returns CLIENT_DONE if the answer tells of no error; else
 * the exit code, and the reason has been said.
 */
enum client_exit client_ask(const char *who, const char *name, const struct client_request *request,
			    json_t **ret_body);

#endif
