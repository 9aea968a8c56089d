/*
 * Sockets of datagrams: how an address is claimed without listening at it.
 */
#ifndef BERTH_OS_SOCK_UDP_H
#define BERTH_OS_SOCK_UDP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "os/sock.h"

/*
 * sock_udp_claim - make a socket that nobody shares: the true answer to "is this address
 * free", and an open door for those of our uid afterwards
 *
 * @like:     the worker's socket that asks, for the options that matter, or NULL
 * @is_held:  the port number is held by one of ours that sock_loosen() was called for
 *
 * What comes to it is forgotten at once. Returns 0; -EADDRINUSE if anybody has it; other
 * errors as bind() gives them.
 */
int sock_udp_claim(const struct addr *a, const struct sock_facts *like, bool is_held, int *ret_fd);

/* The same, with a queue of its own and no door: one socket for all workers. */
int sock_udp_claim_alone(const struct addr *a, bool is_held, int *ret_fd);

/*
 * sock_udp_hold - keep every UDP address of a port number from others, and answer nobody
 *
 * Returns 0, or -errno as bind() gives it.
 */
int sock_udp_hold(uint16_t port, int *ret_fd);

/* Bytes of memory that datagrams take in the queue of @fd, and how many may. 0 or -errno. */
int sock_udp_queue(int fd, struct sock_queue *ret_queue);

/* What a worker has set on @worker_fd before it was bound, for @fd that takes its place. */
int sock_udp_become(int fd, int worker_fd);

#endif
