/*
 * Whether what was printed has arrived.
 */
#ifndef BERTH_PROG_PRINT_CHECK_H
#define BERTH_PROG_PRINT_CHECK_H

#include <stdbool.h>

/*
 * print_check - give all that was printed to standard output
 *
 * @who:  how the complaint begins: "berth why"
 *
 * Returns false, and says so on standard error, if some of it could not be written: on
 * a full disk, say. May block as standard output does.
 */
bool print_check(const char *who);

#endif
