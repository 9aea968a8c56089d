/*
 * Those who follow the events: each has an answer that goes on, one JSON object in a line
 * for each event. Who is slow is told how many it has missed; it holds nobody up.
 */
#ifndef BERTH_CONTROL_FOLLOW_H
#define BERTH_CONTROL_FOLLOW_H

#include <microhttpd.h>

#include "base/buf.h"
#include "control/control.h"

struct follower {
	struct follow *all;
	struct MHD_Connection *http; /* NULL: the place is free */
	bool is_suspended;           /* until there's something to send */
	bool is_to_beat;             /* an empty line is due, to see whether anybody is there */
	uint64_t after;              /* the last event that it has been sent */
	struct buf lines;            /* what it's sent next */
};

struct follow {
	const struct control_ops *ops;
	void *data;
	bool is_ending;
	struct follower at[CONTROL_FOLLOWERS_MAX];
};

/* @ops, @data: borrowed. */
void follow_init(struct follow *f, const struct control_ops *ops, void *data);

/*
 * follow_begin - an answer that begins with the event after @after
 *
 * @after:         beyond the last it is taken for the last
 * @ret_response:  yours
 *
 * Returns 0; -EBUSY if there are too many followers; -ENOMEM.
 */
int follow_begin(struct follow *f, struct MHD_Connection *http, uint64_t after,
		 struct MHD_Response **ret_response);

/* There is something new. Returns whether libmicrohttpd has something to do. */
bool follow_wake(struct follow *f);

/* Sends everybody who waits an empty line. */
void follow_beat(struct follow *f);

/* All answers end, with what there is so far, in libmicrohttpd's next round. */
void follow_end(struct follow *f);

#endif
