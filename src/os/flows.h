/*
 * Flows of datagrams: the program that steers them, and its tables, beside those
 * of the steering program. Loaded with the first UDP port, for their memory.
 */
#ifndef BERTH_OS_FLOWS_H
#define BERTH_OS_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/flow.h"
#include "os/steer.h"

/* NO_FD where there's none. */
struct flow_fds {
	int program;
	int table;
	int berths;
	int settings;
	int ids;
};

struct flows;

/*
 * steer_load_flows - load the program for datagrams
 *
 * @n_flows:  that its table has room for; the one longest unused goes first
 * @ret_fds:  each yours, also on error, where it was set
 *
 * 0 or -errno. Takes some 50 ms. Any thread, one at a time, as all of these.
 */
int steer_load_flows(const struct steer *s, uint32_t n_flows, struct flow_fds *ret_fds);

/*
 * flows_new - use a program that is loaded, by whomever
 *
 * @fds:  each is taken over, also on error, and unset
 *
 * Returns 0; -EBADF if one is missing, -EINVAL for maps of another layout, -ENOMEM.
 */
int flows_new(struct flow_fds *fds, struct flows **ret_flows);

/* Takes NULL. Returns NULL. Groups that obey the program go on doing so. */
struct flows *flows_free(struct flows *f);

/* They stay the flows'. */
const struct flow_fds *flows_fds(const struct flows *f);

/* How many the table has room for. */
uint32_t flows_limit(const struct flows *f);

/* Makes the group of the UDP socket @fd obey the program. 0 or -errno. */
int flows_attach(const struct flows *f, int fd);

/* What the program goes by; shared with it. */
struct flow_settings *flows_settings(struct flows *f);

/* As steer_show_berth(), steer_hide_berth() and steer_berth(), for what datagrams need. */
int flows_show_berth(struct flows *f, uint32_t berth);
void flows_hide_berth(struct flows *f, uint32_t berth);
struct flow_berth *flows_berth(struct flows *f, uint32_t berth);

/* From now on the connection ids that begin with @name, at port @port, lead to @berth. 0 or -errno. */
int flows_set_id(const struct flows *f, uint64_t name, uint32_t port, uint64_t berth);
void flows_clear_id(const struct flows *f, uint64_t name, uint32_t port);

/*
 * flows_read - look at some of the table
 *
 * @cursor:  0 at first; where to go on. Back at 0 when that was all of it
 *
 * Calls @found for each of up to FLOWS_READ_MAX flows. What comes and goes meanwhile may be
 * missed or told twice. Returns how many, or -errno.
 */
#define FLOWS_READ_MAX 4096

typedef void flows_found(const struct flow_key *key, const struct flow *flow, void *data);

int flows_read(struct flows *f, uint64_t *cursor, flows_found *found, void *data);

#endif
