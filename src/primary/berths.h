/*
 * The berths of a port: opening one for a worker that listens, and closing it
 * when the worker goes or has closed its socket.
 *
 * Where the steering program can tell who else holds a socket, the keeper holds a copy
 * of each berth's. A worker's close() then ends nothing at once: the program
 * passes the berth over from that moment on, and when nothing can be on its way
 * there any more the copy closes, and the kernel moves the queue. Without the
 * copy, a client whose handshake ends while the socket closes would be reset.
 */
#ifndef BERTH_PRIMARY_BERTHS_H
#define BERTH_PRIMARY_BERTHS_H

#include "primary/ports.h"

/*
 * berths_open - a worker listens at @port with socket @fd: let it have connections
 *
 * @fd:       stays the caller's
 * @is_held:  not yet: once berths_admit() says so
 *
 * 0, also if it had them already; -ENOBUFS when the port has no seat left.
 * Primary's thread only. Never blocks.
 */
int berths_open(struct port *port, int fd, const struct sock_facts *facts,
		const struct berth_owner *owner, bool is_held);

/* New connections for that worker, at every port where it listens and there is a seat for it. */
void berths_admit(struct ports *p, uint64_t run);

/* No new ones, until berths_admit(); its berths stay, and so does what waits in its queues. */
void berths_hold(struct ports *p, uint64_t run);

/*
 * berths_set_canary - give held berths a share of new connections
 *
 * @share: in 2^32nds of all at each port
 */
void berths_set_canary(struct ports *p, uint64_t run, uint32_t share);

/*
 * berths_lead_probe - lead a connection of our own to one worker
 *
 * @source:  the port number that it comes from
 * @port:    the port number that it goes to
 *
 * 0, also where nothing can be led (the shared tier); -EAGAIN if too many are on their way.
 */
int berths_lead_probe(struct ports *p, uint64_t run, uint16_t source, uint16_t port);

/* It has arrived, or never will. */
void berths_forget_probe(struct ports *p, uint16_t source);

/* No berth has such a share. */
void berths_clear_canary(struct ports *p);

/* Our own descriptor of a berth's socket, from its worker. 0; -ESRCH if the worker has it no more. */
int berth_borrow(struct berth *b, int *ret_fd);

/* Whether the worker of @run listens at @port now. */
bool berths_has_worker(struct port *port, uint64_t run);

/*
 * What waits in that worker's queues goes to others, at once, and it can't accept any
 * more: for one that won't. Those that it has accepted stay with it.
 */
void berths_hand_on(struct ports *p, uint64_t run);

/* No new connections for that worker, ever; those it has accepted stay with it. */
void berths_close_worker(struct ports *p, uint64_t run);

/* Closes the berths whose worker has closed its socket; returns how many are left. */
size_t berths_sweep(struct port *port);
void berths_sweep_all(struct ports *p);

/* Puts @b's socket @fd behind its index in the steering maps; returns as steer_begin_berth(). */
int berth_put(struct ports *p, const struct berth *b, int fd);

/* Gives the keeper a copy of @b's socket, taken from the worker. */
void berth_store(struct ports *p, struct berth *b);

/* The same for all of a port's: the keeper is a new one. */
void berths_store(struct port *port);

/* All of a port's, at once: the port itself goes. */
void berths_free(struct port *port);

#endif
