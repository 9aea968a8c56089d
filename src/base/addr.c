/*
 * Addresses as plain values: read from what users write, decoded from what the
 * kernel and workers hand over, printed for people.
 *
 * Decoding follows the kernel's own rules for bind(), so that berth and the
 * kernel never read two different addresses out of the same bytes.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/number.h"
#include "base/utf8.h"

/* The kernel takes a sockaddr_in6 from before there was a scope id (RFC 2133). */
#define SIN6_SIZE_MIN offsetof(struct sockaddr_in6, sin6_scope_id)

#define UNIX_PATH_AT offsetof(struct sockaddr_un, sun_path)
#define UNIX_PREFIX  "unix:"
#define UDP_PREFIX   "udp:"

/* "ffff:...:255.255.255.255%4294967295" and its NUL */
#define HOST_TEXT_MAX (INET6_ADDRSTRLEN + 11)

union any_sockaddr {
	sa_family_t family;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
	struct sockaddr_storage storage;
};

/* Only these have an interface in their scope id; for others the kernel ignores it. */
static bool has_scope(const struct in6_addr *v6)
{
	return IN6_IS_ADDR_LINKLOCAL(v6) || IN6_IS_ADDR_MC_LINKLOCAL(v6) ||
	       IN6_IS_ADDR_MC_NODELOCAL(v6);
}

static enum addr_error from_v4(const struct sockaddr_in *in, size_t size, struct addr *ret_addr)
{
	if (size < sizeof(*in))
		return ADDR_TOO_SHORT;
	/* Of AF_UNSPEC, bind() takes 0.0.0.0 as if it said AF_INET. */
	if (in->sin_family == AF_UNSPEC && in->sin_addr.s_addr != htonl(INADDR_ANY))
		return ADDR_FAMILY_UNKNOWN;

	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->family = AF_INET;
	ret_addr->port = ntohs(in->sin_port);
	ret_addr->u.v4 = in->sin_addr;
	return ADDR_OK;
}

static enum addr_error from_v6(const struct sockaddr_in6 *in6, size_t size, struct addr *ret_addr)
{
	if (size < SIN6_SIZE_MIN)
		return ADDR_TOO_SHORT;

	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->family = AF_INET6;
	ret_addr->port = ntohs(in6->sin6_port);
	ret_addr->u.v6 = in6->sin6_addr;
	if (size >= sizeof(*in6) && has_scope(&in6->sin6_addr))
		ret_addr->device = in6->sin6_scope_id;
	return ADDR_OK;
}

static enum addr_error from_unix(const struct sockaddr_un *un, size_t size, struct addr *ret_addr)
{
	size_t length;

	/* Without a path, bind() makes up a name: nothing that could be shared. */
	if (size <= UNIX_PATH_AT || size > sizeof(*un))
		return ADDR_BAD_PATH;
	length = size - UNIX_PATH_AT;
	if (un->sun_path[0] != '\0') /* an abstract name is as long as the caller said */
		length = strnlen(un->sun_path, length);

	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->family = AF_UNIX;
	ret_addr->unix_len = (uint16_t)length;
	memcpy(ret_addr->u.path, un->sun_path, length);
	return ADDR_OK;
}

enum addr_error addr_from_sockaddr(const void *bytes, size_t size, struct addr *ret_addr)
{
	union any_sockaddr any = { 0 };

	if (size > sizeof(any.storage))
		return ADDR_TOO_LONG;
	if (size < sizeof(any.family))
		return ADDR_TOO_SHORT;
	memcpy(&any, bytes, size);

	switch (any.family) {
	case AF_UNSPEC:
	case AF_INET: return from_v4(&any.v4, size, ret_addr);
	case AF_INET6: return from_v6(&any.v6, size, ret_addr);
	case AF_UNIX: return from_unix(&any.un, size, ret_addr);
	default: return ADDR_FAMILY_UNKNOWN;
	}
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ret_sockaddr)
{
	union any_sockaddr any = { 0 };
	size_t size = 0;

	switch (a->family) {
	case AF_INET:
		any.v4.sin_family = AF_INET;
		any.v4.sin_port = htons(a->port);
		any.v4.sin_addr = a->u.v4;
		size = sizeof(any.v4);
		break;
	case AF_INET6:
		any.v6.sin6_family = AF_INET6;
		any.v6.sin6_port = htons(a->port);
		any.v6.sin6_addr = a->u.v6;
		any.v6.sin6_scope_id = has_scope(&a->u.v6) ? a->device : 0;
		size = sizeof(any.v6);
		break;
	case AF_UNIX:
		any.un.sun_family = AF_UNIX;
		memcpy(any.un.sun_path, a->u.path, a->unix_len);
		/* A path ends with a NUL where one fits; in a name it would count. */
		size = UNIX_PATH_AT + a->unix_len;
		if (a->u.path[0] != '\0' && a->unix_len < ADDR_UNIX_MAX)
			size++;
		break;
	default: break;
	}
	*ret_sockaddr = any.storage;
	return (socklen_t)size;
}

static enum addr_error parse_unix(const char *path, struct addr *ret_addr)
{
	bool is_abstract = path[0] == '@';
	size_t length = strlen(path);
	struct addr a = { .family = AF_UNIX };

	/* A path needs room for its NUL; a name needs one byte beside the '@'. */
	if (is_abstract ? length < 2 || length > ADDR_UNIX_MAX
			: length < 1 || length > ADDR_UNIX_MAX - 1)
		return ADDR_BAD_PATH;

	a.unix_len = (uint16_t)length;
	memcpy(a.u.path, path, length);
	if (is_abstract)
		a.u.path[0] = '\0';
	*ret_addr = a;
	return ADDR_OK;
}

/* @host: what stands between the brackets; cut apart where an interface's index follows */
static bool parse_v6(char *host, struct addr *a)
{
	char *percent = strchr(host, '%');
	uint64_t device = 0;

	if (percent) {
		*percent++ = '\0';
		if (!number_parse(percent, strlen(percent), UINT32_MAX, &device) || device == 0)
			return false;
	}
	if (inet_pton(AF_INET6, host, &a->u.v6) != 1)
		return false;
	if (percent && !has_scope(&a->u.v6))
		return false;
	a->family = AF_INET6;
	a->device = (uint32_t)device;
	return true;
}

static bool parse_host(const char *text, size_t size, struct addr *a)
{
	char host[HOST_TEXT_MAX] = "";

	if (size == 1 && text[0] == '*') {
		a->family = AF_UNSPEC;
		return true;
	}
	if (size > 2 && text[0] == '[' && text[size - 1] == ']') {
		if (size - 2 >= sizeof(host))
			return false;
		memcpy(host, text + 1, size - 2);
		return parse_v6(host, a);
	}
	if (size >= sizeof(host))
		return false;
	memcpy(host, text, size);
	a->family = AF_INET;
	return inet_pton(AF_INET, host, &a->u.v4) == 1;
}

enum addr_error addr_parse(const char *text, struct addr *ret_addr)
{
	struct addr a = { .protocol = IPPROTO_TCP, .family = AF_UNSPEC };
	const char *colon;
	const char *port_text;
	uint64_t port;

	if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		return parse_unix(text + strlen(UNIX_PREFIX), ret_addr);
	if (strncmp(text, UDP_PREFIX, strlen(UDP_PREFIX)) == 0) {
		text += strlen(UDP_PREFIX);
		a.protocol = IPPROTO_UDP;
	}
	colon = strrchr(text, ':');
	port_text = colon ? colon + 1 : text;
	if (!number_parse(port_text, strlen(port_text), UINT16_MAX, &port) || port == 0)
		return ADDR_BAD_PORT;
	if (colon && !parse_host(text, (size_t)(colon - text), &a))
		return ADDR_BAD_HOST;

	a.port = (uint16_t)port;
	*ret_addr = a;
	return ADDR_OK;
}

static void unix_text(const struct addr *a, char buffer[static ADDR_TEXT_MAX])
{
	const char *from = a->u.path, *end = from + a->unix_len;
	char *to = stpcpy(buffer, UNIX_PREFIX);

	if (from < end && *from == '\0') {
		*to++ = '@';
		from++;
	} else if (from < end && *from == '@') {
		to = stpcpy(to, "./"); /* a file whose name looks like an abstract one */
	}
	while (from < end) {
		size_t length = utf8_printable(from, (size_t)(end - from));

		if (length > 0)
			memcpy(to, from, length);
		else
			*to = '?';
		length += length == 0;
		to += length;
		from += length;
	}
	*to = '\0';
}

const char *addr_text(const struct addr *a, char buffer[static ADDR_TEXT_MAX])
{
	char host[INET6_ADDRSTRLEN] = "*";
	char device[sizeof("%4294967295")] = "";

	if (a->family == AF_UNIX) {
		unix_text(a, buffer);
		return buffer;
	}
	if (a->family != AF_UNSPEC)
		(void)inet_ntop(a->family, &a->u, host, sizeof(host));
	if (a->device != 0)
		(void)snprintf(device, sizeof(device), "%%%u", a->device);
	(void)snprintf(buffer, ADDR_TEXT_MAX, a->family == AF_INET6 ? "[%s%s]:%u" : "%s%s:%u", host,
		       device, a->port);
	return buffer;
}

const char *addr_name(const struct addr *a, char buffer[static ADDR_TEXT_MAX])
{
	const size_t n = a->protocol == IPPROTO_UDP ? strlen(UDP_PREFIX) : 0;
	char text[ADDR_TEXT_MAX];

	(void)snprintf(buffer, ADDR_TEXT_MAX, "%s%.*s", n ? UDP_PREFIX : "",
		       (int)(ADDR_TEXT_MAX - 1 - n), addr_text(a, text));
	return buffer;
}

const char *addr_error_text(enum addr_error e)
{
	switch (e) {
	case ADDR_OK: return "is a good address";
	case ADDR_TOO_SHORT: return "has fewer bytes than an address of its family needs";
	case ADDR_TOO_LONG: return "has more bytes than any address may have";
	case ADDR_FAMILY_UNKNOWN: return "is no IPv4, IPv6 or Unix address";
	case ADDR_BAD_PORT: return "must end with a port from 1 to 65535";
	case ADDR_BAD_HOST:
		return "needs a numeric address before its port: write 8000, 127.0.0.1:8000 or "
		       "[::1]:8000";
	case ADDR_BAD_PATH:
		return "needs a path of 1 to 107 bytes: write unix:/path, or unix:@name for an "
		       "abstract name";
	}
	return "is no address";
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && a->protocol == b->protocol && a->port == b->port &&
	       a->unix_len == b->unix_len && a->device == b->device && a->v6only == b->v6only &&
	       memcmp(a->u.path, b->u.path, ADDR_UNIX_MAX) == 0; /* all of the union */
}

void addr_set_v6only(struct addr *a, bool v6only)
{
	a->v6only = v6only && a->family == AF_INET6 && addr_is_wildcard(a);
}

bool addr_is_wildcard(const struct addr *a)
{
	switch (a->family) {
	case AF_UNSPEC: return true;
	case AF_INET: return a->u.v4.s_addr == htonl(INADDR_ANY);
	case AF_INET6: return IN6_IS_ADDR_UNSPECIFIED(&a->u.v6);
	default: return false;
	}
}
