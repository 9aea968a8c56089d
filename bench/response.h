/* Reads as much of HTTP as the load generator needs. */
#ifndef BENCH_RESPONSE_H
#define BENCH_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

enum response {
	RESPONSE_PARTIAL, /* good so far */
	RESPONSE_WHOLE,
	RESPONSE_BAD
};

/*
 * response_check - how far a response has come
 *
 * @text:        its first bytes, terminated; the whole head must be among them
 * @n_received:  bytes received so far, kept or not
 * @is_ended:    the server has closed the connection. Without that, only a response that
 *               states its length can be whole, and one that doesn't is bad.
 */
enum response response_check(const char *text, size_t n_received, bool is_ended);

/* Whether the server announces that it will close the connection. */
bool response_closes(const char *text);

/* Returns N of "pid N" or of an "X-Pid: N" header, 0 if there's neither. */
int response_pid(const char *text);

#endif
