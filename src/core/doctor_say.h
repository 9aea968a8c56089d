/*
 * How findings come into a report: within the doctor's own files.
 */
#ifndef BERTH_CORE_DOCTOR_SAY_H
#define BERTH_CORE_DOCTOR_SAY_H

#include "core/doctor.h"

/* Adds a finding; there's always room for those of one examination. */
void doctor_say(struct doctor_report *r, enum doctor_severity severity, const char *id,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What to do about the finding that was added last. */
void doctor_advise(struct doctor_report *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Whether all of @wanted, bits as 1 << CAP_BPF, are in @caps. */
bool doctor_has_caps(uint64_t caps, uint64_t wanted);

/*
 * Advises to give berthd the rights to steer and to bind any port, those that it has, and
 * @more. setcap replaces what was there.
 */
void doctor_advise_setcap(struct doctor_report *r, const struct machine_info *m, uint64_t more);

/* What each of these files of the doctor examines. */
void doctor_examine_programs(const struct machine_info *m, struct doctor_report *report);
void doctor_examine_rights(const struct machine_info *m, struct doctor_report *report);
void doctor_examine_limits(const struct machine_info *m, struct doctor_report *report);

#endif
