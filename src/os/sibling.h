/*
 * The other programs of berth, which stand beside this one.
 */
#ifndef BERTH_OS_SIBLING_H
#define BERTH_OS_SIBLING_H

#include <stddef.h>

/*
 * sibling_path - where the program @name of this berth is
 *
 * In the directory of the program that runs now, or in ../libexec/berth beside it,
 * or in ../../bin above it. Returns 0; -ENOENT where it's in none of them, another
 * -errno where our own place cannot be told. Any thread. Blocks as file systems do.
 */
int sibling_path(const char *name, char *ret_path, size_t size);

#endif
