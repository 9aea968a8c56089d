/*
 * Says what a failed bind means, and not too often.
 */
#include "primary/complaint.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "os/clock.h"
#include "primary/holder.h"
#include "primary/rights.h"

#define COMPLAINT_PAUSE_MS 1000

const char *complaint_text(int error, const struct addr *a,
			   char ret_text[static COMPLAINT_TEXT_MAX])
{
	if (error == EADDRINUSE && holder_sentence(a, ret_text, COMPLAINT_TEXT_MAX) == 0)
		return ret_text;
	return rights_advice(error, a, false, ret_text, COMPLAINT_TEXT_MAX);
}

/* Whether two addresses of one port number cannot both be had. */
static bool overlaps(const struct addr *one, const struct addr *two)
{
	return one->family == AF_UNSPEC || addr_is_wildcard(one) || addr_is_wildcard(two);
}

/* The worker means another address of a port number that is ours already. */
static bool explain_own(struct broker *b, int error, const struct addr *a, char *ret_text)
{
	const struct port *own = ports_find_other(b->ports, a);
	char ours[ADDR_TEXT_MAX];
	char asked[ADDR_TEXT_MAX];

	if (error != EADDRINUSE || !own || !overlaps(port_addr(own), a))
		return false;
	(void)snprintf(ret_text, COMPLAINT_TEXT_MAX,
		       "port %u/%s is this berth's own on %s%s, and the worker asks for %s: both "
		       "must name the same address",
		       a->port, a->protocol == IPPROTO_UDP ? "udp" : "tcp",
		       addr_text(port_addr(own), ours), own->is_named ? " (from --listen)" : "",
		       addr_text(a, asked));
	return true;
}

/* It is not the worker that is short of them: its socket goes through our hands. */
static bool explain_files(int error, const struct addr *a, char *ret_text)
{
	struct rlimit files;
	char asked[ADDR_TEXT_MAX];

	if (error != EMFILE || getrlimit(RLIMIT_NOFILE, &files) < 0)
		return false;
	(void)snprintf(ret_text, COMPLAINT_TEXT_MAX,
		       "%s cannot be bound: berth may have %llu files open (ulimit -Hn), and its "
		       "ports and its workers' sockets at them take them all: start berth run with "
		       "a higher limit, or with fewer ports or workers",
		       addr_text(a, asked), (unsigned long long)files.rlim_max);
	return true;
}

void complain(struct broker *b, struct broker_client *client, int error, const struct addr *a)
{
	char text[COMPLAINT_TEXT_MAX];
	int64_t now_ms = clock_ms();

	if (client->explained_at_ms && now_ms - client->explained_at_ms < COMPLAINT_PAUSE_MS) {
		client->n_unexplained++;
		return;
	}
	if (!explain_own(b, error, a, text) && !explain_files(error, a, text))
		(void)complaint_text(error, a, text);
	if (client->n_unexplained)
		output_say_worker(b->output, &client->source, MESSAGE_WARNING, "bind_failed",
				  "%s (%u more times since the last word)", text,
				  client->n_unexplained);
	else
		output_say_worker(b->output, &client->source, MESSAGE_WARNING, "bind_failed", "%s",
				  text);
	client->explained_at_ms = now_ms;
	client->n_unexplained = 0;
}

void complain_opaque(struct broker *b, struct broker_client *client, pid_t tid)
{
	if (client->has_told_opaque)
		return;
	client->has_told_opaque = true;
	output_say_worker(b->output, &client->source, MESSAGE_WARNING, "worker_opaque",
			  "process %d does not let berth see its sockets (it has rights that berth "
			  "lacks, or forbids tracing): its ports are not shared",
			  (int)tid);
}

void complain_polled(struct broker *b, struct broker_client *client, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	output_say_worker(
		b->output, &client->source, MESSAGE_WARNING, "worker_polls_early",
		"asked epoll about its socket before it listened on %s: in the shared tier "
		"it won't hear of connections; run berth in the steered tier, or let the "
		"program poll after listen()",
		addr_text(a, text));
}
