/*
 * Sockets: what one is, and the few things that berth does to one. Everything
 * here takes and gives addresses as `struct addr`; network byte order ends here.
 */
#ifndef BERTH_OS_SOCK_H
#define BERTH_OS_SOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"

struct sock_facts {
	int family;
	int type;
	int protocol;
	bool v6only;
	bool is_listening;
	bool has_freebind; /* IP_FREEBIND or IP_TRANSPARENT: may have an address that isn't here */
	uint32_t device;
	uint64_t cookie;       /* the kernel's name for the socket, never used twice */
	uint64_t netns_cookie; /* likewise for its network namespace */
	uint64_t inode;
	uid_t uid; /* whom a reuseport group takes it to belong to */
};

/* SO_REUSEADDR and SO_REUSEPORT, as they are set. */
struct sock_sharing {
	int reuse_addr;
	int reuse_port;
};

/*
 * None of these takes or keeps a descriptor that it is given; one that it makes
 * is the caller's, non-blocking, and closed on exec. Any thread. None blocks.
 */

/* What @fd is. 0; -ENOTSOCK or -EBADF if it is no socket. */
int sock_facts(int fd, struct sock_facts *ret_facts);

/* The cookie of the network namespace that we make sockets in. 0, or -errno without a socket. */
int sock_own_netns(uint64_t *ret_cookie);

/*
 * sock_bound_to - the address that a socket has
 *
 * @facts:     of @fd
 * @ret_addr:  port 0, or no path, if it is not bound
 *
 * Returns 0; -EAFNOSUPPORT for a family that is not ours.
 */
int sock_bound_to(int fd, const struct sock_facts *facts, struct addr *ret_addr);

/*
 * sock_claim - make a listening socket that nobody shares: the true answer to
 * "is this address free", and an open door for those of our uid afterwards
 *
 * @a:     TCP or Unix stream address
 * @like:  the worker's socket that asks, for the options that matter, or NULL
 *
 * Its queue is as long as the kernel allows (net.core.somaxconn).
 *
 * Returns 0; -EADDRINUSE if anybody has it; other errors as bind() and listen() give them.
 */
int sock_claim(const struct addr *a, const struct sock_facts *like, int *ret_fd);

/*
 * sock_claim_alone - as sock_claim(), and nobody can bind beside it afterwards either
 *
 * For the shared tier: there's no program that would keep clients from a stranger of
 * our uid.
 */
int sock_claim_alone(const struct addr *a, int *ret_fd);

/*
 * sock_join - make one more listening socket at a TCP address that we have claimed: the
 * next anchor
 *
 * @like:  as for sock_claim()
 *
 * Returns 0; -EADDRINUSE where the address is not ours to share; other errors as
 * bind() and listen() give them.
 */
int sock_join(const struct addr *a, const struct sock_facts *like, int *ret_fd);

/*
 * sock_hold - keep every TCP address of a port number from others, without listening
 *
 * @port:  0: any that is free
 *
 * For "8000": only a worker knows which address it will be. Returns 0, or
 * -errno as bind() gives it: -EADDRINUSE if anybody has it at any address.
 */
int sock_hold(uint16_t port, int *ret_fd);

/* Lets sock_claim() have an address of the port that @held_fd holds. 0 or -errno. */
int sock_loosen(int held_fd);

/* No longer lets it: as after sock_hold(). 0 or -errno. */
int sock_tighten(int held_fd);

/* setsockopt() of a number, 0 or -errno. */
int sock_set_option(int fd, int level, int name, int value);

/* listen(), 0 or -errno. */
int sock_listen(int fd, int backlog);

/* Sets what a member of our groups needs, before it is bound. 0 or -errno. */
int sock_make_sharable(int fd);

/* What sock_make_sharable() would change. */
void sock_sharing(int fd, struct sock_sharing *ret_sharing);

/* Puts it back, after a bind that failed. */
void sock_restore_sharing(int fd, const struct sock_sharing *sharing);

/* Binds @fd; 0 or -errno exactly as the kernel gives it. */
int sock_bind(int fd, const struct addr *a);

/*
 * sock_become - give shared socket @fd what a worker set on its own socket @worker_fd
 *
 * The blocking mode, and the options that connections inherit: those that
 * programs set before they bind. Returns 0, or -errno if one of the two is no
 * descriptor; an option that the kernel refuses is left out.
 */
int sock_become(int fd, int worker_fd);

/* Whether listening socket @fd was shut down by another holder, and is dead if it is a Unix one. */
bool sock_is_shut(int fd);

bool sock_is_listening(int fd);

/* Ends listening, for every holder of the socket. */
void sock_stop_listening(int fd);

/*
 * sock_wake - wake whoever waits for connections at listening socket @fd
 *
 * In accept(), poll() or epoll: the kernel tells them to look again, and the
 * socket stays as it is. For connections that were put into its queue by
 * another one's close.
 */
void sock_wake(int fd);

/* Whether connections wait to be accepted at listening socket @fd. */
bool sock_has_queue(int fd);

/*
 * Whether a process has the socket at the path @a, no abstract name, open now:
 * false where there is no file, or one that was left behind; true if we cannot
 * know. Nobody there hears of the question.
 */
bool sock_unix_is_alive(const struct addr *a);

/* How many connections wait to be accepted at a listening TCP socket; 0 if it is none. */
unsigned sock_n_queued(int fd);

struct sock_queue {
	unsigned n_waiting; /* connections that wait to be accepted */
	unsigned n_max;     /* more are dropped */
	unsigned n_dropped; /* handshakes, so far: mostly since the queue was full */
};

/* The same and its limit. 0; -EINVAL if it is no listening TCP socket. */
int sock_queue(int fd, struct sock_queue *ret_queue);

#endif
