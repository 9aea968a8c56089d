/*
 * The kernel's rules for who may bind beside whom. See holders.h.
 */
#include "core/holders.h"

#include <errno.h>
#include <string.h>

/*
 * What an address takes of IPv4 and of IPv6. One of each at most is enough: an
 * IPv4 address that is written as IPv6 (::ffff:1.2.3.4) counts as IPv4.
 */
enum extent {
	NONE,
	ONE,
	ALL
};

struct coverage {
	enum extent v4, v6;
	struct in_addr v4_addr;
	struct in6_addr v6_addr;
};

static struct coverage coverage_of_v4(struct in_addr v4)
{
	struct coverage s = { .v4 = v4.s_addr == htonl(INADDR_ANY) ? ALL : ONE, .v4_addr = v4 };

	return s;
}

static struct coverage coverage_of_v6(const struct addr *a)
{
	struct coverage s = { .v6 = ONE, .v6_addr = a->u.v6 };
	struct in_addr mapped;

	if (IN6_IS_ADDR_V4MAPPED(&a->u.v6)) {
		memcpy(&mapped, &a->u.v6.s6_addr[12], sizeof(mapped));
		return coverage_of_v4(mapped);
	}
	if (addr_is_wildcard(a)) {
		s.v6 = ALL;
		s.v4 = a->v6only ? NONE : ALL;
	}
	return s;
}

static struct coverage coverage_of(const struct addr *a)
{
	struct coverage all = { .v4 = ALL, .v6 = ALL };

	switch (a->family) {
	case AF_INET: return coverage_of_v4(a->u.v4);
	case AF_INET6: return coverage_of_v6(a);
	default: return all;
	}
}

static bool overlaps(enum extent a, enum extent b, bool is_equal)
{
	return a != NONE && b != NONE && (a == ALL || b == ALL || is_equal);
}

static enum holders_relation relate_extents(enum extent ours, enum extent its)
{
	if (ours == its)
		return HOLDERS_SAME_ADDRESS;
	return its == ALL ? HOLDERS_COVERS_US : HOLDERS_COVERED_BY_US;
}

static enum holders_relation relate_coverage(const struct coverage *ours,
					     const struct coverage *its)
{
	bool v4 = overlaps(ours->v4, its->v4, ours->v4_addr.s_addr == its->v4_addr.s_addr);
	bool v6 = overlaps(ours->v6, its->v6, IN6_ARE_ADDR_EQUAL(&ours->v6_addr, &its->v6_addr));

	if (v6)
		return relate_extents(ours->v6, its->v6);
	if (!v4)
		return (ours->v4 && its->v4) || (ours->v6 && its->v6) ? HOLDERS_OTHER_ADDRESS
								      : HOLDERS_OTHER_FAMILY;
	if (its->v6)
		return HOLDERS_DUAL_STACK_TAKES_US;
	if (ours->v6)
		return HOLDERS_OUR_DUAL_STACK;
	return relate_extents(ours->v4, its->v4);
}

static enum holders_relation relate(const struct addr *ours, const struct addr *its)
{
	struct coverage our_coverage, its_coverage;

	if ((ours->family == AF_UNIX) != (its->family == AF_UNIX))
		return HOLDERS_OTHER_FAMILY;
	if (ours->family == AF_UNIX)
		return addr_equal(ours, its) ? HOLDERS_SAME_ADDRESS : HOLDERS_OTHER_ADDRESS;
	if (ours->protocol != its->protocol)
		return HOLDERS_OTHER_PROTOCOL;
	if (ours->port != its->port)
		return HOLDERS_OTHER_PORT;
	if (ours->device != 0 && its->device != 0 && ours->device != its->device)
		return HOLDERS_OTHER_DEVICE;
	our_coverage = coverage_of(ours);
	its_coverage = coverage_of(its);
	if (ours->family == AF_UNSPEC) /* every address is one of them */
		return HOLDERS_COVERED_BY_US;
	return relate_coverage(&our_coverage, &its_coverage);
}

static bool is_apart(enum holders_relation r)
{
	return r < HOLDERS_SAME_ADDRESS;
}

/* Not for Unix sockets, where the kernel knows no sharing. */
static enum holders_effect effect_of(const struct socket_wish *wish, const struct socket_info *s)
{
	/* Whose socket it was is forgotten in TIME_WAIT, and not asked. */
	bool is_ours = s->uid == wish->uid || s->state == SOCKET_TIME_WAIT;

	/* SO_REUSEADDR helps beside all but listening sockets; with UDP it shares. */
	if (wish->reuseaddr && s->state != SOCKET_LISTENING)
		return HOLDERS_PASSES_IF_REUSEADDR;
	if (wish->reuseport && is_ours)
		return HOLDERS_PASSES_IF_REUSEPORT;
	return HOLDERS_BLOCKS;
}

struct holders_verdict holders_judge(const struct socket_wish *wish, const struct socket_info *s)
{
	struct holders_verdict v = { .relation = relate(&wish->addr, &s->local) };

	if (is_apart(v.relation))
		v.effect = HOLDERS_PASSES;
	else if (wish->addr.family == AF_UNIX)
		v.effect = HOLDERS_BLOCKS;
	else
		v.effect = effect_of(wish, s);
	return v;
}

void holders_add(struct holders_verdict v, struct holders_count *count)
{
	count->n_blocks += v.effect == HOLDERS_BLOCKS;
	count->n_unless_reuse +=
		v.effect == HOLDERS_PASSES_IF_REUSEADDR || v.effect == HOLDERS_PASSES_IF_REUSEPORT;
}

enum holders_outcome holders_conclude(struct holders_count count, int bind_error)
{
	switch (bind_error) {
	case 0: return count.n_blocks > 0 ? HOLDERS_CHANGED : HOLDERS_FREE;
	case EADDRINUSE:
		return count.n_blocks + count.n_unless_reuse > 0 ? HOLDERS_HELD
								 : HOLDERS_HELD_BY_UNKNOWN;
	case EACCES:
	case EPERM: return count.n_blocks > 0 ? HOLDERS_HELD : HOLDERS_NOT_PERMITTED;
	default: return HOLDERS_UNUSABLE;
	}
}

/* Whether new traffic comes to it. */
static bool takes_traffic(const struct socket_info *s)
{
	return s->state == SOCKET_LISTENING ||
	       (s->local.protocol == IPPROTO_UDP && s->state == SOCKET_BOUND);
}

bool holders_share_group(const struct socket_info *a, const struct socket_info *b)
{
	return a->local.family != AF_UNIX && a->uid == b->uid && takes_traffic(a) &&
	       takes_traffic(b) && addr_equal(&a->local, &b->local);
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

int holders_compare(const struct socket_info *a, const struct socket_info *b)
{
	int order = compare_numbers(a->state, b->state);

	if (order == 0)
		order = compare_numbers(a->local.family, b->local.family);
	if (order == 0)
		order = memcmp(a->local.u.path, b->local.u.path, ADDR_UNIX_MAX);
	if (order == 0)
		order = compare_numbers(a->local.device, b->local.device);
	return order ? order : compare_numbers(a->inode, b->inode);
}

const char *holders_relation_text(enum holders_relation relation)
{
	switch (relation) {
	case HOLDERS_OTHER_PROTOCOL: return "has another protocol";
	case HOLDERS_OTHER_PORT: return "has another port";
	case HOLDERS_OTHER_DEVICE: return "is tied to another interface";
	case HOLDERS_OTHER_FAMILY: return "is of the other IP version";
	case HOLDERS_OTHER_ADDRESS: return "has another address";
	case HOLDERS_SAME_ADDRESS: return "has the same address";
	case HOLDERS_COVERS_US: return "has all addresses";
	case HOLDERS_COVERED_BY_US: return "has one of the addresses";
	case HOLDERS_DUAL_STACK_TAKES_US: return "takes IPv4 too, being [::] without v6only";
	case HOLDERS_OUR_DUAL_STACK: return "has an IPv4 address, which [::] takes too";
	}
	return "is something else";
}

const char *holders_state_text(enum socket_state state)
{
	switch (state) {
	case SOCKET_LISTENING: return "listening";
	case SOCKET_BOUND: return "bound";
	case SOCKET_CONNECTED: return "connected";
	case SOCKET_CLOSING: return "closing";
	case SOCKET_TIME_WAIT: return "time-wait";
	case SOCKET_STATES: break;
	}
	return "unknown";
}
