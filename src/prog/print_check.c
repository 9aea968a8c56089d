/*
 * The end of what is printed for people to read. See print_check.h.
 */
#include "prog/print_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool print_check(const char *who)
{
	bool has_failed = ferror(stdout) != 0; /* errno is that of the last write then */
	int error = errno;

	if (fflush(stdout) != 0) {
		has_failed = true;
		error = errno;
	}
	if (has_failed)
		(void)fprintf(stderr, "%s: cannot print: %s\n", who, strerror(error));
	return !has_failed;
}
