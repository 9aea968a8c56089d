/*
 * TCP sockets for the tests of kernel promises: on loopback, on a port that
 * the kernel chose, bound and joined step by step.
 */
#ifndef BERTH_TESTS_KERNEL_NET_H
#define BERTH_TESTS_KERNEL_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_LISTENERS_MAX 4

enum net_place {
	AT_V4,     /* 127.0.0.1 */
	AT_V4_ANY, /* 0.0.0.0 */
	AT_V6,     /* ::1 */
	AT_V6_ANY, /* ::, v6only */
	AT_DUAL,   /* ::, IPv4 too */
};

#define WITH_REUSEADDR 1U
#define WITH_REUSEPORT 2U

/* Close-on-exec and non-blocking. Everything that returns an fd gives it to the caller. */
int net_socket(enum net_place place, unsigned with);

int net_bind(int fd, enum net_place place, uint16_t port); /* 0 or -errno */
int net_listen(int fd);                                    /* 0 or -errno */
int net_set_reuseport(int fd);                             /* 0 or -errno */
int net_listener(enum net_place place, uint16_t port, unsigned with);
uint16_t net_port(int fd); /* 0: not bound */
bool net_is_listening(int fd);

/* An exclusive claim that became a group, as the primary makes it. */
int net_anchor(enum net_place place, uint16_t *ret_port);

/* A blocking connect to the loopback address of @place; -errno when refused. */
int net_connect(enum net_place place, uint16_t port);
int net_client(enum net_place place, uint16_t port); /* must succeed */

/* Waits until @listener's accept queue holds @n connections. */
void net_await_queue(int listener, unsigned n);

/* Waits until the kernel on the other side has all that @client sent. */
void net_await_delivery(int client);

/* Accepts @n connections wherever they are, closes them and says where they were. */
void net_accept_all(const int *listeners, size_t n_listeners, size_t n, size_t *ret_counts);

int net_accept(int listener); /* waits for a connection */

const char *net_lacks_ipv6(void); /* NULL, or why it cannot be tested */

/* Moves this process to a network of its own, where nobody else takes a port. */
const char *net_lacks_own_namespace(void); /* NULL, or why it could not */

#endif
