/*
 * Finds the sockets that hold a port or a Unix address, with what they mean for
 * somebody who wants to bind it.
 */
#ifndef BERTH_PRIMARY_HOLDER_SEARCH_H
#define BERTH_PRIMARY_HOLDER_SEARCH_H

#include <sys/types.h>

#include "core/holders.h"

#define HOLDER_SOCKETS_MAX     8192 /* listening or bound; more are counted only */
#define HOLDER_CONNECTIONS_MAX 64   /* connections at our end; more are counted only */

struct holder_socket {
	struct socket_info info;
	struct holders_verdict verdict;
	unsigned group; /* for holder_report's use */
};

struct holder_search {
	struct socket_wish wish;
	struct holder_socket *sockets;
	size_t n_sockets, sockets_size;
	struct holders_count count;       /* of all that were found, kept or not */
	size_t n_by_state[SOCKET_STATES]; /* of those that may be in the way, kept or not */
	size_t n_kept[SOCKET_STATES];
	uint32_t ends_in_ms; /* when the last of those in TIME_WAIT will be over */
	mode_t file_type;    /* AF_UNIX: what stands at the path, S_IFSOCK or other, or 0 */
};

/* How berth would bind @addr for itself: alone, and beside what is over and done with. */
struct socket_wish holder_wish(const struct addr *addr);

/*
 * holder_search_init - begin a search with nothing found
 *
 * holder_search_done() must follow it. It leaves an empty search.
 */
void holder_search_init(const struct socket_wish *wish, struct holder_search *ret_search);
void holder_search_done(struct holder_search *s);

/*
 * holder_search_run - add the sockets of some states to what is found
 *
 * @protocol:  IPPROTO_TCP or IPPROTO_UDP; ignored with a Unix address
 * @states:    SOCK_DIAG_ bits; ignored with a Unix address
 *
 * Keeps also sockets that have the wished port and are not in the way. Returns 0, or
 * -errno of sock_diag_port() and sock_diag_unix(), -ENOMEM; what was found before
 * stays. Does not block with a port, with a path as its file system does.
 */
int holder_search_run(struct holder_search *s, uint16_t protocol, unsigned states);

/* Puts what matters first to the front. */
void holder_search_sort(struct holder_search *s);

/*
 * A bind has succeeded: whatever was found is not in the way, having SO_REUSEADDR.
 * Connections are forgotten; they mean nothing any more.
 */
void holder_search_absolve(struct holder_search *s);

/*
 * What stands at a Unix path that no socket of this network namespace has: "a file
 * that is no socket: choose another path". NULL where there's nothing.
 */
const char *holder_file_text(const struct holder_search *s);

#endif
