/* What the small servers of the tests have in common. None of them knows of berth. */
#ifndef SERVERS_SERVE_H
#define SERVERS_SERVE_H

#include <stdint.h>
#include <sys/socket.h>

struct serve_address {
	struct sockaddr_storage addr;
	socklen_t size;
};

/*
 * Reads "PORT [ADDRESS]" or "unix:/path" from what is left of the command line; prints
 * what is wrong and exits with 2.
 */
void serve_address_read(int argc, char **argv, struct serve_address *ret_address);

/* Reads a number of an option; prints what is wrong and exits with 2. */
unsigned serve_number(const char *text, unsigned max);

/*
 * serve_open - socket, SO_REUSEADDR, bind, listen
 *
 * @address:   where
 * @backlog:   as for listen()
 * @ret_fd:    listening socket, the caller's; set on success
 * @ret_call:  name of the call that failed; set on error
 *
 * Returns 0 or -errno.
 */
int serve_open(const struct serve_address *address, int backlog, int *ret_fd,
	       const char **ret_call);

/* Returns the socket's own port, 0 if it has none. */
uint16_t serve_port(int fd);

/* Prints "pid N listens on port P" (or "... on PATH") as one line, at once. */
void serve_announce(int listener);

/* Reads one request, answers "hello from pid N", closes. Waits for a slow client. */
void serve_answer(int fd);

#endif
