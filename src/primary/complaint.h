/*
 * What a worker's failed bind means, said in its log: who holds the port, or
 * what is missing.
 */
#ifndef BERTH_PRIMARY_COMPLAINT_H
#define BERTH_PRIMARY_COMPLAINT_H

#include <sys/types.h>

#include "primary/broker.h"

#define COMPLAINT_TEXT_MAX 1024

/*
 * complaint_text - the sentence for a bind or listen that failed
 *
 * @error: positive errno
 *
 * For EADDRINUSE it looks through the processes of the machine for the holder:
 * some milliseconds. Returns @ret_text. Primary's thread only, as all of these.
 */
const char *complaint_text(int error, const struct addr *a,
			   char ret_text[static COMPLAINT_TEXT_MAX]);

/*
 * complain - explain an error that @client was answered with
 *
 * At most once a second for each worker: one that tries without a pause must
 * not keep the primary from the others.
 */
void complain(struct broker *b, struct broker_client *client, int error, const struct addr *a);

/*
 * Says that the program asked epoll about its socket before it listened: it will
 * not hear of connections, since the shared socket has taken its place.
 */
void complain_polled(struct broker *b, struct broker_client *client, const struct addr *a);

/* Says, once, that the worker cannot be looked into, and what it does without. */
void complain_opaque(struct broker *b, struct broker_client *client, pid_t tid);

#endif
