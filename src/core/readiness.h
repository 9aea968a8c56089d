/*
 * When a worker is ready to serve: that's observed, and not promised by it.
 */
#ifndef BERTH_CORE_READINESS_H
#define BERTH_CORE_READINESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/port_table.h"

#define READINESS_WORDS (PORT_TABLE_MAX / 64)

/* A set of ports, by their index in the table. */
struct readiness_ports {
	uint64_t bits[READINESS_WORDS];
};

struct readiness {
	struct readiness_ports wanted;  /* where it must listen; empty: anywhere will do */
	struct readiness_ports listens; /* where it does */
	bool must_notify;               /* READY=1 is awaited */
	bool has_notified;
	bool must_pass; /* a probe is awaited */
	bool has_passed;
};

enum readiness_lack {
	READINESS_LACKS_NOTHING = 0,
	READINESS_LACKS_LISTEN, /* it listens nowhere */
	READINESS_LACKS_PORT,   /* it listens, and not everywhere where it must */
	READINESS_LACKS_NOTICE,
	READINESS_LACKS_PROBE, /* the last thing that is looked at: only who listens is asked */
};

/* What it lacks; the first of them. Any thread, as all of these. None blocks. */
enum readiness_lack readiness_lack(const struct readiness *r);

bool readiness_has(const struct readiness_ports *set, unsigned port);
void readiness_add(struct readiness_ports *set, unsigned port);
void readiness_remove(struct readiness_ports *set, unsigned port);
bool readiness_is_empty(const struct readiness_ports *set);

/* Whether @set has all that are in @wanted. */
bool readiness_has_all(const struct readiness_ports *set, const struct readiness_ports *wanted);

#endif
