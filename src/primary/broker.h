/*
 * The broker: answers the calls that workers are trapped in. Each call goes
 * from the bytes of the worker to a verdict of core/port_table, to what is done
 * about it, to one answer.
 */
#ifndef BERTH_PRIMARY_BROKER_H
#define BERTH_PRIMARY_BROKER_H

#include <stdint.h>

#include "core/message.h"
#include "os/notif.h"
#include "primary/output.h"
#include "primary/ports.h"

/* A worker as the broker sees it. */
struct broker_client {
	struct message_source source;
	uint64_t run; /* which of all runs of workers; no other has this number */
	int notify_fd;
	int64_t explained_at_ms; /* when its last error was explained; 0: never */
	unsigned n_unexplained;  /* errors since then */
	bool is_held;            /* it gets no clients yet, or no more */
	uint16_t unique_port;    /* that it was told of last, 0: none */
	int64_t ready_at_ms;     /* 0: it isn't yet */
	bool has_told_opaque;    /* that it does not let us look into it */
};

/* Everything that it points to is borrowed. */
struct broker {
	struct ports *ports;
	const struct app_config *config;
	struct output *output;
	uint64_t netns_cookie;
	struct notif_record *record; /* of the call that is being answered */

	/* The worker of @slot listens at @port, and gets its connections from now on. */
	void (*on_listening)(struct broker *b, struct broker_client *client,
			     const struct port *port);
};

enum broker_result {
	BROKER_ANSWERED,
	BROKER_NOTHING,  /* the caller died before it could be answered */
	BROKER_DESERTED, /* nobody is left who could call */
};

/*
 * broker_serve - answer one call of a worker
 *
 * @client:  its notify fd is readable, or else this would wait
 *
 * What it cannot do becomes the result of the call, and a sentence in the
 * worker's log. Primary's thread only. Does not block, but for the milliseconds
 * that looking for the holder of a port takes.
 */
enum broker_result broker_serve(struct broker *b, struct broker_client *client);

/*
 * broker_resume - answer the call that our predecessor may have died over
 *
 * @find:  the client with this run, NULL if there is none any more
 *
 * What it had done already is taken for done. As broker_serve() otherwise.
 */
void broker_resume(struct broker *b, struct broker_client *(*find)(void *data, uint64_t run),
		   void *data);

#endif
