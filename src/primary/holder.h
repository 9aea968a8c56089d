/*
 * Who holds an address, in one sentence: for a worker's log and for `berth run`.
 */
#ifndef BERTH_PRIMARY_HOLDER_H
#define BERTH_PRIMARY_HOLDER_H

#include <stddef.h>

#include "base/addr.h"

/*
 * holder_sentence - say who holds an address that could not be bound
 *
 * @wanted:    TCP, UDP or Unix address; with AF_UNSPEC, all addresses of its port
 * @ret_text:  one line in printable UTF-8 without a full stop:
 *             "port 8000/tcp is held by nginx (pid 812, user www-data) on 0.0.0.0:8000"
 * @size:      of @ret_text; what does not fit is cut off
 *
 * Names the socket that matters most and the first process that has it open, or the berth
 * that has: "berth-keeper (pid 812, user root, berth app hello)".
 *
 * Returns 0; -ENOENT when there is nothing (any more) that the kernel would show;
 * -ENOMEM and the like. The primary's thread; as long as it takes to look at every
 * descriptor on the host, some milliseconds.
 */
int holder_sentence(const struct addr *wanted, char *ret_text, size_t size);

#endif
