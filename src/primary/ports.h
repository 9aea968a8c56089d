/*
 * The ports that the primary has claimed: their sockets, and the berths at them.
 *
 * A steered port has an anchor, a listening socket of the primary's in the
 * group of the workers' own. A shared port has one listening socket that every
 * worker gets a descriptor of. A port that is only held ("8000" before any
 * worker has said which address it means) has a socket that doesn't listen. A
 * port of the shared tier that is pending has only the socket of the worker
 * that has bound it.
 */
#ifndef BERTH_PRIMARY_PORTS_H
#define BERTH_PRIMARY_PORTS_H

#include <assert.h>
#include <stdbool.h>
#include <uv.h>

#include "base/addr.h"
#include "core/app_config.h"
#include "core/drift.h"
#include "core/port_table.h"
#include "os/sock.h"
#include "os/steer.h"
#include "os/unix_path.h"
#include "primary/keep.h"

/* A port's index in the table is its number for the steering program. */
static_assert(PORT_TABLE_MAX == STEER_PORTS_MAX, "the program has room for every port");

struct anchor_watch;

enum port_kind {
	PORT_HELD,
	PORT_STEERED,
	PORT_SHARED,
	PORT_PENDING,
};

/* The worker that a berth belongs to: one run of it. */
struct berth_owner {
	unsigned slot;
	uint64_t run;  /* see broker_client */
	pid_t process; /* the one of its tree that listens */
	pid_t thread;  /* and the thread of that which made the call */
	int fd;        /* the socket's number there, when it began */
};

/* A worker's listening socket at a port. */
struct berth {
	struct berth *next;
	uint32_t index; /* in the steering maps */
	uint64_t cookie;
	uint64_t inode;
	bool is_copied;     /* the keeper has it, too: where we can see its other holders */
	bool is_udp;        /* it gets datagrams; nobody holds a copy, but for --udp-hold: */
	int hold_fd;        /* of a UDP socket; NO_FD: it isn't held */
	int64_t gone_at_ms; /* when its worker was found to be gone, 0: it is there */
	bool is_held;       /* it has no seat: its worker is on trial, or drains */
	uint64_t n_moved;   /* connections that came by migration, when we last looked */
	unsigned n_knocks;  /* wake-ups that are still to be tried */
	struct drift drift; /* of its counter of live connections */
	struct drift_reading count; /* while one lasts */
	struct berth_owner owner;
};

struct port {
	struct ports *ports;
	unsigned id; /* in the table, and in the steering maps */
	enum port_kind kind;
	bool is_named;     /* by --listen */
	bool is_unclaimed; /* a predecessor of ours died before it had its socket */
	int64_t idle_since_ms;
	int fd;                 /* the anchor, or the shared socket */
	uint32_t anchor;        /* its index in the steering maps */
	uint64_t n_connections; /* steered so far, when we last looked */
	struct sock_facts like;
	struct anchor_watch *watch;
	struct berth *berths;
	struct unix_path path;
	struct berth_owner pending; /* who has bound it last, and may listen yet */
	uint64_t pending_cookie;    /* of that socket, 0: none */
	unsigned any_port;          /* likewise: what port_claim() calls so, or PORT_NONE */
};

struct ports {
	uv_loop_t *loop;
	struct keep *keep;
	pid_t origin; /* for names that outlive us */
	const struct app_config *config;
	bool will_steer;     /* as far as we know before the program is loaded */
	struct steer *steer; /* NULL in the shared tier */
	struct port_table table;
	struct port *at[PORT_TABLE_MAX];
	uint32_t n_openings;
	void (*on_traffic)(void *data); /* now and then, while there is any; may be NULL */
	void *on_traffic_data;
	void (*on_removed)(void *data, unsigned port); /* by its index; may be NULL */
	void *on_removed_data;
	struct news *news;           /* NULL in the shared tier */
	struct leaving *leaving;     /* likewise */
	struct datagrams *datagrams; /* NULL as long as there's no UDP port that is steered */
	struct idle_ports *idle;
	struct berth_indices *indices;
};

/*
 * All of these are for the primary's thread only. None blocks, but for the moment
 * that a file system takes to make or remove the file of a Unix socket.
 */

/*
 * ports_init - begin without any port
 *
 * @keep:        where the sockets are kept; borrowed, as @config, until ports_done()
 * @will_steer:  whether the steering program will probably be loaded
 *
 * Returns 0 or -ENOMEM; ports_done() it either way.
 */
int ports_init(struct ports *p, uv_loop_t *loop, struct keep *keep, const struct app_config *config,
	       bool will_steer);

/* Closes everything, and removes the files of Unix sockets. */
void ports_done(struct ports *p);

/* Forgets the ports that a predecessor died over before it had their sockets. */
void ports_drop_unclaimed(struct ports *p);

/*
 * ports_claim_listed - claim what --listen names, before steering is loaded
 *
 * @ret_failed: the index in config->listen of the one that failed
 *
 * What a predecessor has claimed stays as it is. A file that a dead process left at a
 * Unix path is removed. Returns 0;
 * -EADDRINUSE if somebody has it; another -errno as bind() and listen() give it.
 */
int ports_claim_listed(struct ports *p, size_t *ret_failed);

/*
 * ports_begin_steering - put the claimed ports under the steering program
 *
 * @steer:  the ports' own from now on, also on error; NULL: the ports are shared
 *
 * Returns 0 or -errno; then some of the ports may obey and some may not.
 */
int ports_begin_steering(struct ports *p, struct steer *steer);

/*
 * port_resume - take a port that a predecessor of ours has noted
 *
 * @id: in its table, and free in ours
 *
 * With the socket that the keeper has, or none. Returns 0 or -ENOMEM.
 */
int port_resume(struct ports *p, const struct addr *a, unsigned id, struct port **ret_port);

/* The port of just this address, or NULL. */
struct port *ports_find(struct ports *p, const struct addr *a);

/* A port of ours that has the port number of @a, at another address, or NULL. */
struct port *ports_find_other(struct ports *p, const struct addr *a);

/* Its address, as it was claimed. Valid until the port is given up. */
const struct addr *port_addr(const struct port *port);

/*
 * ports_claim - claim an address for a worker that wants to bind it
 *
 * @like:     the worker's socket
 * @any_port: index of the "any address" entry that this one comes from, or PORT_NONE
 *
 * Returns 0, and a port that the ports own; -EADDRINUSE when it's held by others,
 * -ENOBUFS when all ports are taken, another -errno as bind() and listen() give it.
 */
int ports_claim(struct ports *p, const struct addr *a, const struct sock_facts *like,
		unsigned any_port, struct port **ret_port);

/*
 * The port that holds "any address" under the index @any_port, or NULL: another
 * worker may have said meanwhile which address it is.
 */
struct port *ports_held(struct ports *p, unsigned any_port);

/* @port takes the place of the one that held "any address" for it, if there is one. */
void port_replace_held(struct port *port);

/*
 * A worker binds @a in the shared tier, and may listen there then; @any_port is as for
 * ports_claim(). 0 or -errno.
 */
int ports_note_pending(struct ports *p, const struct addr *a, unsigned any_port,
		       struct port **ret_port);

/*
 * owner_open_socket - our own descriptor of a worker's socket, by where it was seen
 *
 * @cookie: of the socket
 *
 * 0; -ESRCH if that descriptor is something else by now, or nothing.
 */
int owner_open_socket(const struct berth_owner *owner, uint64_t cookie, int *ret_fd);

/* A worker has bound its socket at @port. */
void port_note_bound(struct port *port, const struct berth_owner *owner, uint64_t cookie);

/* Whether that socket is still there, and does not listen yet. */
bool port_is_bound(const struct port *port);

/* Its socket is of no more use: gives the port up, whoever named it. */
void port_drop(struct port *port);

/* Gives the keeper the port's own socket. 0 or -errno. */
int port_store(const struct port *port);

/* A number that no seat has had, and not 0. */
uint32_t ports_next_opening(struct ports *p);

/* The policy of our user's, as the steering program knows it. */
enum steer_policy ports_policy(const struct port *port);

/* Makes the names of Unix sockets again that a worker took away when it left. */
void ports_restore_names(struct ports *p);

/* Gives a port up that no worker has come to. Ports that --listen named stay. */
void port_release(struct port *port);

/* From now on a client that no worker listens for is refused, and doesn't wait. */
void ports_stop_catching(struct ports *p);

#endif
