/*
 * The tier in the first line, then a line for each finding with what to do below it, and
 * what is well by name only. See doctor_text.h.
 */
#include "prog/doctor_text.h"

#include <errno.h>
#include <string.h>

#define LABEL_WIDTH 7   /* "warning" */
#define LINE_WIDTH  100 /* of the list of names */

#define TIER "tier"

static const char *colour_of(enum doctor_severity severity)
{
	switch (severity) {
	case DOCTOR_OK: break;
	case DOCTOR_NOTE: return "\033[36m";
	case DOCTOR_WARNING: return "\033[33m";
	case DOCTOR_ERROR: return "\033[31m";
	}
	return "\033[32m";
}

static void print_label(const char *label, enum doctor_severity severity, bool is_colour, FILE *out)
{
	if (is_colour)
		(void)fprintf(out, "%s%-*s\033[0m  ", colour_of(severity), LABEL_WIDTH, label);
	else
		(void)fprintf(out, "%-*s  ", LABEL_WIDTH, label);
}

static bool is_tier(const struct doctor_finding *f)
{
	return strcmp(f->id, TIER) == 0;
}

static void print_finding(const struct doctor_finding *f, bool is_colour, FILE *out)
{
	print_label(is_tier(f) ? TIER : doctor_severity_text(f->severity), f->severity, is_colour,
		    out);
	(void)fprintf(out, "%s\n", f->text);
	if (f->action[0])
		(void)fprintf(out, "%*s  → %s\n", LABEL_WIDTH, "", f->action);
}

static void print_tier(const struct doctor_report *report, bool is_colour, FILE *out)
{
	for (size_t i = 0; i < report->n; i++)
		if (is_tier(&report->findings[i]))
			print_finding(&report->findings[i], is_colour, out);
}

/* What is well by itself; addresses are told in full, since they were asked about. */
static bool is_name_enough(const struct doctor_finding *f)
{
	return f->severity == DOCTOR_OK && !f->subject[0];
}

static void print_names(const struct doctor_report *report, bool is_colour, FILE *out)
{
	size_t column = 0;

	for (size_t i = 0; i < report->n; i++) {
		const struct doctor_finding *f = &report->findings[i];
		size_t width = strlen(f->id) + strlen(", ");

		if (!is_name_enough(f) || is_tier(f))
			continue;
		if (column == 0) {
			print_label("ok", DOCTOR_OK, is_colour, out);
			column = LABEL_WIDTH + 2;
		} else if (column + width > LINE_WIDTH) {
			(void)fprintf(out, ",\n%*s", LABEL_WIDTH + 2, "");
			column = LABEL_WIDTH + 2;
		} else {
			(void)fputs(", ", out);
		}
		(void)fputs(f->id, out);
		column += width;
	}
	if (column > 0)
		(void)fputc('\n', out);
}

int doctor_text_print(const struct doctor_report *report, bool is_all, bool is_colour, FILE *out)
{
	print_tier(report, is_colour, out);
	for (size_t i = 0; i < report->n; i++) {
		const struct doctor_finding *f = &report->findings[i];

		if (!is_tier(f) && (is_all || !is_name_enough(f)))
			print_finding(f, is_colour, out);
	}
	if (!is_all)
		print_names(report, is_colour, out);
	return ferror(out) ? -EIO : 0;
}
