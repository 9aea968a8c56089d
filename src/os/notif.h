/*
 * A worker's trapped calls: receiving one, and answering it. Every call that
 * was received gets exactly one of the answers below.
 */
#ifndef BERTH_OS_NOTIF_H
#define BERTH_OS_NOTIF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct notif_call {
	uint64_t id;
	pid_t tid;  /* the thread that waits */
	int number; /* of the system call */
	uint64_t args[6];
};

/*
 * @notif_fd is the notify fd of a filter throughout, and stays the caller's.
 * Any thread. None of these blocks.
 */

/*
 * The kernel tells of a call once. It writes it into memory that outlives us, a
 * memfd that the keeper has too: should we die before the call is answered, our
 * successor finds it there.
 */
struct notif_record;

/*
 * notif_record_new - map the record
 *
 * @fd:          that of our predecessor, or NO_FD: then there's a new one in @ret_fd;
 *               stays yours
 * @ret_record:  notif_record_free() it
 *
 * Returns 0 or -errno; -EINVAL if @fd is none that notif_record_new() made.
 */
int notif_record_new(int *fd, struct notif_record **ret_record);

/* Takes NULL, returns NULL. What it tells of stays. */
struct notif_record *notif_record_free(struct notif_record *r);

/* The call that was received and perhaps not answered, of the worker's run @ret_run. */
bool notif_record_find(const struct notif_record *r, uint64_t *ret_run,
		       struct notif_call *ret_call);

/* Its call was answered. */
void notif_record_clear(struct notif_record *r);

/*
 * notif_receive - take the next trapped call
 *
 * @run:  whose call it is, for the record
 *
 * Call it when @notif_fd is readable: else it would wait for one.
 *
 * Returns 0; -ENOENT when the caller has died meanwhile; -ENODEV when nobody
 * who could call is left.
 */
int notif_receive(int notif_fd, struct notif_record *record, uint64_t run,
		  struct notif_call *ret_call);

/* 0 while call @id still waits for its answer, -ESRCH when its caller was killed. */
int notif_still_waits(int notif_fd, uint64_t id);

/* Call @id returns @result: 0, or a negative errno. 0, or -ENOENT: the caller is gone. */
int notif_answer(int notif_fd, uint64_t id, int result);

/* The kernel runs call @id as it was made. 0, or -ENOENT: the caller is gone. */
int notif_pass(int notif_fd, uint64_t id);

/*
 * notif_put_fd - replace the caller's descriptor @target by a copy of @fd
 *
 * @fd:       ours, and stays so
 * @cloexec:  whether @target is closed when the caller executes another program
 *
 * The call still waits afterwards. Returns 0; -ENOENT if the caller is gone;
 * -EBADF if it may have no descriptor of that number (RLIMIT_NOFILE).
 */
int notif_put_fd(int notif_fd, uint64_t id, int fd, int target, bool cloexec);

/*
 * notif_answer_fd - call @id returns a new descriptor of the caller's, a copy of @fd
 *
 * Returns 0, and the call is answered; or else it still waits: -ENOENT if the
 * caller is gone, -EMFILE if it has no room for a descriptor.
 */
int notif_answer_fd(int notif_fd, uint64_t id, int fd, bool cloexec);

/* Whether every process that runs under the filter of @notif_fd has ended. */
bool notif_is_deserted(int notif_fd);

#endif
