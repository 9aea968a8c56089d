/*
 * What the user asked for: one app, its command, its workers and its rules.
 * A plain value that the command line (later: a file) fills and nobody changes
 * afterwards.
 */
#ifndef BERTH_CORE_APP_CONFIG_H
#define BERTH_CORE_APP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "core/probe.h"
#include "core/recycle.h"
#include "core/restarts.h"

#define APP_NAME_MAX    63   /* bytes of [a-z0-9._-] */
#define APP_WORKERS_MAX 1000 /* slots of one app */
#define APP_PORTS_MAX   64   /* --listen, --unique or --private, each */
#define APP_WEIGHTS_MAX 64   /* that are told apart */

enum app_policy {
	POLICY_ROUND_ROBIN,
	POLICY_RANDOM_TWO,
	POLICY_HASH,
	POLICY_BALANCED,
	POLICY_STICKY,
	POLICY_WEIGHTED,
	POLICY_SHARED, /* one socket for all: the shared tier */
};

#define APP_POLICIES (POLICY_SHARED + 1)

enum app_mode {
	MODE_AUTO,
	MODE_STEERED,
	MODE_SHARED,
};

#define APP_MODES (MODE_SHARED + 1)

struct app_config {
	char *name;
	char **argv; /* the command, NULL at its end */
	unsigned n_workers;
	struct addr listen[APP_PORTS_MAX]; /* claimed before any worker starts */
	size_t n_listen;
	uint16_t unique_ports[APP_PORTS_MAX]; /* slot k that binds P gets P + k */
	size_t n_unique;
	uint16_t private_ports[APP_PORTS_MAX]; /* left to the worker */
	size_t n_private;
	uint16_t quic_ports[APP_PORTS_MAX]; /* of UDP, whose datagrams have connection ids */
	size_t n_quic;
	char **env; /* K=V, set in every worker, NULL at its end */
	enum app_policy policy;
	uint16_t weights[APP_WEIGHTS_MAX]; /* of slot 1, 2, …; see app_weight() */
	size_t n_weights;
	enum app_mode mode;
	int stop_signal;
	uint32_t stop_timeout_ms;
	uint32_t ready_timeout_ms; /* 0: a worker may take any time */
	uint32_t drain_ms;         /* that a worker's clients have to finish */
	uint32_t idle_close_ms;    /* while it drains; 0: no connection is closed for being idle */
	uint32_t watch_ms;         /* that a new generation is watched before it's final */
	uint32_t undo_ms;          /* that the last generation is kept, frozen */
	unsigned max_surge;        /* see core/rollout.h */
	unsigned max_unavailable;
	struct probe probe; /* of a worker that listens, before it's ready and from then on */
	struct probe_timing probe_timing;
	bool must_notify; /* a worker is ready when it sends READY=1 to NOTIFY_SOCKET */
	struct recycle_limits recycle; /* beyond which a worker is replaced */
	uint32_t hang_timeout_ms; /* and one whose queue stands still for so long; 0: none is */
	struct restarts_rules restarts; /* after which ends of a worker its slot stays empty */
	uint32_t udp_flows;             /* that the table has room for */
	bool udp_hold;                  /* a slot's UDP sockets outlive its worker */
	uint32_t udp_idle_ms;           /* after which a flow leaves a worker that drains */
	unsigned backlog_min; /* a worker's smaller backlog is raised to this; 0: none is */
	bool quiet;
	bool json;
};

/* Frees what @c owns: its name, argv and env. Takes one that is all zero. */
void app_config_done(struct app_config *c);

/* Of @slot: the last one given is for all that follow, and 1 where there's none. */
unsigned app_weight(const struct app_config *c, unsigned slot);

/* As users write them. */
const char *app_policy_text(enum app_policy policy);
const char *app_mode_text(enum app_mode mode);

#endif
