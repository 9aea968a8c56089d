/*
 * Runs one probe of a worker, on the loop: what is asked stands in core/probe.h.
 *
 * A probe that cannot be made says nothing of the worker, and is told apart from one
 * that failed. Everything about it is bounded: its time, and what it reads.
 */
#ifndef BERTH_PRIMARY_PROBE_H
#define BERTH_PRIMARY_PROBE_H

#include <sys/types.h>
#include <uv.h>

#include "base/addr.h"
#include "core/probe.h"
#include "os/spawn.h"

#define PROBE_SENTENCE_MAX 640

enum probe_outcome {
	PROBE_PASSED,
	PROBE_FAILED,
	PROBE_UNMADE, /* for want of our own memory, descriptors or addresses */
};

struct probe_result {
	enum probe_outcome outcome;
	/* What happened, in printable UTF-8: "answered 500 to GET /healthz on 127.0.0.1:8000" */
	const char *text;
};

struct probe_events {
	/*
	 * The probe's connection goes from @source to @target next: whoever steers it to one
	 * worker does so now. Comes from within probe_start(), for PROBE_HTTP and PROBE_TCP.
	 * Returns 0, or -errno: then it isn't made. May be NULL.
	 */
	int (*will_connect)(void *data, const struct addr *source, const struct addr *target);

	/*
	 * It's over, and its socket is closed, or its command killed. Comes once, from the
	 * loop; probe_free() may be called in it.
	 */
	void (*done)(void *data, const struct probe_result *result);
};

struct probe_run;

struct probe_request {
	uv_loop_t *loop;
	const struct probe *probe; /* copied */
	uint32_t timeout_ms;
	struct addr port; /* the app's first; a wildcard's loopback is what is asked */
	/* For PROBE_EXEC, which finds them in its environment: */
	const char *app;
	unsigned slot;
	unsigned generation;
	pid_t pid; /* of the worker */
	const struct spawn_inherited *inherited;
	const struct probe_events *events;
	void *data;
};

/*
 * probe_start - begin a probe
 *
 * @request:  borrowed for the call, but for its loop, events and data
 * @ret_run:  yours until probe_free(), also when it's done
 *
 * Returns 0; -EAFNOSUPPORT for a PROBE_HTTP or PROBE_TCP without a TCP port to ask,
 * -EADDRNOTAVAIL if its address isn't one of this machine, what will_connect()
 * returned, or another -errno of ours. Then nothing was asked, and no event comes.
 * Primary's thread only. Never blocks for longer than a fork.
 */
int probe_start(const struct probe_request *request, struct probe_run **ret_run);

/*
 * Takes NULL, returns NULL. A probe that isn't done is given up, without an event. The
 * memory goes when the loop has closed the handles.
 */
struct probe_run *probe_free(struct probe_run *run);

#endif
