/*
 * libmicrohttpd asks for bytes whenever it can send some, and is told to wait while there
 * are none. What an answer is to have next is made only then: so nothing piles up for a
 * slow reader, and what the ring has lost by then is counted. See follow.h.
 */
#include "control/follow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES 4096
#define LINES_MAX   ((size_t)64 * 1024)

static void append_line(struct follower *w, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	if (text && buf_append(&w->lines, text, strlen(text)))
		(void)buf_append(&w->lines, "\n", 1);
	free(text);
	json_decref(object);
}

static void fill(struct follower *w)
{
	struct follow *f = w->all;
	uint64_t n_lost = 0, number = 0;
	json_t *event;

	if (w->is_to_beat)
		(void)buf_append(&w->lines, "\n", 1);
	w->is_to_beat = false;
	while (buf_span(&w->lines).size < BLOCK_BYTES &&
	       (event = f->ops->event(f->data, w->after, &number, &n_lost))) {
		if (n_lost && w->after) /* at its beginning nobody has missed anything */
			append_line(w, json_pack("{s:I}", "lost", (json_int_t)n_lost));
		append_line(w, event);
		w->after = number;
	}
}

/* The form is libmicrohttpd's. */
static ssize_t read_more(void *cls, uint64_t at, char *to, size_t size)
{
	struct follower *w = cls;
	struct span lines;

	(void)at;
	if (buf_span(&w->lines).size == 0)
		fill(w);
	lines = buf_span(&w->lines);
	if (lines.size == 0 && w->all->is_ending)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (lines.size == 0) {
		w->is_suspended = true;
		MHD_suspend_connection(w->http);
		return 0;
	}
	if (lines.size < size)
		size = lines.size;
	memcpy(to, lines.at, size);
	buf_consume(&w->lines, size);
	return (ssize_t)size;
}

static void on_end(void *cls)
{
	struct follower *w = cls;

	buf_done(&w->lines);
	w->http = NULL;
}

void follow_init(struct follow *f, const struct control_ops *ops, void *data)
{
	*f = (struct follow){ .ops = ops, .data = data };
}

static struct follower *free_place(struct follow *f)
{
	for (size_t i = 0; i < CONTROL_FOLLOWERS_MAX; i++)
		if (!f->at[i].http)
			return &f->at[i];
	return NULL;
}

int follow_begin(struct follow *f, struct MHD_Connection *http, uint64_t after,
		 struct MHD_Response **ret_response)
{
	struct follower *w = free_place(f);
	struct MHD_Response *response;

	if (!w)
		return -EBUSY;
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_more, w,
						     on_end);
	if (!response)
		return -ENOMEM;
	/* It begins with an empty line: then its reader knows that it has begun. */
	*w = (struct follower){ .all = f, .http = http, .is_to_beat = true };
	w->after = f->ops->reach(f->data, after);
	buf_init(&w->lines, LINES_MAX);
	*ret_response = response;
	return 0;
}

static bool resume(struct follower *w)
{
	if (!w->http || !w->is_suspended)
		return false;
	w->is_suspended = false;
	MHD_resume_connection(w->http);
	return true;
}

bool follow_wake(struct follow *f)
{
	bool has_any = false;

	for (size_t i = 0; i < CONTROL_FOLLOWERS_MAX; i++)
		has_any |= resume(&f->at[i]);
	return has_any;
}

void follow_beat(struct follow *f)
{
	for (size_t i = 0; i < CONTROL_FOLLOWERS_MAX; i++) {
		f->at[i].is_to_beat = true;
		(void)resume(&f->at[i]);
	}
}

void follow_end(struct follow *f)
{
	f->is_ending = true;
	(void)follow_wake(f);
}
