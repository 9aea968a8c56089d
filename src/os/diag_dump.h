/*
 * One request to the kernel's socket diagnosis, and its answer read message by
 * message. Every length that the answer claims is checked against what has arrived.
 */
#ifndef BERTH_OS_DIAG_DUMP_H
#define BERTH_OS_DIAG_DUMP_H

#include <linux/netlink.h>
#include <stddef.h>
#include <sys/types.h>

/* Returns 0 to go on, and anything else to stop. @message is borrowed for the call. */
typedef int diag_visit(const struct nlmsghdr *message, void *arg);

/*
 * diag_dump - send @request, and visit each socket of the answer
 *
 * Returns 0; what @visit returned when it stopped; or -errno. Any thread. Never blocks.
 */
int diag_dump(const struct nlmsghdr *request, diag_visit *visit, void *arg);

/* Some bytes of a message; @at is NULL where there's none. */
struct diag_part {
	const void *at;
	size_t size;
};

/* What stands behind the first @fixed_size bytes of a message: its attributes. */
struct diag_part diag_rest(const struct nlmsghdr *message, size_t fixed_size);

/* The first attribute of a type among @attributes; its value may be attributes again. */
struct diag_part diag_find(struct diag_part attributes, unsigned type);

/*
 * diag_attribute - copy an attribute of a message
 *
 * @fixed_size:  of what stands before the attributes
 * @ret_value:   as much of it as there is and @size allows, then zeros: a kernel may
 *               know less than we ask for
 *
 * Returns how many bytes were copied, -ENOENT if the message has no such attribute.
 */
ssize_t diag_attribute(const struct nlmsghdr *message, size_t fixed_size, unsigned type,
		       void *ret_value, size_t size);

#endif
