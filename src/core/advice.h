/*
 * What a failed bind() or listen() means, and what to do about it, in one sentence.
 */
#ifndef BERTH_CORE_ADVICE_H
#define BERTH_CORE_ADVICE_H

#include <stddef.h>

#include "base/addr.h"

#define ADVICE_TEXT_MAX    512 /* the longest sentence, with its NUL */
#define ADVICE_SUBJECT_MAX (ADDR_TEXT_MAX + 16)

/*
 * advice_subject - how sentences about an address begin
 *
 * "port 8000/tcp" for any address with a port, else "unix:/path". Returns @ret_text.
 */
const char *advice_subject(const struct addr *a, char ret_text[static ADVICE_SUBJECT_MAX]);

/*
 * advice_for_bind - say what a failed bind() or listen() needs
 *
 * @error:       positive errno
 * @a:           the address that was asked for
 * @port_start:  the first port that needs no right (net.ipv4.ip_unprivileged_port_start)
 * @ret_text:    one sentence without its full stop, in printable UTF-8:
 *               "port 80/tcp is below 1024: run berth as root, or ..."
 *
 * Of EADDRINUSE it only tells how to learn more: see holder_sentence(). Returns
 * @ret_text. Any thread. Never blocks.
 */
const char *advice_for_bind(int error, const struct addr *a, unsigned port_start,
			    char ret_text[static ADVICE_TEXT_MAX]);

#endif
