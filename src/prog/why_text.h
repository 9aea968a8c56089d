/*
 * `berth why` for people.
 */
#ifndef BERTH_PROG_WHY_TEXT_H
#define BERTH_PROG_WHY_TEXT_H

#include <stdio.h>

#include "primary/holder_report.h"

/* Prints a report to @out. Returns 0, or -errno if it cannot be written. */
int why_text_print(const struct holder_report *r, FILE *out);

#endif
