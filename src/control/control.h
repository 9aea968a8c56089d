/*
 * The control API: HTTP/1.1 and JSON on a Unix socket, for `berth ps` and its like.
 *
 * It runs on the loop of whoever makes it, in no thread of its own, and reaches what it
 * controls through `struct control_ops` alone. Whoever connects must be the user that runs
 * it, or root; others are cut off with nothing said.
 *
 * Every request and every connection is bounded in size and time, so that no client can
 * hold up the loop or the other clients.
 */
#ifndef BERTH_CONTROL_CONTROL_H
#define BERTH_CONTROL_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "core/app_config.h"

#define CONTROL_CONNECTIONS_MAX 64
#define CONTROL_BODY_MAX        65536 /* bytes of a request's body */
#define CONTROL_TEXT_MAX        512   /* a sentence for people, with its NUL */
#define CONTROL_FOLLOWERS_MAX   16    /* of those connections that follow the events */

/* Who asks. */
struct control_peer {
	pid_t pid;
	uid_t uid;
};

struct control_scale {
	bool is_change; /* @workers is how many more, or fewer; else how many */
	int workers;
};

struct control_reload {
	unsigned canary_percent; /* 0: no canary */
	bool has_watch;          /* else as `berth run` was told */
	uint32_t watch_ms;
};

struct control_restart {
	bool is_all;                 /* every slot; else those named */
	bool slots[APP_WORKERS_MAX]; /* [0] is slot 1 */
};

struct control_drain {
	unsigned slot;
};

struct control_kill {
	unsigned slot;
	int signal;
};

/* What can be read, each at a path of its own; see openapi.json. */
enum control_document {
	CONTROL_NO_DOCUMENT = 0,
	CONTROL_APP,
	CONTROL_APPS,
	CONTROL_WORKERS,
	CONTROL_PORTS,
	CONTROL_BERTHS,
	CONTROL_GENERATIONS,
	CONTROL_OPERATIONS,
	CONTROL_CONNECTIONS,
	CONTROL_RELOAD,
	CONTROL_UPGRADE,
	CONTROL_DRAIN,
};

/*
 * What is controlled. All are called on the loop's thread and must not block. None may call
 * control_free(), and what ends the process must wait until the loop has come round again:
 * the answer has not been sent before.
 *
 * Those that change something return 0, or an error and, in @ret_text, the reason in one
 * sentence ("" leaves it to the error): -EINVAL if that can't be done, -EBUSY if it can't be
 * done now, -EPERM if a right is missing, -EOPNOTSUPP if it can't be done here, or another
 * -errno if it failed.
 */
struct control_ops {
	/* Returns the document, see openapi.json, or NULL without memory. */
	json_t *(*describe)(void *data, enum control_document what);

	/*
	 * Returns the first event after the one numbered @after, see openapi.json, or NULL if
	 * there is none. @ret_number: its own. @ret_lost: how many before it are not kept.
	 */
	json_t *(*event)(void *data, uint64_t after, uint64_t *ret_number, uint64_t *ret_lost);

	/* Returns @number, or that of the last event where it's beyond that. */
	uint64_t (*reach)(void *data, uint64_t number);

	/* @ret_workers: how many workers are wanted now */
	int (*scale)(void *data, const struct control_peer *who, const struct control_scale *scale,
		     unsigned *ret_workers, char ret_text[static CONTROL_TEXT_MAX]);

	/* Begins a reload. @ret_answer: static: "begins", "supersedes", "follows" or "joins". */
	int (*reload)(void *data, const struct control_peer *who,
		      const struct control_reload *reload, uint64_t *ret_id,
		      const char **ret_answer, char ret_text[static CONTROL_TEXT_MAX]);

	/* Back to the last generation. @ret_answer: static: "rolls-back", "joins", "returns", "reloads". */
	int (*undo)(void *data, const struct control_peer *who, uint64_t *ret_id,
		    const char **ret_answer, char ret_text[static CONTROL_TEXT_MAX]);

	/* Begins an upgrade. @binary: an absolute path, or NULL for the program that runs. */
	int (*upgrade)(void *data, const struct control_peer *who, const char *binary,
		       uint64_t *ret_id, char ret_text[static CONTROL_TEXT_MAX]);

	/* Stops all of it, workers first; @is_now: without waiting for them. @ret_workers: how many. */
	int (*stop)(void *data, const struct control_peer *who, bool is_now, unsigned *ret_workers,
		    char ret_text[static CONTROL_TEXT_MAX]);

	/*
	 * Stops workers, and starts others in their slots. @ret_run: those that are started for
	 * it have higher numbers than this.
	 */
	int (*restart)(void *data, const struct control_peer *who,
		       const struct control_restart *restart, uint64_t *ret_run,
		       char ret_text[static CONTROL_TEXT_MAX]);

	/* Begins to replace a worker, new before old. */
	int (*drain)(void *data, const struct control_peer *who, const struct control_drain *drain,
		     uint64_t *ret_id, char ret_text[static CONTROL_TEXT_MAX]);

	/* Sends a worker's leader a signal. */
	int (*kill)(void *data, const struct control_peer *who, const struct control_kill *kill,
		    pid_t *ret_pid, char ret_text[static CONTROL_TEXT_MAX]);
};

struct control_options {
	uv_loop_t *loop;
	int listen_fd; /* listening, non-blocking; stays yours, and open until control_free() */
	const struct control_ops *ops; /* valid until control_free() */
	void *data;                    /* for @ops */
};

struct control;

/*
 * control_new - begin to answer
 *
 * @o:            copied
 * @ret_control:  free with control_free()
 *
 * Returns 0; -ENOMEM; -EIO if the HTTP server can't be had, for want of descriptors, say.
 * The loop's thread only, as control_free(). Never blocks.
 */
int control_new(const struct control_options *o, struct control **ret_control);

/* There is another event: whoever follows them is told of it soon. Takes NULL. Never blocks. */
void control_note_event(struct control *control);

/*
 * control_free - end all connections
 *
 * What has been answered is sent first, as far as its reader takes it at once. The socket
 * goes on listening, for the next one. The memory is freed by the loop, which must run once
 * more. Takes NULL; returns NULL. Never blocks.
 */
struct control *control_free(struct control *c);

#endif
