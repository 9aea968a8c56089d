/*
 * What the keeper holds for us: descriptors under names, the state, and the
 * events that come while there's no primary. Start-up is to take what it has.
 *
 * What was sent to the keeper is kept, even if we die in the next instruction.
 * Should the keeper die, that is told, and whoever owns a descriptor stores it
 * again with the next one.
 */
#ifndef BERTH_PRIMARY_KEEP_H
#define BERTH_PRIMARY_KEEP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/buf.h"
#include "base/keeper_message.h"

struct keep;

struct keep_events {
	/* A signal came for berth. */
	void (*signalled)(void *data, int signal);

	/* A watched child of the keeper's has ended, with a status as wait() gives it. */
	void (*exited)(void *data, pid_t pid, int status);

	/* The keeper has not done what we asked: errno @error. */
	void (*refused)(void *data, const char *name, int error);

	/* The keeper is dead. */
	void (*lost)(void *data);

	/* Writes the state, with keep_set_state(). */
	void (*save)(void *data);
};

/*
 * keep_new - take what the keeper has
 *
 * @link_fd:   our end of the channel; owned from now on, also on error
 * @events:    borrowed, as @data: for the calls above; none comes before keep_begin()
 *
 * Waits for the keeper, which hands over everything at once. Returns 0, -EPIPE if
 * there is no keeper, -EPROTO if it is none that we understand, -EMFILE if there is no place
 * for what it has, -ENOMEM.
 * Primary's thread only, as all of these; the others do not block.
 */
int keep_new(uv_loop_t *loop, int link_fd, const struct keep_events *events, void *data,
	     struct keep **ret_keep);

/* Takes NULL, returns NULL. The memory goes when the loop has closed the handle. */
struct keep *keep_free(struct keep *k);

/* From now on events are told from the loop: those that waited for us first. 0 or -errno. */
int keep_begin(struct keep *k);

/* The state that our predecessor has left: @ret_span is valid until keep_begin(), NULL for none. */
void keep_state(const struct keep *k, struct span *ret_span);

/*
 * Leaves the state to our successor, should we die now. 0, or -errno: then what it would find
 * is older, and the next call tries again.
 */
int keep_set_state(struct keep *k, const void *blob, size_t size);

/* The state as it is with the keeper now: a descriptor of yours, or -errno. */
int keep_copy_state(const struct keep *k);

/* Saves the state if it has changed: call it before anything is done that relies on it. */
void keep_save(struct keep *k);

/* The last event that was dealt with, or is being dealt with: part of the state. */
uint64_t keep_done(const struct keep *k);

/* Events up to @sequence had been dealt with by our predecessor. */
void keep_skip(struct keep *k, uint64_t sequence);

/* Takes the descriptor that was handed over under this name, NO_FD if there is none. */
int keep_take(struct keep *k, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * The keeper goes on holding what it handed over under this name, if anything; returns whether
 * it does. Of berths it is all that can be had: see handed.h.
 */
bool keep_leave(struct keep *k, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * keep_find - a name that was handed over, begins with @prefix and was not taken yet
 *
 * Returns false if there is none.
 */
bool keep_find(const struct keep *k, const char *prefix, char ret_name[static KEEPER_NAME_SIZE]);

/*
 * Stores @fd, which stays yours, under a name; replaces what is there. 0 or -errno: -EMFILE
 * where the limit of open files, the keeper's or a successor's, leaves no room for one more.
 */
int keep_store(struct keep *k, int fd, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The keeper closes what it has under the name, if anything. */
void keep_drop(struct keep *k, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether one more run of a worker would find room with the keeper. See keep_names.h. */
bool keep_has_room(const struct keep *k);

/* How many descriptors it has. */
size_t keep_n_kept(const struct keep *k);

/* Lets the keeper drop all that was handed over and not taken. */
void keep_drop_rest(struct keep *k);

/* The end of child @pid is to be told, whenever it comes. */
void keep_watch(struct keep *k, pid_t pid);

/* We have taken over. */
void keep_ready(struct keep *k);

/* We are about to end: from now on nothing is dropped, for one who has to end in our place. */
void keep_end(struct keep *k);

/* The keeper shall exit with @code, as soon as we have. */
void keep_finish(struct keep *k, int code);

/* The keeper shall end us, and start the program behind @fd in our place. 0 or -errno. */
int keep_upgrade(struct keep *k, int fd);

/* What came of the last upgrade, as the keeper told it. */
enum keeper_upgrade keep_upgraded(const struct keep *k);

/* The keeper's pid; 0 if it is dead. */
pid_t keep_pid(const struct keep *k);

/*
 * keep_renew - from now on, what is told waits for a new keeper
 *
 * @link_fd: our end of the channel to it; owned from now on, also on error
 *
 * It has nothing: store everything next. Returns 0 or -errno; keep_renewed() once it runs.
 */
int keep_renew(struct keep *k, int link_fd);

/* The new keeper runs, and is listened to. 0 or -errno. */
int keep_renewed(struct keep *k, pid_t pid);

/* There is no keeper, after all. */
void keep_lose(struct keep *k);

#endif
