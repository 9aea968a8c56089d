/*
 * The ports of a primary, and the verdict on a worker's bind: a list that is
 * short enough to be searched from its beginning.
 */
#include "core/port_table.h"

unsigned port_table_add(struct port_table *t, const struct addr *a)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		if (t->is_used[i])
			continue;
		t->is_used[i] = true;
		t->addrs[i] = *a;
		return i;
	}
	return PORT_NONE;
}

void port_table_put(struct port_table *t, const struct addr *a, unsigned port)
{
	t->is_used[port] = true;
	t->addrs[port] = *a;
}

void port_table_remove(struct port_table *t, unsigned port)
{
	t->is_used[port] = false;
}

unsigned port_table_find(const struct port_table *t, const struct addr *a)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (t->is_used[i] && addr_equal(&t->addrs[i], a))
			return i;
	return PORT_NONE;
}

/* "8000" on the command line: the port is ours, whichever address a worker names. */
static unsigned find_any_address(const struct port_table *t, const struct addr *a)
{
	for (unsigned i = 0; i < PORT_TABLE_MAX; i++)
		if (t->is_used[i] && t->addrs[i].family == AF_UNSPEC &&
		    t->addrs[i].port == a->port && t->addrs[i].protocol == a->protocol)
			return i;
	return PORT_NONE;
}

static bool has_port(const uint16_t *ports, size_t n, uint16_t port)
{
	for (size_t i = 0; i < n; i++)
		if (ports[i] == port)
			return true;
	return false;
}

/* Each member of a group of hearers gets its own copy: that needs nobody to share. */
static bool is_for_many(const struct addr *a)
{
	if (a->family == AF_INET6)
		return IN6_IS_ADDR_MULTICAST(&a->u.v6);
	return IN_MULTICAST(ntohl(a->u.v4.s_addr)) || a->u.v4.s_addr == htonl(INADDR_BROADCAST);
}

static bool is_sharable_udp(const struct bind_wish *wish)
{
	const struct addr *a = wish->addr;

	return a->family != AF_UNIX && a->protocol == IPPROTO_UDP && a->port != 0 &&
	       wish->is_our_netns && !is_for_many(a);
}

/* Whether it is of a kind that berth shares at all. */
static bool is_sharable(const struct bind_wish *wish)
{
	const struct addr *a = wish->addr;

	if (wish->type == SOCK_DGRAM)
		return is_sharable_udp(wish);
	if (wish->type != SOCK_STREAM)
		return false;
	if (a->family != AF_UNIX)
		return a->protocol == IPPROTO_TCP && a->port != 0 && wish->is_our_netns;
	/* A path belongs to the file system, an abstract name to the network namespace. */
	return a->unix_len > 0 && (a->u.path[0] != '\0' || wish->is_our_netns);
}

struct bind_judgement port_table_judge(const struct port_table *t, const struct app_config *c,
				       const struct bind_wish *wish)
{
	struct bind_judgement j = { .verdict = BIND_PASS, .port = PORT_NONE };
	uint16_t port = wish->addr->port;

	if (!is_sharable(wish))
		return j;
	if (port && has_port(c->private_ports, c->n_private, port))
		return j;
	if (port && has_port(c->unique_ports, c->n_unique, port)) {
		j.verdict = BIND_UNIQUE;
		if (port + wish->slot <= UINT16_MAX)
			j.unique_port = (uint16_t)(port + wish->slot);
		return j;
	}
	j.port = port_table_find(t, wish->addr);
	if (j.port != PORT_NONE) {
		j.verdict = BIND_JOIN;
		return j;
	}
	j.verdict = BIND_CLAIM;
	if (port)
		j.port = find_any_address(t, wish->addr);
	/* A client of some other server may bind a number, too: but not while it starts. */
	if (wish->type == SOCK_DGRAM && j.port == PORT_NONE && !wish->is_starting)
		j.verdict = BIND_PASS;
	return j;
}
