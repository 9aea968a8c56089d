/*
 * Ports of UDP: their berths are open from bind() on, and what comes from one
 * address stays with one of them.
 *
 * The program that steers datagrams is loaded with the first such port. A
 * berth has a name there, of which no other had the same; the table of flows
 * says by it where each flow goes. A berth that closes loses its name, and the flows
 * that went there go to others. One that is held keeps its flows until they
 * are idle, and gets no others.
 */
#ifndef BERTH_PRIMARY_DATAGRAMS_H
#define BERTH_PRIMARY_DATAGRAMS_H

#include "os/flows.h"
#include "primary/ports.h"

struct datagrams;

/* Whether datagrams come to @port. */
bool port_is_udp(const struct port *port);

/*
 * datagrams_attach - have the program steer the group of @port's anchor
 *
 * Loads it, the first time. 0 or -errno. Primary's thread only, as all of these; but for
 * the 50 ms of loading, none blocks.
 */
int datagrams_attach(struct port *port);

/* A berth of @port's, whose socket is @fd, may have flows from now on. 0 or -errno. */
int datagrams_open(struct port *port, struct berth *b, int fd);

/* It has none any more, and gets none. */
void datagrams_close(struct port *port, const struct berth *b);

/* It keeps its flows, and gets no others; or gets others again. */
void datagrams_hold(struct port *port, const struct berth *b);

/* The names by which connection ids lead to @b: of its socket, and of its worker's run. */
void datagrams_set_ids(struct port *port, const struct berth *b);
void datagrams_clear_ids(struct port *port, const struct berth *b);

/* Sees to it that what the program has is what is noted of @port's berths. */
void datagrams_mend(struct port *port);

/* For a keeper that has nothing, and from one that has all. 0 or -errno. */
void datagrams_store(const struct ports *p);
int datagrams_resume(struct ports *p);

struct datagrams *datagrams_free(struct datagrams *d);

/* --- who drains --- */

/*
 * How many flows the worker of @run has that are not idle yet. A number may be half a second
 * old; 0 is true now.
 */
unsigned datagrams_n_flows(const struct ports *p, uint64_t run);

/*
 * Its flows go to others from now on: it may answer what it has. Returns whether
 * it has any berth of which this is true.
 */
bool datagrams_dismiss(const struct ports *p, uint64_t run);

/* --- for people --- */

struct datagrams_table {
	uint32_t limit;   /* of flows */
	uint32_t present; /* in the table now */
	uint64_t made;    /* ever */
	uint64_t evicted; /* of these, that made room for others */
};

/* 0; -ENOENT where no datagrams are steered. */
int datagrams_table(const struct ports *p, struct datagrams_table *ret_table);

struct datagrams_berth {
	uint32_t flows; /* that are not idle */
	uint64_t datagrams;
};

void datagrams_berth(const struct ports *p, const struct berth *b,
		     struct datagrams_berth *ret_berth);

#endif
