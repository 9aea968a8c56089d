/*
 * Reads what this machine, its kernel and this process have for berth.
 */
#ifndef BERTH_OS_MACHINE_H
#define BERTH_OS_MACHINE_H

#include "base/machine_info.h"

/*
 * machine_read - read all of it
 *
 * @ret_info:  what cannot be read is MACHINE_UNKNOWN, or false where it's a yes or no
 *
 * Tries what only trying tells: see worker_try(). One thread only. Blocks for some
 * milliseconds.
 */
void machine_read(struct machine_info *ret_info);

#endif
