/*
 * `berth why PORT`: who holds or blocks an address, and what would have to change.
 */
#ifndef BERTH_PROG_WHY_H
#define BERTH_PROG_WHY_H

#include <stdbool.h>

#include "base/addr.h"

/*
 * why_parse_address - read an address that is asked about: "8000", "127.0.0.1:8000/udp"
 *
 * @who:  how the complaint begins, which goes to standard error: "berth why"
 *
 * Returns whether it is one. Any thread.
 */
bool why_parse_address(const char *who, const char *text, struct addr *ret_wanted);

/*
 * why_main - run `berth why [--json] PORT|ADDR`
 *
 * @argc, @argv:  from the verb on: argv[0] is "why"
 *
 * Needs nothing to be running. Prints to standard output, errors to standard error.
 * Returns the exit code: 0 if the address is free and this process may bind it, 8 if
 * it's held, 4 if this process may not bind it, 2 for a wrong command line, 1 otherwise.
 */
int why_main(int argc, char **argv);

#endif
