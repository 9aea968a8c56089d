/*
 * Which rights berth lacks, and which file would have to be given them: it is
 * berthd that binds, and no other of berth's programs needs any.
 */
#ifndef BERTH_PRIMARY_RIGHTS_H
#define BERTH_PRIMARY_RIGHTS_H

#include <limits.h>
#include <stdbool.h>

#include "core/advice.h"

/* The whole path of berthd, or its name where it cannot be found. Returns @ret_path. */
const char *rights_berthd(char ret_path[static PATH_MAX]);

/*
 * rights_advice - advice_for_bind(), with the path of the file that lacks a right
 *
 * @is_asking:  this process only asks about the port, and berthd would bind it: that may
 *              have the right all the same
 * @size:       of @ret_text, ADVICE_TEXT_MAX at least; what does not fit is cut off
 *
 * Returns @ret_text. Any thread. Blocks as file systems do.
 */
const char *rights_advice(int error, const struct addr *a, bool is_asking, char *ret_text,
			  size_t size);

#endif
