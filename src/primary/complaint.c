#include "primary/complaint.h"

#include <errno.h>
#include <stdio.h>

#include "core/advice.h"
#include "os/clock.h"
#include "os/procfs.h"
#include "primary/holder.h"

#define COMPLAINT_PAUSE_MS 1000

const char *complaint_text(int error, const struct addr *a,
			   char ret_text[static COMPLAINT_TEXT_MAX])
{
	char advice[ADVICE_TEXT_MAX];

	if (error == EADDRINUSE && holder_sentence(a, ret_text, COMPLAINT_TEXT_MAX) == 0)
		return ret_text;
	(void)snprintf(ret_text, COMPLAINT_TEXT_MAX, "%s",
		       advice_for_bind(error, a, procfs_unprivileged_port_start(), advice));
	return ret_text;
}

void complain(struct broker *b, struct broker_client *client, int error, const struct addr *a)
{
	char text[COMPLAINT_TEXT_MAX];
	int64_t now_ms = clock_ms();

	if (client->explained_at_ms && now_ms - client->explained_at_ms < COMPLAINT_PAUSE_MS) {
		client->n_unexplained++;
		return;
	}
	if (client->n_unexplained)
		output_say_worker(b->output, &client->source, MESSAGE_WARNING, "bind_failed",
				  "%s (%u more times since the last word)",
				  complaint_text(error, a, text), client->n_unexplained);
	else
		output_say_worker(b->output, &client->source, MESSAGE_WARNING, "bind_failed", "%s",
				  complaint_text(error, a, text));
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
