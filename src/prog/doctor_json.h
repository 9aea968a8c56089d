/*
 * `berth doctor --json`, for programs.
 */
#ifndef BERTH_PROG_DOCTOR_JSON_H
#define BERTH_PROG_DOCTOR_JSON_H

#include <stdio.h>

#include "core/doctor.h"

/* Prints all as one JSON object. Returns 0; -ENOMEM, -EIO if it can't be written. */
int doctor_json_print(const struct machine_info *m, const struct doctor_tier *tier,
		      const struct doctor_report *report, FILE *out);

#endif
