/*
 * The primary: takes over what its keeper has (nothing, the first time), claims
 * the ports, starts the workers of one app and looks after them until it is told
 * to stop. It may be killed at any moment: its successor goes on.
 */
#ifndef BERTH_PRIMARY_PRIMARY_H
#define BERTH_PRIMARY_PRIMARY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "core/app_config.h"

/* Exit codes that users may rely on. */
enum primary_exit {
	PRIMARY_DONE = 0,
	PRIMARY_FAILED = 1,
	PRIMARY_NOT_PERMITTED = 4,
	PRIMARY_PORT_HELD = 8,
	PRIMARY_NOT_EXECUTABLE = 126,
	PRIMARY_NOT_FOUND = 127,
};

struct primary;

#define PRIMARY_API_TEXT 512 /* a sentence */

struct primary_api_place {
	uv_loop_t *loop;
	const char *app; /* its name */
};

/* The control API, which stands above the primary. */
struct primary_api {
	/*
	 * Begins to answer. @fd: the socket that listens; NO_FD: it's made, and the primary's
	 * then. Where another file has taken its place, or none, another socket is made for
	 * @fd. @ret_text: that, or "", or why it can't be done. 0 or -errno.
	 */
	int (*begin)(void *data, struct primary *p, const struct primary_api_place *place, int *fd,
		     char ret_text[static PRIMARY_API_TEXT]);

	/* Ends it; berth ends, too, and the socket's file goes. */
	void (*end)(void *data, const char *app, int fd);

	void *data; /* what both are given */
};

struct primary_start {
	const struct app_config *config; /* checked; stays yours */
	const struct primary_api *api;
	int link_fd;       /* to the keeper; the primary's own */
	char *const *argv; /* our own command line, for a new keeper */
};

/*
 * primary_run - be the primary of an app
 *
 * Returns when all workers have ended and the keeper has been told berth's exit
 * code: that one. Blocks until then. Takes the process over: its signals, its
 * limit of open files, its stdout and stderr. Main thread only.
 */
int primary_run(const struct primary_start *start);

/* What the API asks of the primary, in its thread. See control.h for the meaning of results. */

struct described;
struct event_asker;
struct event_log;

/* What there is to describe: borrowed, until the loop comes round again. */
void primary_look(struct primary *p, struct described *ret_described);

struct event_log *primary_events(struct primary *p);

/*
 * primary_hear - somebody asks for something
 *
 * @who:   what is said until primary_answer() is noted as done for him
 * @what:  "to scale to 3 workers"
 */
void primary_hear(struct primary *p, const struct event_asker *who, const char *what);

/* @why_not: the reason if it is not done, or NULL. */
void primary_answer(struct primary *p, const char *what, const char *why_not);

/* As the first signal to stop; @is_now: as the second one. All may be gone afterwards. */
void primary_stop(struct primary *p, bool is_now);
unsigned primary_n_workers(const struct primary *p);

/*
 * primary_restart - stop members, and start others in their slots
 *
 * @slots:    APP_WORKERS_MAX of them, [0] is slot 1; NULL: all
 * @ret_run:  the runs that follow have higher numbers
 *
 * 0; -EBUSY while stopping, -EALREADY while a reload is open, -EINVAL for a slot that isn't there.
 */
int primary_restart(struct primary *p, const bool *slots, uint64_t *ret_run);

/*
 * primary_drain - replace a slot's member, new before old
 *
 * 0; -EBUSY while stopping, -EALREADY while something else replaces workers, -EINVAL: no such
 * slot, -ENOENT: nobody serves in it.
 */
int primary_drain(struct primary *p, unsigned slot, uint64_t *ret_number);

/* Sends the leader of a slot's member a signal. 0; -EINVAL: no such slot, -ENOENT: nobody is in it. */
int primary_kill(struct primary *p, unsigned slot, int signal, pid_t *ret_pid);

/*
 * @n_workers: how many are wanted. 0; -EINVAL for a number that can't be, -EBUSY while stopping,
 * -EALREADY while a reload is open.
 */
int primary_scale(struct primary *p, int n_workers);
unsigned primary_n_wanted(const struct primary *p);

struct primary_reload_wish {
	unsigned canary_percent; /* 0: no canary */
	bool has_watch;          /* else as `berth run` was told */
	uint32_t watch_ms;
	uid_t uid; /* who asks */
};

/*
 * primary_reload - begin a new generation
 *
 * @ret_answer: "begins", "supersedes", "follows" or "joins", static: what becomes of one that runs
 *
 * 0; -EBUSY while stopping, -EOPNOTSUPP for a canary in the shared tier, -EINVAL for one that
 * isn't watched.
 */
int primary_reload(struct primary *p, const struct primary_reload_wish *wish, uint64_t *ret_number,
		   const char **ret_answer);

/*
 * primary_undo - back to the last generation
 *
 * @ret_answer: "rolls-back", "joins", "returns" or "reloads", static: see core/rollout_asked.h
 *
 * 0; -ENOENT if there is none, -EBUSY while stopping.
 */
int primary_undo(struct primary *p, uid_t uid, uint64_t *ret_number, const char **ret_answer);

/* @binary: NULL for the program that runs. 0, -EALREADY, -EBUSY or -errno. */
int primary_upgrade(struct primary *p, const char *binary, uint64_t *ret_number);

/*
 * primary_check_state - whether this program could take over
 *
 * @fd: the state that the running primary has left with its keeper
 *
 * Returns PRIMARY_DONE or PRIMARY_FAILED, each with a sentence on stdout. Touches nothing.
 */
int primary_check_state(int fd);

#endif
