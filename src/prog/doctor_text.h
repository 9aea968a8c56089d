/*
 * `berth doctor` for people.
 */
#ifndef BERTH_PROG_DOCTOR_TEXT_H
#define BERTH_PROG_DOCTOR_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "core/doctor.h"

/*
 * doctor_text_print - print the tier, then what isn't well, then what is
 *
 * @report:     sorted
 * @is_all:     what is well has lines of its own, too
 * @is_colour:  for a terminal
 *
 * Returns 0, -EIO if it can't be written.
 */
int doctor_text_print(const struct doctor_report *report, bool is_all, bool is_colour, FILE *out);

#endif
