/*
 * The last lines that workers have written, for whoever explains why one has failed.
 */
#ifndef BERTH_CORE_TAIL_H
#define BERTH_CORE_TAIL_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

#define TAIL_LINES     64  /* of all workers */
#define TAIL_LINE_SIZE 160 /* bytes */

struct tail_line {
	pid_t pid;
	unsigned char size;
	char text[TAIL_LINE_SIZE]; /* its beginning, any bytes */
};

/* All zero when it is new. */
struct tail {
	struct tail_line lines[TAIL_LINES];
	size_t next;
};

/* @line: any bytes, of which a copy is kept. Any thread, as all of these; none blocks. */
void tail_add(struct tail *t, pid_t pid, struct span line);

/*
 * tail_text - the last lines of one worker
 *
 * @size: of @ret_text, in bytes, at least 1
 *
 * "" if none is known. Lines are parted by " | "; the oldest are left out where there's no
 * room for them, so the last one always is there, well-formed and fit to be shown. Returns
 * @ret_text.
 */
const char *tail_text(const struct tail *t, pid_t pid, char *ret_text, size_t size);

#endif
