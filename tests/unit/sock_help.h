/*
 * What the tests of os/sock have in common: addresses, and sockets of others.
 */
#ifndef BERTH_TESTS_SOCK_HELP_H
#define BERTH_TESTS_SOCK_HELP_H

#include <check.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/own.h"
#include "os/sock.h"

static inline struct addr address(const char *text)
{
	struct addr a;

	ck_assert_int_eq(addr_parse(text, &a), ADDR_OK);
	return a;
}

/* An address of ours whose port the kernel will choose. */
static inline struct addr any_port(const char *host)
{
	char text[64];
	struct addr a;

	(void)snprintf(text, sizeof(text), "%s:1", host);
	a = address(text);
	a.port = 0;
	return a;
}

static inline struct addr bound_to(int fd)
{
	struct sock_facts facts;
	struct addr a;

	ck_assert_int_eq(sock_facts(fd, &facts), 0);
	ck_assert_int_eq(sock_bound_to(fd, &facts, &a), 0);
	return a;
}

static inline struct addr at_port(const char *host, uint16_t port)
{
	struct addr a = any_port(host);

	a.port = port;
	return a;
}

static inline int make(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static inline void set(int fd, int name, int value)
{
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value)), 0);
}

static inline int get(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &size), 0);
	return value;
}

/* A bound socket that has the option @name, or none. */
static inline int try_bind(const struct addr *a, int name)
{
	int fd = make(a->family, SOCK_STREAM);
	int r;

	if (name)
		set(fd, name, 1);
	r = sock_bind(fd, a);
	if (r == 0)
		return fd;
	(void)close(fd);
	return r;
}

static inline int claim(const struct addr *a)
{
	int fd = NO_FD;

	ck_assert_int_eq(sock_claim(a, NULL, &fd), 0);
	return fd;
}

static inline void assert_not_claimed(const struct addr *a, int error)
{
	int fd = NO_FD;

	ck_assert_int_eq(sock_claim(a, NULL, &fd), -error);
	ck_assert_int_eq(fd, NO_FD);
}

static inline int connect_to(const struct addr *a)
{
	struct sockaddr_storage bytes;
	socklen_t size = addr_to_sockaddr(a, &bytes);
	int fd = make(a->family, SOCK_STREAM);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&bytes, size), 0);
	return fd;
}

#endif
