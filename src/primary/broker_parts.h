/*
 * What the files of the broker share: one trapped call, and what is done to its socket.
 */
#ifndef BERTH_PRIMARY_BROKER_PARTS_H
#define BERTH_PRIMARY_BROKER_PARTS_H

#include "core/port_table.h"
#include "os/notif.h"
#include "primary/broker.h"

/* One trapped call, with all that is known of it. */
struct trap {
	struct broker *broker;
	struct broker_client *client;
	struct notif_call call;
	bool is_resumed; /* by a predecessor of ours, we cannot know how far */
	int fd;          /* our descriptor of the socket that the call names */
	struct sock_facts facts;
	struct addr addr;
};

/* Whether the primary may join the group: sockets of different users never do. 0 or -errno. */
int broker_make_ours(const struct trap *t, const struct port *port);

/* Undoes that. */
void broker_make_theirs(const struct trap *t, const struct port *port);

/*
 * Another socket takes the place of the worker's own. One that the program has
 * told epoll about is forgotten there. 0 or -errno.
 */
int broker_put_in_place(const struct trap *t, int fd);

struct berth_owner broker_owner(const struct trap *t);

#endif
