/*
 * What recycling tells, and who has gone, is all that there is to follow.
 */
#include "primary/drain_order.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/escape.h"

static_assert(RECYCLING_WHY_MAX == STATE_RELOAD_TEXT_MAX, "the state has room for it");

static bool is_open(const struct drain_order *o)
{
	return o->state == DRAIN_ORDER_STARTING || o->state == DRAIN_ORDER_DRAINING;
}

static void fail(struct drain_order *o, const char *why)
{
	o->state = DRAIN_ORDER_FAILED;
	(void)escape_text(why, strlen(why), o->message, sizeof(o->message));
	keep_save(o->keep);
}

const struct worker *drain_order_worker(const struct drain_order *o)
{
	return is_open(o) ? fleet_find_run(o->fleet, o->run) : NULL;
}

void drain_order_note_left(struct drain_order *o)
{
	if (o->state != DRAIN_ORDER_DRAINING || drain_order_worker(o))
		return;
	o->state = DRAIN_ORDER_DONE;
	keep_save(o->keep);
	output_say(o->output, MESSAGE_INFO, "drained",
		   "%s.%u: the worker that was to be drained has left", o->fleet->config->name,
		   o->slot);
}

static void on_ended(void *data, const char *why)
{
	struct drain_order *o = data;

	if (o->state != DRAIN_ORDER_STARTING)
		return;
	if (why) {
		fail(o, why);
		return;
	}
	o->state = DRAIN_ORDER_DRAINING;
	keep_save(o->keep);
	drain_order_note_left(o); /* it may have died meanwhile */
}

int drain_order_begin(struct drain_order *o, unsigned slot, uint64_t *ret_number)
{
	const struct worker *w;

	if (o->fleet->is_stopping)
		return -EBUSY;
	if (slot < 1 || slot > o->fleet->n_wanted)
		return -EINVAL;
	if (is_open(o) || !recycling_is_idle(o->recycling))
		return -EALREADY;
	w = o->fleet->workers[slot - 1];
	if (!w || w->state != WORKER_READY || !worker_is_running(w))
		return -ENOENT;
	o->number++;
	o->slot = slot;
	o->run = w->process->client.run;
	o->state = DRAIN_ORDER_STARTING;
	o->message[0] = '\0';
	*ret_number = o->number;
	recycling_replace(o->recycling, slot, RECYCLE_ASKED, "is to be drained");
	return 0;
}

const char *drain_order_text(enum drain_order_state state)
{
	static const char *const texts[DRAIN_ORDER_STATES] = {
		[DRAIN_ORDER_NONE] = "none",         [DRAIN_ORDER_STARTING] = "starting",
		[DRAIN_ORDER_DRAINING] = "draining", [DRAIN_ORDER_DONE] = "done",
		[DRAIN_ORDER_FAILED] = "failed",
	};

	assert((unsigned)state < DRAIN_ORDER_STATES);
	return texts[state];
}

void drain_order_init(struct drain_order *o)
{
	o->recycling->on_ended = on_ended;
	o->recycling->on_ended_data = o;
}

/* --- from primary to primary --- */

void drain_order_remains(const struct drain_order *o, struct state_drain *ret_remains)
{
	*ret_remains = (struct state_drain){
		.number = o->number,
		.run = o->run,
		.slot = o->slot,
		.state = o->state,
	};
	memcpy(ret_remains->message, o->message, sizeof(ret_remains->message));
}

void drain_order_resume(struct drain_order *o, const struct state_drain *remains)
{
	o->number = remains->number;
	o->run = remains->run;
	o->slot = remains->slot;
	if (remains->state < DRAIN_ORDER_STATES)
		o->state = (enum drain_order_state)remains->state;
	memcpy(o->message, remains->message, sizeof(o->message) - 1);
}

void drain_order_go_on(struct drain_order *o)
{
	const struct worker *member;

	if (o->state == DRAIN_ORDER_STARTING && o->recycling->slot != o->slot) {
		member = o->slot >= 1 && o->slot <= o->fleet->n_wanted
				 ? o->fleet->workers[o->slot - 1]
				 : NULL;
		/* Our predecessor died over it: either behind the last step, or before the first. */
		if (member && member->process && member->process->client.run > o->run)
			on_ended(o, NULL);
		else
			fail(o, "it was cut off with its primary");
	}
	drain_order_note_left(o);
}
