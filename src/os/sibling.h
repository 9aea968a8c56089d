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

/*
 * sibling_path_of - the same, of another program than the one that runs now
 *
 * @of:  an absolute path without "..", as realpath() gives it
 *
 * Returns 0, or -ENOENT. Any thread. Blocks as file systems do.
 */
int sibling_path_of(const char *of, const char *name, char *ret_path, size_t size);

/*
 * sibling_places - where sibling_path() looks for @name: "/usr/bin/berthd, /usr/libexec/..."
 *
 * Cut where there is no room. Returns 0, or -errno where our own place cannot be told. Any thread.
 * Never blocks.
 */
int sibling_places(const char *name, char *ret_text, size_t size);

#endif
