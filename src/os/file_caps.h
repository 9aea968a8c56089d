/*
 * The capabilities that a program's file gives to whoever runs it.
 */
#ifndef BERTH_OS_FILE_CAPS_H
#define BERTH_OS_FILE_CAPS_H

#include <stdbool.h>

/*
 * file_caps_gives - whether a program runs with capability @cap, whoever starts it
 *
 * @cap:  CAP_NET_BIND_SERVICE and the like
 *
 * As setcap(8) has set it; a file system that is mounted without them gives none all the
 * same. Any thread. Blocks as file systems do.
 */
bool file_caps_gives(const char *path, unsigned cap);

#endif
