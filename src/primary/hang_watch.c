/*
 * The kernel tells of all listening sockets of a port in one answer; which berth each of
 * them is, its inode tells.
 */
#include "primary/hang_watch.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "os/clock.h"
#include "os/sock_diag.h"
#include "os/stacks.h"
#include "primary/datagrams.h"

#define PROCESSES_MAX 32 /* of one worker, whose threads are shown */
#define THREADS_MAX   64 /* of one process */
#define TEXT_MAX      512

/* --- one look --- */

struct survey {
	struct hang_watch *h;
	const struct port *port;
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
	if (!b || b->is_held || s->n == HANG_WATCH_BERTHS_MAX)
		return 0;
	counters = steer_berth(s->port->ports->steer, b->index);
	s->h->readings[s->n++] = (struct hung_reading){
		.run = b->owner.run,
		.berth = b->cookie,
		.n_came = counters->steered + counters->migrated_in,
		.n_queued = socket->n_queued,
		.n_queued_max = socket->n_queued_max,
	};
	return 0;
}

static size_t read_all(struct hang_watch *h)
{
	const struct ports *p = h->fleet->ports;
	struct survey s = { .h = h };

	for (unsigned i = 0; i < PORT_TABLE_MAX; i++) {
		s.port = p->at[i];
		if (s.port && s.port->kind == PORT_STEERED && s.port->berths &&
		    !port_is_udp(s.port))
			(void)sock_diag_port(IPPROTO_TCP, port_addr(s.port)->port,
					     SOCK_DIAG_LISTENING, take_in, &s);
	}
	return s.n;
}

/* --- one that hangs --- */

struct show {
	const struct hang_watch *h;
	const struct message_source *source;
	unsigned n;
};

static int show_thread(const struct stacks_thread *t, void *arg)
{
	struct show *s = arg;

	if (s->n++ >= THREADS_MAX)
		return 0;
	output_say_worker(s->h->output, s->source, MESSAGE_WARNING, "worker_stack",
			  "process %d, thread %d (%s): state %c%s%s%s%s; kernel stack: %s",
			  (int)t->process, (int)t->thread, t->comm, t->state,
			  t->call[0] ? ", system call " : "", t->call,
			  t->wchan[0] ? ", waits in " : "", t->wchan,
			  t->stack[0] ? t->stack : "not to be had");
	return 0;
}

static void show_threads(const struct hang_watch *h, const struct worker *w)
{
	const struct message_source *source = &w->process->client.source;
	pid_t pids[PROCESSES_MAX];
	int n = process_pids(w->process, pids, PROCESSES_MAX);

	for (int i = 0; i < n && i < PROCESSES_MAX; i++) {
		struct show s = { .h = h, .source = source };

		(void)stacks_each_thread(pids[i], show_thread, &s);
		if (s.n > THREADS_MAX)
			output_say_worker(h->output, source, MESSAGE_WARNING, "worker_stack",
					  "process %d has %u threads more", (int)pids[i],
					  s.n - THREADS_MAX);
	}
	if (n > PROCESSES_MAX)
		output_say_worker(h->output, source, MESSAGE_WARNING, "worker_stack",
				  "%d processes more", n - PROCESSES_MAX);
}

static unsigned n_waiting(const struct hang_watch *h, size_t n, uint64_t run)
{
	unsigned n_queued = 0;

	for (size_t i = 0; i < n; i++)
		if (h->readings[i].run == run)
			n_queued += h->readings[i].n_queued;
	return n_queued;
}

static void replace(struct hang_watch *h, uint64_t run, size_t n)
{
	const struct worker *w = fleet_find_run(h->fleet, run);
	const unsigned n_queued = n_waiting(h, n, run);
	char details[TEXT_MAX];

	/* Else it's found again by the next look. */
	if (!recycling_is_free(h->recycling))
		return;
	hung_forget(&h->watch, run);
	if (!w || w->role != WORKER_MEMBER || w->state != WORKER_READY)
		return;
	(void)snprintf(details, sizeof(details),
		       "hangs: for %.1f s it has come for none of the %u connection%s that wait%s "
		       "for it, while others came for theirs",
		       (double)h->config->hang_timeout_ms / 1000, n_queued,
		       n_queued == 1 ? "" : "s", n_queued == 1 ? "s" : "");
	output_say_worker(h->output, &w->process->client.source, MESSAGE_WARNING, "worker_hung",
			  "%s", details);
	show_threads(h, w);
	recycling_replace(h->recycling, w->slot, RECYCLE_HUNG, "hangs");
}

/* --- when to look --- */

static void look(struct hang_watch *h);

static void on_timer(uv_timer_t *timer)
{
	look(container_of(timer, struct hang_watch, timer));
}

/* Whether anything has come since the last look, or waits. */
static bool has_traffic(struct hang_watch *h, size_t n)
{
	const uint64_t n_before = h->n_came;

	h->n_came = 0;
	for (size_t i = 0; i < n; i++)
		h->n_came += h->readings[i].n_came;
	return h->n_came != n_before || hung_has_queue(&h->watch);
}

static void look(struct hang_watch *h)
{
	size_t n;
	uint64_t run;

	if (h->fleet->is_stopping || !h->fleet->ports->steer)
		return;
	n = read_all(h);
	run = hung_look(&h->watch, h->readings, n, h->config->hang_timeout_ms, clock_ms());
	if (run != HUNG_NOBODY)
		replace(h, run, n);
	/* What comes from now on is told of. */
	if (has_traffic(h, n))
		(void)uv_timer_start(&h->timer, on_timer, hung_look_ms(h->config->hang_timeout_ms),
				     0);
}

void hang_watch_note_traffic(struct hang_watch *h)
{
	if (h->berths && !uv_is_active((uv_handle_t *)&h->timer))
		look(h);
}

static void on_traffic(void *data)
{
	hang_watch_note_traffic(data);
}

int hang_watch_init(struct hang_watch *h, uv_loop_t *loop)
{
	int err = uv_timer_init(loop, &h->timer);

	if (err < 0 || !h->config->hang_timeout_ms)
		return err;
	h->berths = calloc(HANG_WATCH_BERTHS_MAX, sizeof(*h->berths));
	h->readings = calloc(HANG_WATCH_BERTHS_MAX, sizeof(*h->readings));
	if (!h->berths || !h->readings)
		return -ENOMEM;
	hung_init(&h->watch, h->berths, HANG_WATCH_BERTHS_MAX);
	h->fleet->ports->on_traffic = on_traffic;
	h->fleet->ports->on_traffic_data = h;
	return 0;
}

void hang_watch_done(struct hang_watch *h)
{
	uv_close((uv_handle_t *)&h->timer, NULL);
	free(h->berths);
	free(h->readings);
	h->berths = NULL;
	h->readings = NULL;
}
