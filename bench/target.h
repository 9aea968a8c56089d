/* Where the load goes to and where it seems to come from. */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include <stdint.h>
#include <sys/socket.h>

struct target {
	struct sockaddr_storage addr;
	socklen_t addr_size;
	unsigned n_sources; /* 127/8 addresses to come from in turn; 0: the kernel chooses */
	unsigned next_source;
};

/*
 * target_parse - read an address
 *
 * @text:        PORT, 1.2.3.4:PORT, [::1]:PORT or unix:/path
 * @n_sources:   source addresses to use; counts only where @text is in 127/8
 * @ret_target:  set on success
 *
 * Returns 0, or -EINVAL if @text is no such address.
 */
int target_parse(const char *text, unsigned n_sources, struct target *ret_target);

/*
 * target_connect - begin a new connection
 *
 * @t:       target
 * @ret_fd:  non-blocking socket, the caller's; set on success
 *
 * Returns 0, also while the connection is being made; -errno of the call that failed.
 */
int target_connect(struct target *t, int *ret_fd);

/* Writes fd's own address, as far as it's known, for a log. */
void target_local_name(int fd, char *ret_name, size_t size_bytes);

#endif
