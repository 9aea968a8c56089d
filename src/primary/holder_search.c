/*
 * Joins the kernel's list of sockets with the rules about them. See holder_search.h.
 */
#include "primary/holder_search.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/sock.h"
#include "os/sock_diag.h"

#define SIZE_AT_FIRST 16

struct socket_wish holder_wish(const struct addr *addr)
{
	struct socket_wish wish = {
		.addr = *addr,
		.uid = geteuid(),
		/* With UDP it would let others share the address. */
		.reuseaddr = addr->protocol != IPPROTO_UDP,
	};

	return wish;
}

void holder_search_init(const struct socket_wish *wish, struct holder_search *ret_search)
{
	*ret_search = (struct holder_search){ .wish = *wish };
}

void holder_search_done(struct holder_search *s)
{
	free(s->sockets);
	*s = (struct holder_search){ .wish = s->wish };
}

static bool has_room(const struct holder_search *s, enum socket_state state)
{
	const size_t *n = s->n_kept;

	if (state <= SOCKET_BOUND)
		return n[SOCKET_LISTENING] + n[SOCKET_BOUND] < HOLDER_SOCKETS_MAX;
	return n[SOCKET_CONNECTED] + n[SOCKET_CLOSING] + n[SOCKET_TIME_WAIT] <
	       HOLDER_CONNECTIONS_MAX;
}

static int grow(struct holder_search *s)
{
	size_t size = s->sockets_size ? 2 * s->sockets_size : SIZE_AT_FIRST;
	struct holder_socket *more = reallocarray(s->sockets, size, sizeof(*more));

	if (!more)
		return -ENOMEM;
	s->sockets = more;
	s->sockets_size = size;
	return 0;
}

static int add_socket(const struct socket_info *info, void *arg)
{
	struct holder_search *s = arg;
	struct holders_verdict verdict = holders_judge(&s->wish, info);

	if (verdict.effect != HOLDERS_PASSES) {
		holders_add(verdict, &s->count);
		s->n_by_state[info->state]++;
		if (info->ends_in_ms > s->ends_in_ms)
			s->ends_in_ms = info->ends_in_ms;
	} else if (info->state > SOCKET_BOUND) {
		return 0; /* somebody else's connection says nothing about us */
	}
	if (!has_room(s, info->state))
		return 0;
	if (s->n_sockets == s->sockets_size && grow(s) < 0)
		return -ENOMEM;
	s->sockets[s->n_sockets++] = (struct holder_socket){ .info = *info, .verdict = verdict };
	s->n_kept[info->state]++;
	return 0;
}

int holder_search_run(struct holder_search *s, uint16_t protocol, unsigned states)
{
	const struct addr *wanted = &s->wish.addr;

	if (wanted->family == AF_UNIX)
		return sock_diag_unix(wanted, add_socket, s, &s->file_type);
	return sock_diag_port(protocol, wanted->port, states, add_socket, s);
}

static int compare_sockets(const void *a, const void *b)
{
	const struct holder_socket *x = a, *y = b;
	int x_passes = x->verdict.effect == HOLDERS_PASSES;
	int y_passes = y->verdict.effect == HOLDERS_PASSES;

	if (x_passes != y_passes)
		return x_passes - y_passes;
	return holders_compare(&x->info, &y->info);
}

void holder_search_sort(struct holder_search *s)
{
	if (s->n_sockets > 1)
		qsort(s->sockets, s->n_sockets, sizeof(*s->sockets), compare_sockets);
}

void holder_search_absolve(struct holder_search *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_sockets; i++) {
		struct holder_socket *h = &s->sockets[i];

		h->verdict.effect = HOLDERS_PASSES;
		if (h->info.state <= SOCKET_BOUND)
			s->sockets[n++] = *h;
	}
	s->n_sockets = n;
	for (size_t state = 0; state < SOCKET_STATES; state++) {
		s->n_by_state[state] = 0;
		if (state > SOCKET_BOUND)
			s->n_kept[state] = 0;
	}
}

const char *holder_file_text(const struct holder_search *s)
{
	if (s->file_type == 0)
		return NULL;
	if (s->file_type != S_IFSOCK)
		return "a file that is no socket: choose another path";
	if (sock_unix_is_alive(&s->wish.addr)) /* paths are shared by all network namespaces */
		return "a process of another network namespace";
	return "a socket file that was left behind: `berth run --listen` replaces it, others "
	       "must remove it first";
}
