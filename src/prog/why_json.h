/*
 * `berth why --json`, for programs.
 */
#ifndef BERTH_PROG_WHY_JSON_H
#define BERTH_PROG_WHY_JSON_H

#include <stdio.h>

#include "primary/holder_report.h"

/* Prints a report to @out, as one JSON object. Returns 0; -ENOMEM, -EIO if it can't be written. */
int why_json_print(const struct holder_report *r, FILE *out);

#endif
