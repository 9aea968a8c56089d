/*
 * The report: findings come in, and leave in order. See doctor.h.
 */
#include "core/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/doctor_say.h"

void doctor_say(struct doctor_report *r, enum doctor_severity severity, const char *id,
		const char *format, ...)
{
	struct doctor_finding *f;
	va_list args;

	if (r->n == DOCTOR_FINDINGS_MAX)
		return;
	f = &r->findings[r->n++];
	*f = (struct doctor_finding){ .id = id, .severity = severity };
	va_start(args, format);
	(void)vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
}

void doctor_advise(struct doctor_report *r, const char *format, ...)
{
	struct doctor_finding *f = &r->findings[r->n - 1];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(f->action, sizeof(f->action), format, args);
	va_end(args);
}

void doctor_examine(const struct machine_info *m, struct doctor_report *report)
{
	doctor_examine_programs(m, report);
	doctor_examine_rights(m, report);
	doctor_examine_limits(m, report);
}

/* A few dozen at most, and nearly in order. */
void doctor_sort(struct doctor_report *report)
{
	for (size_t i = 1; i < report->n; i++) {
		struct doctor_finding moved = report->findings[i];
		size_t at = i;

		while (at > 0 && report->findings[at - 1].severity < moved.severity) {
			report->findings[at] = report->findings[at - 1];
			at--;
		}
		report->findings[at] = moved;
	}
}

enum doctor_severity doctor_worst(const struct doctor_report *report)
{
	enum doctor_severity worst = DOCTOR_OK;

	for (size_t i = 0; i < report->n; i++)
		if (report->findings[i].severity > worst)
			worst = report->findings[i].severity;
	return worst;
}

const char *doctor_severity_text(enum doctor_severity severity)
{
	switch (severity) {
	case DOCTOR_OK: break;
	case DOCTOR_NOTE: return "note";
	case DOCTOR_WARNING: return "warning";
	case DOCTOR_ERROR: return "error";
	}
	return "ok";
}
