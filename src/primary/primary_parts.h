/*
 * What the primary consists of: for the files that are parts of it.
 */
#ifndef BERTH_PRIMARY_PRIMARY_PARTS_H
#define BERTH_PRIMARY_PRIMARY_PARTS_H

#include "primary/drain.h"
#include "primary/drain_order.h"
#include "primary/event_log.h"
#include "primary/fleet.h"
#include "primary/hang_watch.h"
#include "primary/notify_socket.h"
#include "primary/output.h"
#include "primary/primary.h"
#include "primary/recycling.h"
#include "primary/reload.h"
#include "primary/upgrade.h"

#define PRIMARY_PATH_MAX     4096
#define PRIMARY_ORDERS       10            /* signals that mean something */
#define PRIMARY_JOURNAL_NAME "log/journal" /* of the workers' output, at the keeper */
#define PRIMARY_EVENTS_NAME  "events"      /* what has happened, likewise */

struct primary {
	const struct app_config *config;
	char *const *argv;
	const struct primary_api *api;
	int api_fd; /* NO_FD where nobody can ask */
	uv_loop_t loop;
	struct keep *keep;
	struct output *output;
	struct event_log *events;
	int64_t wall_ms; /* the wall clock when clock_ms() was 0 */
	struct ports ports;
	struct broker broker;
	struct fleet fleet;
	struct reload reload;
	struct recycling recycling;
	struct drain_order drain_order;
	struct hang_watch hang_watch;
	struct drain *drain;
	struct notify_socket *notify; /* NULL: nobody asked for it */
	struct upgrade upgrade;
	struct sock_fprog *filter;
	int record_fd;    /* of the trapped call */
	uv_timer_t renew; /* of the keeper */
	uint64_t renew_ms;
	uv_signal_t signals[PRIMARY_ORDERS]; /* while there is no keeper that tells of them */
	bool has_signals;                    /* they are initialized */
	int64_t renewed_at_ms;
	char path[PRIMARY_PATH_MAX]; /* of the program */
	unsigned n_primaries;        /* this one included */
	bool is_tiered;
	bool may_save;   /* what a predecessor has left is all here */
	bool is_unsaved; /* the last try failed: that is said */
	bool has_ended;
};

#endif
