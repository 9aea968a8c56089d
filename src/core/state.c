/*
 * The blob: a head that says what follows, and four kinds of records.
 */
#include "core/state.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rollout.h"
#include "core/worker_fsm.h"

#define MAGIC 0x4554415453544842u /* no text that anybody would write by chance */

#define RECORD_SIZE_MAX 4096 /* no version's records are longer */

enum section {
	SECTION_APP,
	SECTION_WORKERS,
	SECTION_PORTS,
	SECTION_BERTHS,
	SECTIONS,
};

struct section_head {
	uint32_t n_records;
	uint32_t record_size; /* in bytes */
};

struct head {
	uint64_t magic;
	uint32_t version;
	uint32_t n_sections;
	struct section_head sections[SECTIONS];
};

struct section_rule {
	uint32_t n_max;
	uint32_t size; /* of a record as we know it */
};

static const struct section_rule rules[SECTIONS] = {
	[SECTION_APP] = { 1, sizeof(struct state_app) },
	[SECTION_WORKERS] = { STATE_WORKERS_MAX, sizeof(struct state_worker) },
	[SECTION_PORTS] = { PORT_TABLE_MAX, sizeof(struct state_port) },
	[SECTION_BERTHS] = { STATE_BERTHS_MAX, sizeof(struct state_berth) },
};

void state_done(struct state *s)
{
	free(s->workers);
	free(s->ports);
	free(s->berths);
	memset(s, 0, sizeof(*s));
}

/* --- reading --- */

static int refuse(char *ret_refusal, int error, const char *text)
{
	(void)snprintf(ret_refusal, STATE_REFUSAL_MAX, "%s", text);
	return error;
}

static int check_head(const struct head *head, size_t size, char *ret_refusal)
{
	size_t needed = sizeof(*head);

	if (head->magic != MAGIC)
		return refuse(ret_refusal, -EINVAL, "the state is none of berth's");
	if (head->version != STATE_VERSION || head->n_sections != SECTIONS) {
		(void)snprintf(ret_refusal, STATE_REFUSAL_MAX,
			       "the state has version %u, this berth reads version %d only",
			       (unsigned)head->version, STATE_VERSION);
		return -EPROTO;
	}
	for (int i = 0; i < SECTIONS; i++) {
		const struct section_head *s = &head->sections[i];

		if (s->n_records > rules[i].n_max || s->record_size > RECORD_SIZE_MAX)
			return refuse(ret_refusal, -EINVAL, "the state is larger than can be");
		needed += (size_t)s->n_records * s->record_size;
	}
	if (needed != size || head->sections[SECTION_APP].n_records != 1)
		return refuse(ret_refusal, -EINVAL, "the state is damaged: its size is wrong");
	return 0;
}

/* Takes of each record what we know of, and leaves 0 what the writer didn't. */
static const char *copy_records(const struct section_head *s, uint32_t size, const char *at,
				void *ret_records)
{
	uint32_t common = s->record_size < size ? s->record_size : size;

	for (uint32_t i = 0; i < s->n_records; i++) {
		memcpy((char *)ret_records + (size_t)i * size, at, common);
		at += s->record_size;
	}
	return at;
}

static bool are_workers_good(const struct state *s)
{
	bool is_seen[APP_WORKERS_MAX + 1] = { false };

	for (size_t i = 0; i < s->n_workers; i++) {
		const struct state_worker *w = &s->workers[i];

		if (w->slot == 0 || w->slot > APP_WORKERS_MAX || w->state >= WORKER_STATES ||
		    w->role >= WORKER_ROLES || w->pid < 0)
			return false;
		if (w->role == WORKER_MEMBER && is_seen[w->slot])
			return false;
		is_seen[w->slot] |= w->role == WORKER_MEMBER;
	}
	return true;
}

static bool is_addr_good(const struct addr *a)
{
	/* A bool of another value must not even be read as one. */
	if (*(const unsigned char *)&a->v6only > 1)
		return false;
	switch (a->family) {
	case AF_UNSPEC:
	case AF_INET:
	case AF_INET6: return a->port != 0;
	case AF_UNIX: return a->unix_len > 0 && a->unix_len <= ADDR_UNIX_MAX;
	default: return false;
	}
}

static bool are_ports_good(const struct state *s)
{
	bool is_seen[PORT_TABLE_MAX] = { false };

	for (size_t i = 0; i < s->n_ports; i++) {
		const struct state_port *p = &s->ports[i];

		if (p->id >= PORT_TABLE_MAX || is_seen[p->id] || p->any_port > PORT_NONE ||
		    p->anchor >= STATE_BERTHS_MAX || p->path_owner.n_groups > STATE_GROUPS_MAX ||
		    !is_addr_good(&p->addr))
			return false;
		is_seen[p->id] = true;
	}
	for (size_t i = 0; i < s->n_berths; i++) {
		const struct state_berth *b = &s->berths[i];

		if (b->port >= PORT_TABLE_MAX || !is_seen[b->port] || b->index >= STATE_BERTHS_MAX)
			return false;
	}
	return true;
}

static bool is_good(const struct state *s)
{
	const struct state_reload *r = &s->app.reload;

	if (r->phase >= ROLLOUT_PHASES || r->message[STATE_RELOAD_TEXT_MAX - 1] ||
	    s->app.drain.message[STATE_RELOAD_TEXT_MAX - 1] || r->canary_percent > 100 ||
	    r->next_canary_percent > 100)
		return false;
	return s->app.n_wanted >= 1 && s->app.n_wanted <= APP_WORKERS_MAX && are_workers_good(s) &&
	       are_ports_good(s);
}

static bool allocate(const struct head *head, struct state *s)
{
	s->n_workers = head->sections[SECTION_WORKERS].n_records;
	s->n_ports = head->sections[SECTION_PORTS].n_records;
	s->n_berths = head->sections[SECTION_BERTHS].n_records;
	/* One more than needed: an empty list has memory, too. */
	s->workers = calloc(s->n_workers + 1, sizeof(*s->workers));
	s->ports = calloc(s->n_ports + 1, sizeof(*s->ports));
	s->berths = calloc(s->n_berths + 1, sizeof(*s->berths));
	return s->workers && s->ports && s->berths;
}

int state_read(const void *blob, size_t size, struct state *ret_state,
	       char ret_refusal[static STATE_REFUSAL_MAX])
{
	const char *at = (const char *)blob + sizeof(struct head);
	struct state s = { 0 };
	struct head head;
	int r;

	if (size < sizeof(head) || size > STATE_SIZE_MAX)
		return refuse(ret_refusal, -EINVAL, "the state is damaged: its size is wrong");
	memcpy(&head, blob, sizeof(head));
	r = check_head(&head, size, ret_refusal);
	if (r < 0)
		return r;
	if (!allocate(&head, &s)) {
		state_done(&s);
		return refuse(ret_refusal, -ENOMEM, "no memory for the state");
	}
	at = copy_records(&head.sections[SECTION_APP], sizeof(s.app), at, &s.app);
	at = copy_records(&head.sections[SECTION_WORKERS], sizeof(*s.workers), at, s.workers);
	at = copy_records(&head.sections[SECTION_PORTS], sizeof(*s.ports), at, s.ports);
	(void)copy_records(&head.sections[SECTION_BERTHS], sizeof(*s.berths), at, s.berths);
	if (!is_good(&s)) {
		state_done(&s);
		return refuse(ret_refusal, -EINVAL, "the state is damaged: it contradicts itself");
	}
	*ret_state = s;
	return 0;
}

/* --- writing --- */

bool state_can_be_read(const struct state *s)
{
	const size_t counts[SECTIONS] = { 1, s->n_workers, s->n_ports, s->n_berths };
	size_t size = sizeof(struct head);

	for (int i = 0; i < SECTIONS; i++) {
		if (counts[i] > rules[i].n_max)
			return false;
		size += counts[i] * rules[i].size;
	}
	return size <= STATE_SIZE_MAX && is_good(s);
}

size_t state_write(const struct state *s, void **ret_blob)
{
	const void *records[SECTIONS] = { &s->app, s->workers, s->ports, s->berths };
	const size_t counts[SECTIONS] = { 1, s->n_workers, s->n_ports, s->n_berths };
	struct head head = { .magic = MAGIC, .version = STATE_VERSION, .n_sections = SECTIONS };
	size_t size = sizeof(head);
	char *blob;
	char *at;

	if (!state_can_be_read(s))
		return 0;
	for (int i = 0; i < SECTIONS; i++) {
		head.sections[i].n_records = (uint32_t)counts[i];
		head.sections[i].record_size = rules[i].size;
		size += counts[i] * rules[i].size;
	}
	at = blob = malloc(size);
	if (!blob)
		return 0;
	memcpy(at, &head, sizeof(head));
	at += sizeof(head);
	for (int i = 0; i < SECTIONS; i++) {
		if (counts[i])
			memcpy(at, records[i], counts[i] * rules[i].size);
		at += counts[i] * rules[i].size;
	}
	*ret_blob = blob;
	return size;
}
