/*
 * Whoever owns a descriptor stores it again with the new keeper.
 */
#include "primary/renewal.h"

#include <string.h>
#include <unistd.h>

#include "base/container_of.h"
#include "base/own.h"
#include "os/clock.h"
#include "primary/new_keeper.h"
#include "primary/orders.h"
#include "primary/port_remains.h"
#include "primary/primary_parts.h"
#include "primary/run_log.h"
#include "primary/succession.h"

/* The pause before another keeper, when one has died soon after it was started. */
#define RENEW_MAX_MS   5000
#define RENEW_RESET_MS 1000

/* What is told beside names that are kept, ADOPT and READY among it; and names that come anew. */
#define WORDS_MORE 16

static void store_stream(void *data, const struct message_source *source, uint64_t id, int fd)
{
	struct primary *p = data;

	(void)run_log_store(p->keep, source, id, fd);
}

/* That we have taken over ends it. */
static void give_everything(struct primary *p)
{
	port_remains_store(&p->ports); /* without the copies no berth gets a client */
	port_remains_store_steering(&p->ports);
	(void)keep_store(p->keep, p->record_fd, "trapped");
	if (p->api_fd >= 0)
		(void)keep_store(p->keep, p->api_fd, "api");
	if (p->notify)
		(void)keep_store(p->keep, notify_socket_fd(p->notify), "notify/socket");
	if (output_journal_fd(p->output) >= 0)
		(void)keep_store(p->keep, output_journal_fd(p->output), PRIMARY_JOURNAL_NAME);
	if (event_log_fd(p->events) >= 0)
		(void)keep_store(p->keep, event_log_fd(p->events), PRIMARY_EVENTS_NAME);
	fleet_store(&p->fleet);
	output_each_stream(p->output, store_stream, p);
	keep_ready(p->keep);
}

/*
 * Everything lies in the channel before there is a keeper to read it: from its first
 * instruction on we may die. Only where there is no room for all does it have to be there.
 */
static int renew(struct primary *p, pid_t *ret_pid)
{
	own_fd ours = NO_FD;
	own_fd theirs = NO_FD;
	size_t n_words = keep_n_kept(p->keep) + WORDS_MORE;
	size_t n_room = 0;
	int r = new_keeper_channel(&ours, &theirs, &n_room);

	if (r == 0)
		r = keep_renew(p->keep, take_fd(&ours));
	if (r < 0)
		return r;
	succession_save(p); /* what it has to know goes first, and has room */
	if (n_words <= n_room)
		give_everything(p);
	r = new_keeper_start(p->argv, &p->fleet.home.inherited, theirs, ret_pid);
	if (r == 0)
		r = keep_renewed(p->keep, *ret_pid);
	if (r < 0)
		keep_lose(p->keep);
	drop_fd(&theirs);
	if (n_words > n_room)
		give_everything(p); /* without a keeper it counts, at least */
	return r;
}

static void renew_later(struct primary *p);

static void on_renew(uv_timer_t *timer)
{
	struct primary *p = container_of(timer, struct primary, renew);
	pid_t pid;
	int r = renew(p, &pid);

	if (r < 0) {
		orders_take_signals(p);
		output_say(p->output, MESSAGE_ERROR, "keeper_lost",
			   "the keeper has died, and another cannot be started (%s): workers go "
			   "on, and signals for berth are for this primary (pid %d) now; if it "
			   "dies, nobody takes over",
			   strerror(-r), (int)getpid());
		fleet_store(&p->fleet); /* they have to be watched, all the same */
		renew_later(p);
		return;
	}
	p->renewed_at_ms = clock_ms();
	orders_leave_signals(p);
	port_remains_go_on(&p->ports);
	output_say(p->output, MESSAGE_WARNING, "keeper_lost",
		   "the keeper has died: another one (pid %d) has everything, workers go on",
		   (int)pid);
}

/* At once, but if the last new keeper died at once as well, after a pause that grows. */
static void renew_later(struct primary *p)
{
	(void)uv_timer_start(&p->renew, on_renew, p->renew_ms, 0);
	p->renew_ms = p->renew_ms < RENEW_MAX_MS / 2 ? 2 * p->renew_ms : RENEW_MAX_MS;
}

void renewal_begin(void *data)
{
	struct primary *p = data;

	if (clock_ms() - p->renewed_at_ms > RENEW_RESET_MS)
		p->renew_ms = 1;
	upgrade_fail(&p->upgrade, "rolled back: the keeper died meanwhile, try again");
	renew_later(p);
}
