/*
 * Errors of bind() and listen() as sentences. See advice.h.
 */
#include "core/advice.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char *advice_subject(const struct addr *a, char ret_text[static ADVICE_SUBJECT_MAX])
{
	char text[ADDR_TEXT_MAX];

	if (a->family == AF_UNIX)
		(void)snprintf(ret_text, ADVICE_SUBJECT_MAX, "%s", addr_text(a, text));
	else
		(void)snprintf(ret_text, ADVICE_SUBJECT_MAX, "port %u/%s", a->port,
			       a->protocol == IPPROTO_UDP ? "udp" : "tcp");
	return ret_text;
}

/* What the errors of a path's directories mean; NULL for all others. */
static const char *path_advice(int error)
{
	switch (error) {
	case EACCES:
		return "this user may not make files in its directory: choose another "
		       "directory, or give this user the right to write there";
	case ENOENT: return "its directory does not exist: make it first";
	case ENOTDIR: return "a part of its path is no directory: correct the path";
	case EROFS: return "its file system is read-only: choose a directory below /run or /tmp";
	case ELOOP: return "its path runs in a circle of symbolic links: correct the links";
	case ENAMETOOLONG: return "a part of its path is too long: choose a shorter one";
	case EADDRINUSE:
		return "something has that name already: `berth why` with this address "
		       "tells what";
	default: return NULL;
	}
}

/* Whether a network address cannot be used without the interface that it belongs to. */
static bool lacks_device(const struct addr *a)
{
	return a->family == AF_INET6 && a->device == 0 && IN6_IS_ADDR_LINKLOCAL(&a->u.v6);
}

static const char *port_advice(int error, const struct addr *a)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return "a rule of this host forbids it (a security module such as SELinux or "
		       "AppArmor, or a BPF program): ask whoever set it up";
	case EADDRNOTAVAIL:
		return "this host has no such address: choose one that `ip address` "
		       "shows, or 0.0.0.0 or [::] for all of them";
	case EAFNOSUPPORT:
	case EPROTONOSUPPORT:
		return a->family == AF_INET6
			       ? "this host has no IPv6: choose an IPv4 address, such "
				 "as 0.0.0.0 for all"
			       : "this host does not have this kind of address: choose "
				 "another";
	case ENODEV: return "this host has no such interface: `ip link` shows those it has";
	case EADDRINUSE: return "another socket has it: `berth why` with this port tells whose";
	case EINVAL:
		return lacks_device(a)
			       ? "a link-local address needs its interface: write its index "
				 "behind it, as in [fe80::1%2]:8000"
			       : "the socket has an address already, or the address is too "
				 "short for its kind: bind a new socket to a whole address";
	case EOPNOTSUPP: return "sockets of this kind do not listen: bind a stream socket";
	default: return NULL;
	}
}

/* What is short in the process or on the host, whatever the address is. */
static const char *shortage_advice(int error)
{
	switch (error) {
	case EMFILE: return "this process has too many open files: raise its limit (`ulimit -n`)";
	case ENFILE: return "this host has too many open files: raise fs.file-max";
	case ENOBUFS:
		return "berth has no room for one more: its 256 ports, or the 1024 berths of "
		       "this one, are in use";
	case ENOMEM:
		return "the kernel has no memory left for it: free some, or raise the "
		       "memory limit of this control group";
	default: return NULL;
	}
}

static bool is_privileged(int error, const struct addr *a, unsigned port_start)
{
	return error == EACCES && a->family != AF_UNIX && a->port < port_start;
}

const char *advice_for_bind(int error, const struct addr *a, unsigned port_start,
			    char ret_text[static ADVICE_TEXT_MAX])
{
	char address[ADDR_TEXT_MAX];
	char subject[ADVICE_SUBJECT_MAX];
	const char *advice = a->family == AF_UNIX ? path_advice(error) : port_advice(error, a);

	if (!advice)
		advice = shortage_advice(error);
	if (!advice)
		advice = strerrordesc_np(error);
	if (is_privileged(error, a, port_start))
		(void)snprintf(ret_text, ADVICE_TEXT_MAX,
			       "%s is below %u and this berth process may not bind it: run berth "
			       "as root, give the berth program the right as well (setcap with "
			       "cap_net_bind_service, see berth(1)), "
			       "or choose a port from %u on",
			       advice_subject(a, subject), port_start, port_start);
	else
		(void)snprintf(ret_text, ADVICE_TEXT_MAX, "%s cannot be bound: %s",
			       addr_text(a, address), advice ? advice : "unknown error");
	return ret_text;
}
