/*
 * What the steering program calls us for.
 *
 * - Connections have moved to a berth: the kernel moves what waits at a closing
 *   socket, but wakes nobody at the new one, so that a moved client would wait
 *   until the next one comes. We wake the worker.
 * - Traffic begins after a quiet time: from then on, until it is quiet again, we
 *   look every now and then whether a worker has closed a socket that still has
 *   a queue. While nothing happens, nothing wakes us.
 */
#ifndef BERTH_PRIMARY_NEWS_H
#define BERTH_PRIMARY_NEWS_H

#include "primary/ports.h"

struct news;

/* Begins to listen to the program. 0 or -errno. Primary's thread only; never blocks. */
int news_new(struct ports *p, struct news **ret_news);

/* Takes NULL. The memory goes when the loop has closed the handles. */
struct news *news_free(struct news *n);

#endif
