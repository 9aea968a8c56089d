/*
 * The kernel tells of all listening sockets of a port in one answer; which berth each of
 * them is, its inode tells.
 */
#include "primary/queue_look.h"

#include <netinet/in.h>
#include <stdio.h>

#include "os/sock_diag.h"
#include "primary/datagrams.h"

struct survey {
	const struct port *port;
	uint64_t canary;
	struct hung_reading *readings;
	size_t n;
};

static const struct berth *find_berth(const struct port *port, uint32_t inode)
{
	for (const struct berth *b = port->berths; b; b = b->next)
		if (b->inode == inode)
			return b;
	return NULL;
}

static int take_in(const struct socket_info *socket, void *arg)
{
	struct survey *s = arg;
	const struct berth *b = find_berth(s->port, socket->inode);
	const struct steer_berth *counters;

	/* Who drains or is on trial is not sent anything. */
	if (!b || (b->is_held && b->owner.run != s->canary) || s->n == QUEUE_LOOK_MAX)
		return 0;
	counters = steer_berth(s->port->ports->steer, b->index);
	s->readings[s->n++] = (struct hung_reading){
		.run = b->owner.run,
		.berth = b->cookie,
		.n_came = counters->steered + counters->migrated_in,
		.n_queued = socket->n_queued,
		.n_queued_max = socket->n_queued_max,
	};
	return 0;
}

size_t queue_look(const struct ports *p, uint64_t canary,
		  struct hung_reading ret_readings[static QUEUE_LOOK_MAX])
{
	struct survey s = { .canary = canary, .readings = ret_readings };

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		s.port = p->at[i];
		if (s.port && s.port->kind == PORT_STEERED && s.port->berths &&
		    !port_is_udp(s.port))
			(void)sock_diag_port(IPPROTO_TCP, port_addr(s.port)->port,
					     SOCK_DIAG_LISTENING, take_in, &s);
	}
	return s.n;
}

void queue_look_describe(const struct hung_reading *readings, size_t n, uint64_t run,
			 uint32_t patience_ms, char *ret_text, size_t size)
{
	unsigned n_queued = 0;

	for (size_t i = 0; i < n; i++)
		if (readings[i].run == run)
			n_queued += readings[i].n_queued;
	(void)snprintf(ret_text, size,
		       "hangs: for %.1f s it has come for none of the %u connection%s that wait%s "
		       "for it, while others came for theirs",
		       (double)patience_ms / 1000, n_queued, n_queued == 1 ? "" : "s",
		       n_queued == 1 ? "s" : "");
}
