/*
 * The broker: answers the calls that workers are trapped in. Each call goes
 * from the bytes of the worker to a verdict of core/port_table, to what is done
 * about it, to one answer.
 */
#ifndef BERTH_PRIMARY_BROKER_H
#define BERTH_PRIMARY_BROKER_H

#include <stdint.h>

#include "core/message.h"
#include "primary/output.h"
#include "primary/ports.h"

/* A worker as the broker sees it. */
struct broker_client {
	struct message_source source;
	int notify_fd;
	int64_t explained_at_ms; /* when its last error was explained; 0: never */
	unsigned n_unexplained;  /* errors since then */
	bool has_told_opaque;    /* that it does not let us look into it */
};

struct broker {
	struct ports *ports;
	const struct app_config *config;
	struct output *output;
	uint64_t netns_cookie;

	/* The worker of @slot listens at @a, and gets its connections from now on. */
	void (*on_listening)(struct broker *b, unsigned slot, const struct addr *a);
};

enum broker_result {
	BROKER_ANSWERED,
	BROKER_NOTHING,  /* the caller died before it could be answered */
	BROKER_DESERTED, /* nobody is left who could call */
};

/* Answers one call of @client; call it when the client's notify fd is readable. Never blocks. */
enum broker_result broker_serve(struct broker *b, struct broker_client *client);

#endif
