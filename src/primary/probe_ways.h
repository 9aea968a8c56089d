/*
 * The ways in which primary/probe.c probes. Each begins at once, on the loop, and
 * says once how it went; it is freed then, or before.
 */
#ifndef BERTH_PRIMARY_PROBE_WAYS_H
#define BERTH_PRIMARY_PROBE_WAYS_H

#include "primary/probe.h"

#define PROBE_SHOWN_MAX 256 /* of a path, or of what a command has printed */

struct probe_ask {
	const struct probe_request *request; /* as in probe_start(); not kept */
	const struct probe *probe;           /* these are */
	const struct addr *target;           /* of PROBE_HTTP and PROBE_TCP */
	/* Never from within the function that began it. @text is copied. */
	void (*over)(void *owner, enum probe_outcome outcome, const char *text);
	void *owner;
};

struct probe_http;
struct probe_tcp;
struct probe_exec;

/* @fd: bound, not connected; taken on success only. 0 or -errno. */
int probe_http_new(const struct probe_ask *ask, int fd, struct probe_http **ret_http);
int probe_tcp_new(const struct probe_ask *ask, int fd, struct probe_tcp **ret_tcp);
int probe_exec_new(const struct probe_ask *ask, struct probe_exec **ret_exec);

/* What there is to say when the time, @limit as in "2 s", is over. */
void probe_http_late(const struct probe_http *h, const char *limit,
		     char ret_text[static PROBE_SENTENCE_MAX]);
void probe_tcp_late(const struct probe_tcp *t, const char *limit,
		    char ret_text[static PROBE_SENTENCE_MAX]);
void probe_exec_late(const struct probe_exec *x, const char *limit,
		     char ret_text[static PROBE_SENTENCE_MAX]);

/* These take NULL and return NULL. Sockets are closed at once, commands killed. */
struct probe_http *probe_http_free(struct probe_http *h);
struct probe_tcp *probe_tcp_free(struct probe_tcp *t);
struct probe_exec *probe_exec_free(struct probe_exec *x);

/* What became of a connect(): PROBE_UNMADE where that is our own fault. */
enum probe_outcome probe_connect_failed(int error, const struct addr *target,
					char ret_text[static PROBE_SENTENCE_MAX]);

#endif
