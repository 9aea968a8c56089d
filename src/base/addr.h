/*
 * An address that workers may share, as berth keeps and prints it.
 *
 * A `struct addr` is a plain value: compare, copy and hash it freely. Every
 * byte that does not carry meaning is zero, so that two equal addresses are
 * equal byte for byte.
 */
#ifndef BERTH_BASE_ADDR_H
#define BERTH_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDR_UNIX_MAX 108 /* sizeof sun_path */
#define ADDR_TEXT_MAX 160 /* any address printed, with its protocol and its NUL */

struct addr {
	uint16_t family;   /* AF_INET, AF_INET6, AF_UNIX; AF_UNSPEC: any IP address, port given */
	uint16_t protocol; /* IPPROTO_TCP or IPPROTO_UDP; 0 for AF_UNIX */
	uint16_t port;     /* host order; 0 for AF_UNIX */
	uint16_t unix_len; /* bytes of path that count; the NUL that ends a path never does */
	uint32_t device;   /* interface index that the socket is tied to, or 0 */
	bool v6only;
	union {
		struct in_addr v4;
		struct in6_addr v6;
		char path[ADDR_UNIX_MAX]; /* a first byte of 0 means an abstract name */
	} u;
};

enum addr_error {
	ADDR_OK = 0,
	ADDR_TOO_SHORT,      /* fewer bytes than the family needs */
	ADDR_TOO_LONG,       /* more bytes than a sockaddr may have */
	ADDR_FAMILY_UNKNOWN, /* not IPv4, IPv6 or Unix */
	ADDR_BAD_PORT,       /* not a number from 1 to 65535 */
	ADDR_BAD_HOST,       /* not a numeric address */
	ADDR_BAD_PATH,       /* empty, or longer than a Unix address may be */
};

/*
 * addr_parse - read an address as users write it
 *
 * @text:      "8000", "127.0.0.1:8000", "[::]:8000", each with "udp:" before it or
 *             not, "unix:/path" or "unix:@name"
 * @ret_addr:  UDP, TCP or Unix stream address; "8000" and "*:8000" give AF_UNSPEC
 *
 * "[::]:8000" is dual-stack (v6only false), as the kernel's default is. A
 * link-local address may name its interface by index: "[fe80::1%2]:8000".
 * Returns ADDR_OK or what is wrong. Any thread. Never blocks.
 */
enum addr_error addr_parse(const char *text, struct addr *ret_addr);

/*
 * addr_from_sockaddr - decode bytes that came from a worker or from the kernel
 *
 * @bytes:     a struct sockaddr of any family, not necessarily aligned
 * @size:      how many bytes there are, 0 to 128 or more (more is ADDR_TOO_LONG)
 * @ret_addr:  protocol and v6only are left 0: the bytes do not tell them
 *
 * Reads the bytes as the kernel's bind() does: a short sockaddr_in6 is taken, a
 * scope id counts for link-local addresses only, AF_UNSPEC with 0.0.0.0 is IPv4.
 * Port 0 is a good address. A Unix address without a path (for which the kernel
 * makes up a name) is ADDR_BAD_PATH. Returns ADDR_OK or what is wrong.
 */
enum addr_error addr_from_sockaddr(const void *bytes, size_t size, struct addr *ret_addr);

/*
 * addr_set_v6only - note whether a socket at @a takes IPv6 only
 *
 * That tells two wildcards apart. A socket with one address has no choice, and
 * the kernel sets its option when it is bound: @a stays as it is then.
 */
void addr_set_v6only(struct addr *a, bool v6only);

/* Fills @ret_sockaddr and returns its length; 0 when @a is AF_UNSPEC. */
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ret_sockaddr);

/*
 * Prints without protocol: "127.0.0.1:8000", "[::]:8000", "*:8000", "unix:/path".
 * A device follows its host as "%2". Bytes of a path that are no printable UTF-8
 * become '?'. Returns @buffer.
 */
const char *addr_text(const struct addr *a, char buffer[static ADDR_TEXT_MAX]);

/* Prints as addr_parse() reads it: "udp:0.0.0.0:53". Returns @buffer. */
const char *addr_name(const struct addr *a, char buffer[static ADDR_TEXT_MAX]);

/* What is wrong, as the rest of a sentence that begins with the text that was given. */
const char *addr_error_text(enum addr_error e);

bool addr_equal(const struct addr *a, const struct addr *b);
bool addr_is_wildcard(const struct addr *a);

#endif
