/*
 * Waking workers for connections that moved to them.
 *
 * When a listening socket closes, the kernel moves what waits in its queue to
 * the berth that the program names, but wakes nobody there: a worker that
 * sleeps would let the moved client wait until the next one comes. The program
 * tells us of each move; we wake the workers concerned.
 */
#ifndef BERTH_PRIMARY_WAKEUP_H
#define BERTH_PRIMARY_WAKEUP_H

#include "primary/ports.h"

struct wakeup;

/* Begins to watch for moves. 0 or -errno. */
int wakeup_new(struct ports *p, struct wakeup **ret_wakeup);

/* Takes NULL. The memory goes when the loop has closed the handles. */
struct wakeup *wakeup_free(struct wakeup *w);

#endif
