/*
 * Ownership marks: `own_fd` and `own_free` release what a scope owns when the
 * scope ends; take_fd() and take_ptr() hand it on. Releasing keeps errno.
 */
#ifndef BERTH_BASE_OWN_H
#define BERTH_BASE_OWN_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define NO_FD (-EBADF) /* an fd that is not set */

static inline void own_fd_done(int *fd)
{
	int kept = errno;

	if (*fd >= 0)
		(void)close(*fd);
	errno = kept;
}

static inline void own_free_done(void *p)
{
	int kept = errno;

	free(*(void **)p);
	errno = kept;
}

#define own_fd   __attribute__((cleanup(own_fd_done))) int
#define own_free __attribute__((cleanup(own_free_done)))

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = NO_FD;
	return taken;
}

/* Closes what @fd holds, if anything, and leaves it unset. */
static inline void drop_fd(int *fd)
{
	own_fd_done(fd);
	*fd = NO_FD;
}

#define take_ptr(p)                       \
	__extension__({                   \
		__typeof__(p) taken_ = p; \
		(p) = NULL;               \
		taken_;                   \
	})

#endif
