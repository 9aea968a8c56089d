/*
 * One function for each order, and a table: which signal means it.
 */
#include "primary/orders.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "primary/primary_parts.h"

static void on_stop(struct primary *p)
{
	struct fleet *f = &p->fleet;
	bool is_second = f->is_stopping;

	if (!is_second)
		output_say(p->output, MESSAGE_INFO, "stopping",
			   "stopping %u worker%s; once more to stop at once", f->n_workers,
			   f->n_workers == 1 ? "" : "s");
	else
		output_say(p->output, MESSAGE_INFO, "stopping", "stopping at once");
	fleet_stop(f, is_second);
}

static bool is_busy(struct primary *p)
{
	if (reload_is_open(&p->reload))
		output_say(p->output, MESSAGE_WARNING, "not_scaled",
			   "%s is being reloaded, and keeps as many workers as it has until then",
			   p->config->name);
	return p->fleet.is_stopping || reload_is_open(&p->reload);
}

static void on_one_more(struct primary *p)
{
	struct fleet *f = &p->fleet;

	if (f->n_wanted == APP_WORKERS_MAX || is_busy(p))
		return;
	output_say(p->output, MESSAGE_INFO, "scaled", "%s: one worker more, %u now",
		   p->config->name, f->n_wanted + 1);
	fleet_scale(f, f->n_wanted + 1);
}

static void on_one_fewer(struct primary *p)
{
	struct fleet *f = &p->fleet;

	if (f->n_wanted == 1)
		output_say(p->output, MESSAGE_WARNING, "not_scaled",
			   "%s has one worker only, and keeps it", p->config->name);
	if (f->n_wanted == 1 || is_busy(p))
		return;
	output_say(p->output, MESSAGE_INFO, "scaled", "%s: one worker fewer, %u now",
		   p->config->name, f->n_wanted - 1);
	fleet_scale(f, f->n_wanted - 1);
}

static void on_upgrade(struct primary *p)
{
	uint64_t number;
	int r = primary_upgrade(p, NULL, &number);

	if (r < 0)
		output_say(p->output, MESSAGE_ERROR, "not_upgraded", "cannot upgrade: %s",
			   strerror(-r));
}

static void on_reload(struct primary *p)
{
	const struct primary_reload_wish wish = { .uid = getuid() };
	const char *answer;
	uint64_t number;

	if (primary_reload(p, &wish, &number, &answer) == 0 && strcmp(answer, "begins") != 0)
		output_say(p->output, MESSAGE_INFO, "reload_asked", "reload %llu %s another one",
			   (unsigned long long)number, answer);
}

/* What a signal to berth means. */
static const struct {
	int number;
	void (*handle)(struct primary *p); /* NULL: nothing, and no reader's end should be ours */
} orders[] = {
	{ SIGTERM, on_stop },     { SIGINT, on_stop },       { SIGQUIT, on_stop },
	{ SIGTTIN, on_one_more }, { SIGTTOU, on_one_fewer }, { SIGHUP, on_reload },
	{ SIGUSR2, on_upgrade },  { SIGUSR1, NULL },         { SIGPIPE, NULL },
	{ SIGXFSZ, NULL },
};

#define N_ORDERS (sizeof(orders) / sizeof(orders[0]))

_Static_assert(N_ORDERS == PRIMARY_ORDERS, "a handle for each");

void orders_obey(struct primary *p, int signal)
{
	for (size_t i = 0; i < N_ORDERS; i++)
		if (orders[i].number == signal && orders[i].handle)
			orders[i].handle(p);
}

void orders_ignore_signals(void)
{
	sigset_t none;

	for (size_t i = 0; i < N_ORDERS; i++)
		(void)signal(orders[i].number, SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void on_signal(uv_signal_t *handle, int signal)
{
	orders_obey(handle->data, signal);
}

static void init(struct primary *p)
{
	/* Only the first can fail: it makes what all have in common. */
	for (size_t i = 0; i < N_ORDERS; i++) {
		if (uv_signal_init(&p->loop, &p->signals[i]) < 0)
			return;
		p->signals[i].data = p;
	}
	p->has_signals = true;
}

void orders_take_signals(struct primary *p)
{
	if (!p->has_signals)
		init(p);
	for (size_t i = 0; i < N_ORDERS && p->has_signals; i++)
		if (orders[i].handle)
			(void)uv_signal_start(&p->signals[i], on_signal, orders[i].number);
}

void orders_leave_signals(struct primary *p)
{
	for (size_t i = 0; i < N_ORDERS && p->has_signals; i++) {
		(void)uv_signal_stop(&p->signals[i]);
		(void)signal(orders[i].number, SIG_IGN);
	}
}

void orders_done(struct primary *p)
{
	orders_leave_signals(p);
	for (size_t i = 0; i < N_ORDERS && p->has_signals; i++)
		uv_close((uv_handle_t *)&p->signals[i], NULL);
	p->has_signals = false;
}
