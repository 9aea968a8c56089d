/*
 * What a machine, its kernel and its user mean for berth: findings, each with what to
 * do about it.
 */
#ifndef BERTH_CORE_DOCTOR_H
#define BERTH_CORE_DOCTOR_H

#include "base/addr.h"
#include "base/machine_info.h"
#include "core/holders.h"

#define DOCTOR_PORTS_MAX    64 /* addresses that may be asked about */
#define DOCTOR_FINDINGS_MAX (32 + 2 * DOCTOR_PORTS_MAX)
#define DOCTOR_TEXT_MAX     1024 /* the longest sentence, with its NUL */
#define DOCTOR_ACTION_MAX   (PATH_MAX + 512)
#define DOCTOR_SUBJECT_MAX  (ADDR_TEXT_MAX + 16)

enum doctor_severity {
	DOCTOR_OK,
	DOCTOR_NOTE,    /* good to know: it works, and something more could be had */
	DOCTOR_WARNING, /* a limit that will bite */
	DOCTOR_ERROR,   /* berth cannot do its work */
};

struct doctor_finding {
	const char *id; /* it never changes: programs read it */
	enum doctor_severity severity;
	char subject[DOCTOR_SUBJECT_MAX]; /* an address that was asked about; else empty */
	char text[DOCTOR_TEXT_MAX];       /* a sentence without its full stop */
	char action[DOCTOR_ACTION_MAX];   /* what to do, mostly a command; empty: nothing */
};

struct doctor_report {
	size_t n;
	struct doctor_finding findings[DOCTOR_FINDINGS_MAX];
};

/* Which tier berth would run in now. */
struct doctor_tier {
	bool is_permitted; /* the rights for steering are there */
	bool is_steered;
	bool sees_queues;
	const char *text; /* as `berth run` prints it */
};

/* What is known of an address that berth is to have. */
struct doctor_port {
	const struct addr *addr;
	enum holders_outcome outcome;
	bool is_berths;      /* whoever holds it is berth, or its workers */
	const char *asked;   /* the address as it was asked for */
	const char *summary; /* who holds it, or why it cannot be bound, as a sentence */
};

/* All of these: any thread, never block. Findings are added at the end of @report. */

/* Examines all but the tier and addresses. Texts of others in @m are escaped. */
void doctor_examine(const struct machine_info *m, struct doctor_report *report);

void doctor_examine_tier(const struct machine_info *m, const struct doctor_tier *tier,
			 struct doctor_report *report);

void doctor_examine_port(const struct machine_info *m, const struct doctor_port *port,
			 struct doctor_report *report);

/* The worst first; what is equally bad stays in its order. */
void doctor_sort(struct doctor_report *report);

/* DOCTOR_OK where there's no finding. */
enum doctor_severity doctor_worst(const struct doctor_report *report);

/* "ok", "note", "warning", "error". It never changes: programs read it. */
const char *doctor_severity_text(enum doctor_severity severity);

#endif
